"""The write ceiling writes exactly the rows that the register leaves."""

import os

import asyncpg
import pytest

from bench import bare
from bench.ceilings import TABLES, WriteCeiling, read_rate, write
from bench.feeds import mixed, publish
from bench.service import Service
from bench.usage import cpu_seconds, peak_mb, used
from register.store.pool import prepare
from tests.conftest import RunningStack

pytestmark = pytest.mark.integration


@pytest.fixture
def service(stack: RunningStack) -> Service:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": stack.kafka,
        "DATABASE_URL": stack.register_url,
        "DIGEST_SECRET": "integration-tests-only-secret",
    }
    return Service(env, stack.postgres_url, stack.processes.postgres.pid() or 0)


async def _all_rows(url: str) -> dict[str, list[str]]:
    database = await asyncpg.connect(url)
    try:
        await prepare(database)
        return {
            table: sorted(
                str(row[0]) for row in await database.fetch(f"SELECT t::text FROM {table} t")
            )
            for table in TABLES
        }
    finally:
        await database.close()


async def test_the_ceiling_leaves_what_the_register_leaves(service: Service) -> None:
    feed = mixed(120, 0.2)
    ceiling = await WriteCeiling.make(service)
    rows = await ceiling.record(feed)
    assert len(rows["event_key"]) == feed.unique
    for size in (50, 120):
        written = await write(ceiling.recorded, ceiling.empty_url, rows, 120, size)
        assert written.batch == size
        assert await _all_rows(ceiling.empty_url) == await _all_rows(ceiling.recorded.database_url)


async def test_the_read_ceiling_reads_what_was_published_after_a_place(service: Service) -> None:
    register = await service.another("read")
    feed = mixed(50, 0.0)
    assert set((await publish(register, feed.deliveries)).values()) == {0}
    start = await publish(register, feed.deliveries)
    assert sum(start.values()) == len(feed.deliveries)
    assert await read_rate(register, start, len(feed.deliveries)) > 0


async def test_without_any_rule_all_messages_are_sent(service: Service) -> None:
    """Each part of what is left takes time, and nothing is left out of it."""
    register = await service.another("bare")
    feed = mixed(60, 0.0)
    written = await (await WriteCeiling.make(service)).measure(feed)
    assert written.outgoing
    least = await bare.measure(register, feed, written, 100_000.0)
    assert min(least.fetch_us, least.decode_us, least.publish_us) > 0
    assert least.per_second < 100_000
    places = {(f"{register.prefix}bench.again", number): 0 for number in range(12)}
    assert await read_rate(register, places, len(written.outgoing)) > 0


async def test_usage_grows_with_what_is_done(service: Service) -> None:
    before = await used(service, [os.getpid()])
    sum(number * number for number in range(10**6))
    usage = (await used(service, [os.getpid()])).since(before)
    assert usage.own_s > 0
    assert usage.postgres_s >= 0
    assert peak_mb([os.getpid()]) > 10
    assert cpu_seconds(2**22 + 1) == 0, "a process that is gone has used nothing more"
