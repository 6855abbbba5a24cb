"""The command `python -m ops.stack`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack, StackError
from ops.stack.kafka.jars import ensure_jars, write_sums
from ops.stack.postgres.binaries import ensure_binaries
from ops.stack.system import ensure_java

app = typer.Typer(
    help="Kafka and PostgreSQL on this machine, for development and tests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_out = Console()
_err = Console(stderr=True)
_progress = ConsoleProgress(_out)

Directory = Annotated[
    Path, typer.Option("--dir", help="Where the stack's data, logs and settings are.")
]


@contextmanager
def _told() -> Iterator[None]:
    """Show errors as one message, and end on Ctrl-C without a traceback."""
    try:
        yield
    except StackError as error:
        _err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        _err.print("stopped by Ctrl-C")
        raise typer.Exit(130) from error


@app.command()
def up(
    directory: Directory = DEFAULT_DIR,
    workers: Annotated[bool, typer.Option("--workers", help="Start the workers too.")] = False,
) -> None:
    """Start everything that does not run yet, make tables and topics, write DIR/env."""
    with _told():
        stack = Stack(directory, progress=_progress)
        stack.up(workers=workers)
        _progress.say(f"ready; settings are in {stack.env_file}")


@app.command()
def down(directory: Directory = DEFAULT_DIR) -> None:
    """Stop everything; the data stays."""
    with _told():
        Stack(directory, progress=_progress).down()
        _progress.say("everything is stopped; the data stays (`clean` removes it)")


@app.command()
def clean(directory: Directory = DEFAULT_DIR) -> None:
    """Stop everything and remove the data."""
    with _told():
        Stack(directory, progress=_progress).clean()
        _progress.say(f"everything is stopped and removed from {directory}")


@app.command()
def status(directory: Directory = DEFAULT_DIR) -> None:
    """Show what runs; exit code 1 when Kafka or PostgreSQL does not answer."""
    with _told():
        parts = Stack(directory).status()
        table = Table("part", "address", "pid", "state")
        for part in parts:
            state = "ready" if part.ready else "not ready" if part.pid else "stopped"
            table.add_row(part.name, part.address, str(part.pid or "-"), state)
        if parts:
            _out.print(table)
        else:
            _progress.say(f"nothing was started in {directory}; `up` starts it")
    servers = [part for part in parts if part.name != "workers"]
    if not servers or not all(part.ready for part in servers):
        raise typer.Exit(1)


@app.command()
def prepare() -> None:
    """Fetch what the stack runs on: Java, Kafka's jars, PostgreSQL."""
    with _told():
        java = ensure_java(_progress)
        jars = ensure_jars(_progress)
        postgres = ensure_binaries(_progress)
        _progress.say(f"Java {java}; Kafka {jars[0].parent}; PostgreSQL {postgres}")


@app.command(name="kafka-sums")
def kafka_sums() -> None:
    """After a change of ops/stack/kafka/pom.xml: fetch the jars, rewrite SHA256SUMS."""
    with _told():
        _progress.say(f"wrote {write_sums(_progress)}; review the difference before committing")


if __name__ == "__main__":
    sys.exit(app())
