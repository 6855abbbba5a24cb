"""Connections that look everything up by key: how PostgreSQL plans for them, and who waits."""

import pytest

from register.store.pool import COMMAND_TIMEOUT_S, CONFLICT, Connection, connect
from register.store.sql import queries
from tests.conftest import Database

_SETTINGS = "select name, setting from pg_settings where name <> all($1)"


async def _settings(connection: Connection) -> dict[str, str]:
    apart = ["application_name", "lock_timeout"]
    return {row["name"]: row["setting"] for row in await connection.fetch(_SETTINGS, apart)}


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


async def test_who_waits_long_for_a_lock_is_in_conflict_and_in_no_outage(
    database: Database,
) -> None:
    """An operator's open transaction must not make a ban look like what breaks the register: a
    lane is told before its connection is given up."""
    holder = await connect(database.url, "holder")
    by_key = await connect(database.url, "by-key", by_key=True)
    try:
        limit_ms = await by_key.fetchval(
            "select setting::int from pg_settings where name = 'lock_timeout'"
        )
        assert 0 < limit_ms < 1000 * COMMAND_TIMEOUT_S
        await by_key.execute("set lock_timeout = 100")
        async with holder.transaction():
            await holder.execute(queries.save_rehearsal)
            with pytest.raises(CONFLICT):
                await by_key.execute(queries.save_rehearsal)
    finally:
        await by_key.close()
        await holder.close()
