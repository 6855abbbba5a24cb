"""The commands of `register`, one module each."""

import typer

from register.cli import dead_letters, duplicates, rebuild, report, restored, upkeep, why

# A traceback with local variables would show personal data.
app = typer.Typer(
    help="Ask the customer register why, and what it holds; keep it true.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("why")(why.command)
app.command("report")(report.command)
app.command("duplicates")(duplicates.command)
app.command("republish")(upkeep.republish)
app.command("verify")(upkeep.verify)
app.command("rebuild")(rebuild.command)
app.command("restored")(restored.command)
app.add_typer(dead_letters.app, name="dead-letters")


def main() -> None:
    """The console script."""
    app()
