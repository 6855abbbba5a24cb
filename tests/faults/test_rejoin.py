"""Workers of one group that join anew, with offsets to tell or a batch in hand."""

import asyncio

import pytest

from tests.faults.lanes import bulk_lane
from tests.integration.support.database import connected, read_register
from tests.integration.support.deployment import READ, Deployment
from tests.integration.support.events import believable
from tests.integration.support.model import model_of
from tests.integration.support.polling import until
from tests.integration.support.stream import streaming
from workers import ingest
from workers.lanes import BULK

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS = [one for one in believable(800, seed=61) if one.topic in BULK]


async def test_a_worker_that_joins_anew_settles(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its join waits for the other member, which hears of it at its next heartbeat. Offsets told
    meanwhile would come too late, and have it join again: for good, and nothing is taken in."""
    monkeypatch.setattr(ingest, "_REPORT_SECONDS", 0.05)
    lanes = [bulk_lane(deployment) for _ in range(2)]
    for lane in lanes:
        await lane.start()
    try:

        async def shared() -> bool:
            return all(
                lane._consumer is not None and len(lane._consumer.assignment()) not in (0, 12)
                for lane in lanes
            )

        await until("both to have partitions", shared)
        async with streaming(deployment, EVENTS, per_second=150) as stream:
            for share in (0.1, 0.4, 0.7):
                await stream.reaches(share)
                consumer = lanes[0]._consumer
                assert consumer is not None
                consumer._coordinator.request_rejoin()
        await deployment.taken_in(seconds=40)
    finally:
        for lane in lanes:
            await lane.stop()


async def test_what_comes_after_a_batch_that_was_let_go_is_not_written(
    deployment: Deployment,
) -> None:
    """In an outage a batch is let go with its partitions. The one read ahead stands behind it:
    written before there are partitions anew, it would have the register go on from there."""
    lane = bulk_lane(deployment, batch_max_records="20")
    await lane.start()
    try:
        await until("the lane to be ready", lambda: asyncio.sleep(0, lane.ready))
        async with connected(deployment.database_url) as connection:
            await connection.execute(_DISK_FULL)
            await deployment.publish(EVENTS)

            async def holds_a_batch() -> bool:
                return bool(lane._metrics.batch_retries.labels("outage")._value.get())

            await until("a batch to be held", holds_a_batch)
            await lane.revoked()  # as the group calls it when it is joined anew
            await connection.execute("drop trigger disk_full on fact")
            await asyncio.sleep(1.0)
            assert await connection.fetchval("select count(*) from consumer_offset") == 0
        assert lane._consumer is not None
        lane.assigned(lane._consumer.assignment())
        await deployment.taken_in()
        expected = model_of(await deployment.read(*READ)).facts
        assert (await read_register(deployment.database_url)).facts == expected
    finally:
        await lane.stop()


_DISK_FULL = """
create function disk_full() returns trigger language plpgsql as $$
begin
    raise exception 'simulated' using errcode = 'disk_full';
end $$;
create trigger disk_full before insert on fact for each statement execute function disk_full();
"""
