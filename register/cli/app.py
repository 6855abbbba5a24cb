"""The commands of `register`, one module each."""

import typer

from register.cli import duplicates, why

# A traceback with local variables would show personal data.
app = typer.Typer(
    help="Ask the customer register: why, what is held, who may be one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("why")(why.command)
app.command("duplicates")(duplicates.command)


def main() -> None:
    """The console script."""
    app()
