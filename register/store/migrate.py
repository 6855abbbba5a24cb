"""Brings a database to the newest schema, once, however many processes ask for it."""

import asyncio
from pathlib import Path

import asyncpg
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from register.store.pool import Connection

_MIGRATION_LOCK = 0x4153494B  # "ASIK": one migration at a time
_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Run every migration that is missing in the database at `postgresql://…`.

    Raises the driver's error if the database cannot be reached.
    """
    asyncio.run(migrate_async(url))


async def migrate_async(url: str) -> None:
    """Like `migrate`, inside a running event loop."""

    async def connect() -> Connection:
        # The driver reads the whole address, also parameters that SQLAlchemy does not know.
        connection: Connection = await asyncpg.connect(url)
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as lock:
            # Held by a connection of its own, since each migration commits by itself.
            await lock.execute(text("select pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
            async with engine.connect() as connection:
                await connection.run_sync(_upgrade)
                await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: sqlalchemy.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
