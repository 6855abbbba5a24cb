"""Workers come and go under load: partitions change hands, and nothing is lost or doubled."""

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer

from ops.stack.ports import free_port
from tests.integration.support import broker
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ago, believable, event, signup, structured
from tests.integration.support.locks import (
    relay_is_stuck,
    sessions,
    someone_waits_for,
    table_locked,
)
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until
from tests.integration.support.proxy import proxied
from tests.integration.support.stream import streaming
from tests.integration.support.worker import Worker
from topics import CONSENTS, REFUSALS, SIGNUPS

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS: Sequence[Outgoing] = believable(2_000, seed=41)
_LAST = 200
"""Events for who is left."""
LANES = ("urgent", "bulk")


async def share_the_work(deployment: Deployment, members: int) -> None:
    """Wait until each lane's partitions are shared among so many workers."""

    async def shared() -> bool:
        for lane in LANES:
            parts = await asyncio.to_thread(
                broker.assignments, deployment.kafka, f"{deployment.group}.{lane}"
            )
            if len(parts) != members or 0 in parts.values():
                return False
        return True

    await until(f"{members} workers to share the partitions", shared)


def taken_in(worker: Worker) -> float:
    """How many records the worker has taken in."""
    return worker.metric("register_batch_records_sum")


async def test_a_second_worker_comes_and_the_first_goes(deployment: Deployment) -> None:
    first = await deployment.start_worker()
    async with streaming(deployment, EVENTS[:-_LAST], per_second=400) as stream:
        await stream.reaches(0.2)
        second = await deployment.start_worker()
        await share_the_work(deployment, 2)
        await stream.reaches(0.6)

        async def begun() -> bool:
            return await asyncio.to_thread(taken_in, first) > 0

        await until("the first worker to take events in", begun)
        code, _ = await asyncio.to_thread(first.stop)
        assert code == 0, first.log_end()
        await share_the_work(deployment, 1)
    await deployment.publish(EVENTS[-_LAST:])
    await deployment.drained()
    assert await asyncio.to_thread(taken_in, second) > 0
    await assert_nothing_lost(deployment)


async def test_a_worker_that_wakes_up_after_another_took_over(deployment: Deployment) -> None:
    """It stood still in the midst of a transaction; its session ran out, another worker has its
    partitions. What it still writes must do no harm, and the other must not wait for it."""
    fenced = await deployment.start_worker()
    await deployment.publish(EVENTS[:500])
    await deployment.drained()
    async with table_locked(deployment, "consumer_offset"):
        await deployment.publish(EVENTS[500:1_000])
        await someone_waits_for(deployment, "consumer_offset")
        fenced.pause()
    # Its statement ends now; its transaction does not, and keeps its locks.
    other = await deployment.start_worker()
    await deployment.publish(EVENTS[1_000:])
    try:
        await deployment.drained(seconds=40)
    finally:
        fenced.resume()
    await deployment.await_ready(fenced)
    await deployment.drained()
    assert other.exit_code is None
    await assert_nothing_lost(deployment)


async def test_a_worker_that_wakes_up_in_time_to_commit(deployment: Deployment) -> None:
    """The other worker has its partitions by then, and reads the same records: each of them
    waits for the same locks, and one of them finds nothing but duplicates (R1)."""
    fenced = await deployment.start_worker()
    async with table_locked(deployment, "consumer_offset"):
        await deployment.publish(EVENTS[:500])
        await someone_waits_for(deployment, "consumer_offset")
        fenced.pause()
    await deployment.start_worker()
    await share_the_work(deployment, 1)
    fenced.resume()
    await deployment.publish(EVENTS[500:])
    await deployment.drained()
    await assert_nothing_lost(deployment)


async def test_a_batch_that_is_let_go_while_its_lane_joins_anew(deployment: Deployment) -> None:
    """What was read after it is not written before it is read again, though partitions come back
    in between: the offsets would stand past it, and it would be lost."""
    server, port = deployment.stack.processes.postgres.port, free_port()
    through = deployment.database_url.replace(f":{server}/", f":{port}/")
    async with proxied(port, server) as way:
        worker = await deployment.start_worker({"DATABASE_URL": through, "BATCH_MAX_RECORDS": "10"})
        await deployment.publish(consents(10))
        await deployment.drained()
        way.hold_answers()
        # A batch in hand, one of the same partition that is read ahead, and a third.
        await deployment.publish(consents(30))

        async def in_hand() -> bool:
            return bool(await sessions(deployment, "register-urgent", state="idle in transaction"))

        await until("a batch in hand", in_hand)
        with member(deployment, "urgent"):
            await deployment.says(worker, "urgent because it is rebalancing")
            way.break_all()
            await deployment.says(worker, '"batch-abandoned"')
            # With the batch gone, the lane joins; it has no connection to ask where to go on.
            await deployment.says(
                worker, '"assigned", "partitions": 12, "event": "urgent"', times=2
            )
            way.let_answers_go()
            await deployment.drained()
    await assert_nothing_lost(deployment)


async def test_a_relay_that_wakes_up_after_another_took_over(deployment: Deployment) -> None:
    """It stood still with messages in hand, and lost the lead. By the time it wakes up, those
    persons are erased and their tombstones published: the old messages must not come after
    them, or every reader of the compacted topic would hold the persons' data again, for good."""
    names = [f"woken-{number}" for number in range(300)]
    signups = [structured(SIGNUPS.name, signup(name)) for name in names]
    await deployment.publish(signups)
    async with table_locked(deployment, "outbox"):
        old = await deployment.start_worker()
        # The relay, which wants to read it, and the lane that wants to write the sign-ups.
        await someone_waits_for(deployment, "outbox", waiting=2)
        daemon = deployment.stack.processes.kafka.node(1).daemon
        daemon.signal(signal.SIGSTOP)
    try:
        await relay_is_stuck(deployment)
        old.pause()
    finally:
        daemon.signal(signal.SIGCONT)
    # What PostgreSQL does with a session that is silent for too long, only sooner.
    await end_relay_session(deployment)
    await deployment.start_worker({"CONSUMER_GROUP": f"{deployment.group}-other"})
    withdrawn = [event("consent.withdrawn", name, {"scope": {}}, time=ago()) for name in names]
    await deployment.publish(structured(CONSENTS.name, one) for one in withdrawn)
    await deployment.drained()
    old.resume()

    async def gave_up() -> bool:
        return await asyncio.to_thread(old.metric, "register_relay_leads") == 0

    await until("the old relay to notice that it leads no more", gave_up)
    await assert_nothing_lost(deployment)


async def end_relay_session(deployment: Deployment) -> None:
    """The relay's connection to the database is gone, and its lead with it."""
    async with connected(deployment.database_url) as connection:
        ended = await connection.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'register-relay' and datname = current_database()"
        )
        assert ended == 1


def consents(count: int) -> list[Outgoing]:
    """Withdrawals of one person, so that all are in one partition."""
    return [
        structured(CONSENTS.name, event("consent.withdrawn", "one-person", {"scope": {}}))
        for _ in range(count)
    ]


@contextmanager
def member(deployment: Deployment, lane: str) -> Iterator[None]:
    """Somebody else in the lane's group, who wants none of its topics."""
    consumer = Consumer(
        {
            "bootstrap.servers": deployment.kafka,
            "group.id": f"{deployment.group}.{lane}",
            "partition.assignment.strategy": "range",
        }
    )
    consumer.subscribe([deployment.prefix + REFUSALS.name])
    consumer.poll(0)
    try:
        yield
    finally:
        consumer.close()
