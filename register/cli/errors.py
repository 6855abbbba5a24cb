"""What a command tells instead of an answer."""


class CliError(Exception):
    """A command can't do what was asked; its text says why and what to do, without personal data.

    `exit_code` is 2 where the command was used wrongly or not set up, 1 where it was right and
    there is no answer.
    """

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def usage(text: str) -> CliError:
    """The command was used wrongly, or is not set up."""
    return CliError(text, exit_code=2)
