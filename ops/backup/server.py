"""The server that is backed up: how to reach it, and whether it archives its log."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from ops.stack import StackError

_ARCHIVE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Archiving:
    """How the server archives: whether at all, when it last failed and did, what waits."""

    on: bool
    failed: datetime | None
    archived: datetime | None
    waiting: int


def archive_command(wal: Path) -> str:
    """The shell line by which the server hands over a file: whole or not at all, never over
    another one, and without complaint if it is there already.

    PostgreSQL cuts the line off at 1,024 bytes, so the folder stands in it once.
    """
    copy = 'cp "%p" "$to.part" && sync "$to.part" && mv "$to.part" "$to"'
    return f'to={_quoted(wal)}/%f; cmp -s "%p" "$to" || (test ! -e "$to" && {copy})'


def restore_command(wal: Path) -> str:
    """The shell line by which the server gets a file back."""
    return f'cp {_quoted(wal)}/%f "%p"'


def _quoted(wal: Path) -> str:
    """As the shell reads it, after the server has put its names in for `%f` and `%p`."""
    return shlex.quote(str(wal)).replace("%", "%%")


def client_environment(url: str) -> dict[str, str]:
    """How PostgreSQL's own programs reach the server: no password on a command line."""
    parts = urlsplit(url)
    return {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
    }


async def turn_archiving_on(url: str, wal: Path) -> None:
    """Set what makes the server archive to `wal`; it does so after its next start."""
    settings: Mapping[str, str] = {
        "archive_mode": "on",
        "archive_command": archive_command(wal),
        "archive_timeout": f"{_ARCHIVE_TIMEOUT_S}s",
    }
    connection = await _connect(url)
    try:
        for name, value in settings.items():
            literal = await connection.fetchval("select quote_literal($1::text)", value)
            await connection.execute(f"alter system set {name} = {literal}")
    finally:
        await connection.close()


async def look(url: str) -> Archiving:
    """Ask the server how it archives."""
    connection = await _connect(url)
    try:
        row = await connection.fetchrow(
            "select current_setting('archive_mode') <> 'off'"
            "       and current_setting('archive_command') not in ('', '(disabled)') as archives,"
            "       last_failed_time, last_archived_time,"
            "       (select count(*) from pg_ls_archive_statusdir() where name like '%.ready')"
            "         as waiting"
            " from pg_stat_archiver"
        )
    finally:
        await connection.close()
    assert row is not None
    return Archiving(
        row["archives"], row["last_failed_time"], row["last_archived_time"], row["waiting"]
    )


async def _connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(url, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StackError(
            f"no answer from the database server in BACKUP_DATABASE_URL: {type(error).__name__}"
        ) from None
