"""The peers' shared store does the core of the task, so that they are worth comparing with."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest

from bench.events import ban, consent, order
from bench.feeds import mixed
from bench.peers import core, store
from bench.peers.environments import HERE
from ops.generate.published import Published
from tests.conftest import Database

pytestmark = pytest.mark.integration


@pytest.fixture
async def pool(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    # Beside the register's tables, which have some of the same names.
    connection = await asyncpg.connect(database.url)
    await connection.execute("CREATE SCHEMA peer; SET search_path = peer")
    await connection.execute((HERE / "schema.sql").read_text(encoding="utf-8"))
    await connection.close()
    monkeypatch.setenv("DATABASE_URL", f"{database.url}?search_path=peer")
    pool = await store.connect()
    yield pool
    await pool.close()


def _read(published: Published) -> core.Event:
    event = core.decode(published.value, published.headers)
    assert event is not None
    return event


async def _say(pool: Any, *published: Published) -> list[dict[str, Any]]:
    answers = await store.apply(pool, [_read(one) for one in published])
    return [orjson.loads(value) for _, value in answers]


async def test_orders_consents_and_bans_decide_and_duplicates_do_nothing(pool: Any) -> None:
    (first,) = await _say(pool, order("run", 1), consent("run", 1))
    assert first["allow"]["newsletter/email"] == "consent"
    assert await _say(pool, consent("run", 1)) == []
    (banned,) = await _say(pool, ban("run", 1))
    assert (banned["version"], banned["allow"]) == (2, {})


async def test_one_by_one_ends_as_in_one_batch_does(pool: Any) -> None:
    events = [_read(one) for one in mixed(60, 0.2).deliveries]
    for event in events:
        await store.apply(pool, [event])
    alone = await pool.fetch("SELECT source, subject, state FROM person ORDER BY 1, 2")
    await pool.execute("TRUNCATE event_key, fact, person, person_point, ban")
    await store.apply(pool, events)
    together = await pool.fetch("SELECT source, subject, state FROM person ORDER BY 1, 2")
    assert together == alone
    assert await pool.fetchval("SELECT count(*) FROM fact") == 48
