"""Holding a worker still at a chosen moment, from outside: with locks of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from register.store.outbox import try_to_lead
from register.store.pool import Connection
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.polling import until


@asynccontextmanager
async def table_locked(deployment: Deployment, table: str) -> AsyncIterator[None]:
    """Nobody reads or writes the table meanwhile: who tries waits inside its transaction."""
    async with connected(deployment.database_url) as connection, connection.transaction():
        # The test holds still on purpose, longer than a worker may.
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        await connection.execute(f"lock table {table} in access exclusive mode")
        yield


@asynccontextmanager
async def relay_led(deployment: Deployment) -> AsyncIterator[None]:
    """The test leads in place of any worker's relay: nothing of the outbox is published."""
    async with connected(deployment.database_url) as connection:
        assert await try_to_lead(connection), "a worker leads already"
        yield


async def someone_waits_for(deployment: Deployment, table: str, *, waiting: int = 1) -> None:
    """Wait until a worker, or so many parts of one, wait for the lock on the table."""

    async def waits() -> bool:
        async with connected(deployment.database_url) as connection:
            found: int = await connection.fetchval(
                "select count(*) from pg_locks where not granted and relation = $1::regclass",
                table,
            )
            return found >= waiting

    await until(f"{waiting} to wait for the table {table}", waits)


async def anyone_waits(connection: Connection) -> None:
    """Wait until somebody waits for a lock of any kind."""

    async def waits() -> bool:
        return bool(await connection.fetchval("select count(*) from pg_locks where not granted"))

    await until("somebody to wait for a lock", waits)


async def sessions(deployment: Deployment, *names: str, state: str | None = None) -> set[int]:
    """The server's processes for connections of these names, or those of them in a state."""
    async with connected(deployment.database_url) as connection:
        rows = await connection.fetch(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name = any($1) and state = coalesce($2, state)",
            names,
            state,
        )
    return {row["pid"] for row in rows}


async def relay_is_stuck(deployment: Deployment) -> None:
    """Wait until the relay has a message in hand and waits for Kafka.

    With nothing in hand it asks the database again within a second.
    """

    async def silent() -> bool:
        async with connected(deployment.database_url) as connection:
            return bool(
                await connection.fetchval(
                    "select count(*) from pg_stat_activity where state = 'idle'"
                    " and application_name = 'register-relay' and datname = current_database()"
                    " and state_change < clock_timestamp() - interval '1.5 seconds'"
                    " and exists (select from outbox)"
                )
            )

    await until("the relay to wait for Kafka", silent)
