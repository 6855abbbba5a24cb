"""The scenario tables on PostgreSQL: the store and its sweeps end where the pure rules do.

Tables that take an agreement for granted are left out: here one has to be signed.
"""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import cast

import pytest
import pytest_asyncio

from register.store.pool import Connection, connect
from tests.conftest import RunningStack
from tests.integration.store.driver import StoreDriver
from tests.integration.store.stored import Stored
from tests.integration.support.database import cloned
from tests.support.events import RECEIVED, Json
from tests.support.register import DIGESTER
from tests.support.scenarios import Scenario, differences, load
from tests.support.scenarios_events import SWEEP, event_of, moment
from tests.support.scenarios_register import WholeRegister

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TABLES = [table for table in load() if not table.agreements]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(stack: RunningStack, template_database: str) -> AsyncIterator[Connection]:
    """A database for all tables: a copy of its own for each would take most of the time."""
    async with cloned(stack, template_database) as url:
        connection = await connect(url, "test")
        yield connection
        await connection.close()


@pytest_asyncio.fixture(loop_scope="module")
async def driver(connection: Connection) -> StoreDriver:
    """An empty register whose digests are those that the tables are compared by."""
    await connection.execute(
        "do $$ begin execute (select 'truncate ' || string_agg(format('%I', tablename), ', ')"
        " from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'); end $$"
    )
    return StoreDriver(connection, digester=DIGESTER)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
async def test_table(driver: StoreDriver, table: Scenario) -> None:
    """Events one by one; a sweep after each agreement, and where the table has one."""
    driver.choose(access_requires_signature=table.settings.access_requires_signature)
    stored = Stored(driver)
    sent: dict[int, Json] = {}
    ids_after: dict[int, dict[bytes, uuid.UUID]] = {}

    def customer_id(source: str, subject: str, after: int | None) -> uuid.UUID | None:
        known = stored.ids if after is None else ids_after[after]
        return known.get(DIGESTER.identity(source, subject))

    now = RECEIVED
    for number, row in enumerate(table.events, start=1):
        if row.get("what") == SWEEP:
            now = driver.received = max(now, moment(row["day"]))
            await driver.sweep()
        else:
            event = sent[number] = _with_own_ids(event_of(number, row, sent, customer_id))
            now = driver.received = _arrival(row, now)
            await _write(driver, stored, event)
        await stored.look()
        ids_after[number] = dict(stored.ids)
    assert differences(table, cast(WholeRegister, stored)) == []


def _arrival(row: Json, now: datetime) -> datetime:
    return moment(row["arrives on day"]) if "arrives on day" in row else now + timedelta(seconds=1)


def _with_own_ids(event: Json) -> Json:
    for name in ("request_id", "screening_id"):
        if name in event["data"]:
            event["data"][name] = event["id"]
    return event


async def _write(driver: StoreDriver, stored: Stored, event: Json) -> None:
    stored.received[event["id"]] = driver.received
    if event["type"] == "disclosure.requested":
        stored.recipients[event["id"]] = event["data"]["recipient"]
        stored.open_requests.append(event["id"])
    await driver.write(event)
    if event["type"].startswith("agreement."):
        await driver.decide_all()
