"""From every revision to the newest one: with its own data, under load, beside older workers."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from register.store import migrate as migrations
from register.store.migrate import LOCK_TIMEOUT, migrate_async
from register.store.pool import Connection
from register.store.schema import MIGRATE, NEEDED, VERSIONS, read_revision
from register.store.sql import queries
from tests.conftest import RunningStack
from tests.integration.store.driver import StoreDriver
from tests.integration.store.upgrades import FIRST, FOLDER, empty_tables, events, take_in
from tests.integration.support.database import cloned, connected, read_register
from tests.integration.support.deployment import Deployment, deployed
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until

pytestmark = pytest.mark.integration

REVISIONS = sorted(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
FIXTURES = [revision for revision in REVISIONS if (FOLDER / f"{revision}.sql").exists()]
NEXT = FOLDER / "migrations" / "versions"
"""What a next version may bring: 9998 adds, 9999 builds an index."""
AHEAD = "9999"
EMPTY = "template1"
LATER = 60
"""Events that come after an upgrade."""


def test_every_revision_has_data_of_its_own_version() -> None:
    assert FIXTURES == REVISIONS, "run: python -m tests.integration.store.upgrades"


@pytest.mark.parametrize("revision", FIXTURES)
async def test_an_upgrade(revision: str, stack: RunningStack) -> None:
    """The register is whole afterwards: what was known is known, and what comes is taken in as
    by a register that never was anything else. Where a version decides otherwise, its migration
    has everybody decided anew (`insert into sweep`)."""
    said = list(itertools.islice(events(), FIRST + LATER))
    async with cloned(stack, EMPTY) as old, cloned(stack, EMPTY) as new:
        async with _filled(old, revision) as register:
            await migrate_async(old)
            await register.sweep()
            await _assert_whole(register)
            again = await take_in(register, said[:FIRST], 0)
            assert not any(outcome.applied for outcome in again), "R1: events are taken in twice"
            await take_in(register, said[FIRST:], FIRST)
            await _assert_whole(register)
        await migrate_async(new)
        async with connected(new) as connection:
            await take_in(StoreDriver(connection), said, 0)
        upgraded, fresh = await read_register(old), await read_register(new)
    assert fresh.facts <= upgraded.facts
    assert fresh.customers.keys() == upgraded.customers.keys()
    assert fresh.bans.keys() == upgraded.bans.keys()


@asynccontextmanager
async def _filled(url: str, revision: str) -> AsyncIterator[StoreDriver]:
    """A register at a revision, with what its version wrote."""
    await migrate_async(url, to=revision)
    async with connected(url) as connection:
        assert await read_revision(connection) == revision
        await connection.execute((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
        assert "customer" not in await empty_tables(connection)
        yield StoreDriver(connection)


async def _assert_whole(register: StoreDriver) -> None:
    """As `register verify` has it."""
    differences = await register.verify()
    assert differences.persons
    assert not differences.found, differences


async def test_every_statement_gives_the_same_where_the_database_is_ahead(
    stack: RunningStack, template_database: str
) -> None:
    """A column more changes nothing of what statements give that know nothing of it."""
    async with cloned(stack, template_database) as url:
        before = await _columns_given(url)
        await _go_ahead(url)
        assert await _columns_given(url) == before


async def _columns_given(url: str) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    async with connected(url) as connection:
        for name, text in vars(queries).items():
            try:
                prepared = await connection.prepare(text)
            except (asyncpg.UndefinedTableError, asyncpg.PostgresSyntaxError):
                continue  # about a temporary table, or several statements, which give nothing
            given[name] = [f"{one.name} {one.type.name}" for one in prepared.get_attributes()]
    assert given
    return given


async def test_facts_of_a_next_version_are_passed_over(stack: RunningStack) -> None:
    """A worker of the next version keeps what this one does not know; this one goes on."""
    async with cloned(stack, EMPTY) as url, _filled(url, FIXTURES[-1]) as register:
        await migrate_async(url)
        await register.connection.execute(
            "insert into fact select gen_random_uuid(), identity, source, 'next-' || event_id,"
            " 'from.a-next-version', time, received, '{\"what\": 1}', points, point_kinds, names,"
            " contacts from fact where identity is not null"
        )
        await register.connection.execute("update fact set body = body || '{\"a_next_field\": 1}'")
        await _assert_whole(register)
        later = list(itertools.islice(events(), FIRST, FIRST + LATER))
        assert any(outcome.applied for outcome in await take_in(register, later, FIRST))
        await _assert_whole(register)


async def test_a_migration_under_load(deployment: Deployment) -> None:
    """Events come in all the while; the worker goes on, and another one starts after it."""
    worker = await deployment.start_worker()
    migrated = asyncio.Event()
    publishing = asyncio.create_task(_publish_until(migrated, deployment))
    await until("events to come in", lambda: _facts(deployment))
    await _go_ahead(deployment.database_url)
    migrated.set()
    await deployment.start_worker()
    await publishing
    await deployment.drained()
    worker.assert_running()
    assert "batch-failed" not in worker.log
    await assert_nothing_lost(deployment)


async def _publish_until(migrated: asyncio.Event, deployment: Deployment) -> None:
    records = iter(believable(1500, seed=5, poison=True))
    while chunk := list(itertools.islice(records, 50)):
        await deployment.publish(chunk)
        if migrated.is_set():
            return


async def _facts(deployment: Deployment) -> int:
    async with connected(deployment.database_url) as connection:
        facts: int = await connection.fetchval("select count(*) from fact")
    return facts


async def test_a_migration_that_waits_for_a_lock_lets_others_by(database_url: str) -> None:
    """Somebody reads for long; the migration wants the table for itself. Who comes after it is
    served all the same, and it ends as soon as it can."""
    lines: list[str] = []
    async with connected(database_url) as reading, connected(database_url) as coming:
        transaction = reading.transaction()
        await transaction.start()
        # The test holds still on purpose, longer than a worker may.
        await reading.execute("set local idle_in_transaction_session_timeout = 0")
        await reading.execute("select from customer")
        migrating = asyncio.create_task(_go_ahead(database_url, lines))
        await until("the migration to wait", lambda: _waits_for_customer(coming))
        await coming.execute("select from customer for update")
        assert not migrating.done()
        await until("the migration to try again", lambda: _said("tries again", lines))
        await transaction.rollback()
        await migrating
        assert await read_revision(reading) == AHEAD


async def test_a_migration_that_is_never_let_by_says_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is done, and it can be run again."""
    monkeypatch.setattr(migrations, "_TRIES", 1)
    monkeypatch.setattr(migrations, "_PAUSE_SECONDS", 0.0)
    async with connected(database_url) as reading:
        async with reading.transaction():
            await reading.execute("set local idle_in_transaction_session_timeout = 0")
            await reading.execute("select from fact")
            with pytest.raises(migrations.LockedOut, match=r"9998: .* run it again"):
                await _go_ahead(database_url)
        assert await read_revision(reading) == NEEDED
        await _go_ahead(database_url)
        assert await read_revision(reading) == AHEAD


async def test_an_index_takes_all_the_time_it_wants(database_url: str) -> None:
    """It waits for a transaction that writes, longer than a lock may be waited for; another try
    finds what a broken one left, and builds it anew."""
    async with connected(database_url) as writing, connected(database_url) as other:
        await _go_ahead(database_url, to="9998")
        # What is left of an index whose building was broken off.
        await other.execute("create index fact_type on fact (event_id)")
        transaction = writing.transaction()
        await transaction.start()
        await writing.execute("set local idle_in_transaction_session_timeout = 0")
        await writing.execute("lock table fact in row exclusive mode")
        migrating = asyncio.create_task(_go_ahead(database_url))
        timeout = f"interval '{LOCK_TIMEOUT}'"
        waited = (
            "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not granted"
            f" and a.datname = current_database() and clock_timestamp() - waitstart > {timeout} * 2"
        )
        await until("the index to wait for long", lambda: other.fetchval(waited))
        await transaction.rollback()
        await migrating
        definition = await other.fetchval("select pg_get_indexdef('fact_type'::regclass)")
    assert definition.endswith("(type)")


async def test_a_database_that_is_ahead_is_left_as_it_is(database_url: str) -> None:
    """The older version's `migrate`, run by its start script after a roll-back."""
    await _go_ahead(database_url)
    lines: list[str] = []
    await migrate_async(database_url, lines.append)
    async with connected(database_url) as connection:
        assert await read_revision(connection) == AHEAD
    assert lines == []


@pytest.mark.parametrize("found", [None, *REVISIONS[:-1]])
async def test_a_worker_waits_for_the_migrations_it_needs(
    found: str | None, stack: RunningStack, tmp_path: Path
) -> None:
    """It says so, in its log and on /readyz, and goes on by itself once they are run."""
    async with deployed(stack, EMPTY, tmp_path) as deployment:
        if found is not None:
            await migrate_async(deployment.database_url, to=found)
        worker = deployment.launch()

        async def told() -> bool:
            status, text = await asyncio.to_thread(worker.get, "/readyz")
            return status == 503 and MIGRATE in text

        await until("/readyz to say what to run", told)
        assert '"action": "schema-behind"' in worker.log
        assert f'"needed": "{NEEDED}"' in worker.log
        assert worker.metric("register_schema_behind") == 1
        await deployment.publish(believable(40, seed=6))
        await migrate_async(deployment.database_url)
        await deployment.await_ready(worker)
        await deployment.drained()
        assert worker.metric("register_schema_behind") == 0
        await assert_nothing_lost(deployment)


@pytest.fixture
async def database_url(stack: RunningStack, template_database: str) -> AsyncIterator[str]:
    """A migrated, empty database."""
    async with cloned(stack, template_database) as url:
        yield url


async def _go_ahead(url: str, lines: list[str] | None = None, to: str = AHEAD) -> None:
    told = [] if lines is None else lines
    await migrate_async(url, told.append, to=to, folders=[VERSIONS, NEXT])


async def _waits_for_customer(connection: Connection) -> int:
    waiting: int = await connection.fetchval(
        "select count(*) from pg_locks where not granted and relation = 'customer'::regclass"
    )
    return waiting


async def _said(words: str, lines: list[str]) -> bool:
    return any(words in line for line in lines)
