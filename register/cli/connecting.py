"""The database that a command works on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from register.cli.environment import DATABASE_URL, required
from register.cli.errors import CliError
from register.store.pool import LOST_CONNECTION, Connection, connect


@asynccontextmanager
async def connected(name: str) -> AsyncIterator[Connection]:
    """A connection; `name` shows in pg_stat_activity.

    Raises `CliError` where the variable is missing or the database cannot be reached.
    """
    url = required(DATABASE_URL)
    try:
        connection = await connect(url, name)
    except (*LOST_CONNECTION, asyncpg.PostgresError, ValueError) as error:
        text = f"no answer from the database in {DATABASE_URL}: {type(error).__name__}"
        raise CliError(text) from None
    try:
        yield connection
    finally:
        await connection.close()
