"""`python -m ops.backup archive|base|restore|check`: docs/operating.md, "Backup and restore".

BACKUP_DIR is the backup folder, BACKUP_DATABASE_URL the server as a role that may replicate
(`archive` wants a superuser). Exit codes: 0 fine, 1 something is wrong, 2 used wrongly.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from ops.backup import checks, server
from ops.backup.base import let_go, make_base
from ops.backup.folder import Folder
from ops.backup.restore import restore
from ops.stack import ConsoleProgress, StackError
from topics.declarations import BACKUPS_KEPT
from topics.provision import ProvisionError

app = typer.Typer(
    help="Backups of the register, with PostgreSQL's own tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Directory = Annotated[
    Path, typer.Option("--dir", envvar="BACKUP_DIR", help="The backup folder, an absolute path.")
]
Server = Annotated[
    str,
    typer.Option(
        "--database-url", envvar="BACKUP_DATABASE_URL", help="The server.", show_default=False
    ),
]


@contextmanager
def _told() -> Iterator[None]:
    """Show errors as one message."""
    try:
        yield
    except StackError as error:
        print(f"backup: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def archive(directory: Directory, database_url: Server) -> None:
    """Let the server archive its log to DIR/wal, from its next start on.

    The server's own user must be able to write there.
    """
    with _told():
        folder = _folder(directory)
        asyncio.run(server.turn_archiving_on(database_url, folder.wal))
    print(f"restart PostgreSQL: from then on it archives its log to {folder.wal}")


@app.command()
def base(
    directory: Directory,
    database_url: Server,
    keep_days: Annotated[
        int,
        typer.Option(
            envvar="BACKUP_KEEP_DAYS", min=1, max=BACKUPS_KEPT.days, help="Let go of older ones."
        ),
    ] = BACKUPS_KEPT.days,
) -> None:
    """Make a base backup while everything runs, verify it, let go of old ones."""
    progress = ConsoleProgress(Console())
    with _told():
        folder = _folder(directory)
        made = make_base(database_url, folder, progress)
        print(f"made {made.path}")
        for name in let_go(folder, timedelta(days=keep_days), progress):
            print(f"removed {name}")


@app.command(name="restore")
def restore_command(
    directory: Directory,
    to: Annotated[Path, typer.Option(help="The server's data folder: empty, or not there.")],
    backup: Annotated[
        str | None, typer.Option(help="This base backup; the newest that fits if left out.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Recover until this moment (with an offset), not to the log's end."),
    ] = None,
) -> None:
    """Bring a backup back into an empty data folder; starting PostgreSQL there recovers it."""
    with _told():
        folder, moment = _folder(directory), _moment(until)
        chosen = folder.choose(backup, moment)
        restore(folder, chosen, to, moment)
    print(f"{to} holds {chosen.name}. Now start PostgreSQL there, then: register restored")


@app.command()
def check(
    directory: Directory,
    database_url: Server,
    bootstrap_servers: Annotated[str, typer.Option(envvar="KAFKA_BOOTSTRAP_SERVERS")],
    prefix: Annotated[str, typer.Option(envvar="TOPIC_PREFIX")] = "",
    every_hours: Annotated[
        int, typer.Option(min=1, help="How old the newest base backup may be.")
    ] = 26,
) -> None:
    """Say whether a loss could be mended now; exit code 1 if something is wrong."""
    with _told():
        bases, now = _folder(directory).bases(), datetime.now(UTC)
        problems = [
            *checks.backup_problems(bases, timedelta(hours=every_hours), now),
            *checks.archive_problems(asyncio.run(server.look(database_url))),
            *_topic_problems(bootstrap_servers, prefix, checks.kept_at_least(bases, now)),
        ]
    if problems:
        print(checks.told(problems), file=sys.stderr)
        raise typer.Exit(1)
    print(
        f"{len(bases)} base backups, the newest {bases[-1].name}; log and topics reach far enough"
    )


def _topic_problems(servers: str, prefix: str, needed: timedelta) -> list[str]:
    try:
        return asyncio.run(checks.topic_problems(servers, prefix, needed))
    except (KafkaError, ProvisionError, TimeoutError, OSError) as error:
        return [f"no answer from Kafka about its topics: {type(error).__name__}"]


def _folder(directory: Path) -> Folder:
    """The server resolves its archive's path itself, so only an absolute one means the same."""
    if not directory.is_absolute():
        raise StackError(f"{directory} is not an absolute path")
    return Folder(directory)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise StackError(f"{text} is not a moment such as 2026-11-24T09:30:00+02:00") from None
    if moment.tzinfo is None:
        raise StackError(f"{text} has no offset: 2026-11-24T09:30:00+02:00 would have one")
    return moment


if __name__ == "__main__":
    app()
