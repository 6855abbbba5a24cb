"""Runs a command: its answer on stdout, all else on stderr, and never a traceback with data."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

from register.cli.errors import CliError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""
DIFFERENT = 1
"""Exit code of a command that compares, where something differs and was not repaired."""


def run(command: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a command to its end; raises `typer.Exit` with its code where it has no answer."""
    # What the client logs of an outage is said by the error that follows.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        asyncio.run(command())
    except CliError as error:
        _tell(str(error))
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _tell("stopped")
        raise typer.Exit(INTERRUPTED) from None
    except asyncpg.UndefinedTableError:
        _tell(
            "this database holds no register yet: python -m register.store migrate makes its tables"
        )
        raise typer.Exit(1) from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError) as error:
        # The text of such an error may quote what was asked for: the name has to do.
        _tell(f"the server refuses or is gone: {type(error).__name__}")
        raise typer.Exit(1) from None


def say(text: str) -> None:
    """A line of the answer, on stdout."""
    Console(highlight=False).print(Text(text), soft_wrap=True)


def progress() -> Progress:
    """Lines on stderr that tell how much of each task is done, and at what pace, while it is."""
    count = TextColumn("{task.description}: {task.completed:,.0f}")
    return Progress(SpinnerColumn(), count, _Pace(), console=Console(stderr=True), transient=True)


class _Pace(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _tell(text: str) -> None:
    Console(stderr=True).print(Text(text), soft_wrap=True)
