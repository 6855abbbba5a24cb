"""Brings a database to the newest schema, a revision at a time, while workers use it.

A migration that has to wait for a lock holds up everybody who comes after it, so it gives up
after `LOCK_TIMEOUT` and tries again later. Nothing of it is left: a revision is a transaction.
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from register.store.pool import Connection
from register.store.schema import VERSIONS, newest, read_revision

LOCK_TIMEOUT = "2s"
_PAUSE_SECONDS = 3.0
_TRIES = 60
_BEAT_SECONDS = 10.0
_MIGRATION_LOCK = 0x4153494B  # "ASIK": one migration at a time
_SCRIPTS = VERSIONS.parent
_IN_THE_WAY = (
    asyncpg.LockNotAvailableError.sqlstate,
    asyncpg.DeadlockDetectedError.sqlstate,
)

Tell = Callable[[str], None]
"""Called with a line about how far it is."""


class LockedOut(Exception):
    """Other transactions held a lock that a migration needs, for minutes."""


def migrate(url: str, tell: Tell = lambda _: None) -> None:
    """Run every migration that is missing in the database at `postgresql://…`.

    A database that is ahead of this version of the code is left as it is. Raises `LockedOut`,
    and the driver's error if the database cannot be reached.
    """
    asyncio.run(migrate_async(url, tell))


async def migrate_async(
    url: str,
    tell: Tell = lambda _: None,
    *,
    to: str | None = None,
    folders: Sequence[Path] = (VERSIONS,),
) -> None:
    """Like `migrate`, inside a running event loop; `to` is the last revision to run."""
    config = _config(folders)
    lock: Connection = await asyncpg.connect(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # The driver reads the whole address, also parameters that SQLAlchemy does not know.
        async_creator=lambda: asyncpg.connect(url, server_settings={"lock_timeout": LOCK_TIMEOUT}),
        poolclass=NullPool,
    )
    try:
        # Held by a connection of its own, since each migration commits by itself.
        await lock.execute(f"select pg_advisory_lock({_MIGRATION_LOCK})")
        missing = _missing(config, await read_revision(lock), to or max(map(newest, folders)))
        for number, script in enumerate(missing, 1):
            tell(f"{script.revision}, {number} of {len(missing)}: {script.doc}")
            await _upgrade(engine, config, script.revision, tell)
    finally:
        await engine.dispose()
        await lock.close()


def _config(folders: Sequence[Path]) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, folders)))
    return config


def _missing(config: Config, found: str | None, last: str) -> list[Script]:
    """The revisions to run, the oldest first; none where the database is ahead."""
    if found is not None and found >= last:
        return []
    scripts = ScriptDirectory.from_config(config).iterate_revisions(last, found or "base")
    return list(scripts)[::-1]


async def _upgrade(engine: AsyncEngine, config: Config, revision: str, tell: Tell) -> None:
    started = time.monotonic()
    beat = asyncio.create_task(_beat(revision, tell))
    try:
        for _ in range(_TRIES):
            try:
                async with engine.connect() as connection:
                    await connection.run_sync(_run, config, revision)
                    await connection.commit()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _IN_THE_WAY:
                    raise
                tell(f"{revision}: somebody holds a lock that it needs; it tries again")
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                tell(f"{revision}: done in {time.monotonic() - started:.1f} s")
                return
    finally:
        beat.cancel()
    raise LockedOut(
        f"{revision}: other transactions held a lock that it needs, {_TRIES} times; nothing of it "
        "is done. pg_stat_activity shows the old ones (xact_start); end them, and run it again"
    )


async def _beat(revision: str, tell: Tell) -> None:
    started = time.monotonic()
    while True:
        await asyncio.sleep(_BEAT_SECONDS)
        tell(f"{revision}: at work for {time.monotonic() - started:.0f} s")


def _run(connection: sqlalchemy.Connection, config: Config, revision: str) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
