"""How PostgreSQL plans for connections that look everything up by key."""

from register.store.pool import Connection, connect
from register.store.sql import queries
from tests.conftest import Database

_SETTINGS = "select name, setting from pg_settings where name <> 'application_name'"


async def _settings(connection: Connection) -> dict[str, str]:
    return {row["name"]: row["setting"] for row in await connection.fetch(_SETTINGS)}


async def test_who_plans_anew_plans_like_anybody_else(database: Database) -> None:
    """For one transaction: `plan_anew` takes back all that `by_key` sets, and no more."""
    usual = await connect(database.url, "usual")
    by_key = await connect(database.url, "by-key", by_key=True)
    try:
        before = await _settings(by_key)
        assert before != await _settings(usual)
        async with by_key.transaction():
            await by_key.execute(queries.plan_anew)
            assert await _settings(by_key) == await _settings(usual)
        assert await _settings(by_key) == before
    finally:
        await by_key.close()
        await usual.close()
