"""A worker is killed, or stopped, at the two moments that matter; nothing is lost or doubled.

The moments are chosen from outside, by locks of the database that make the worker wait there:
between receiving a batch and committing it, and between committing it and publishing what it
says. Each time the register and the topics must end as a plain model says.
"""

import asyncio
import signal
from collections.abc import Sequence

import pytest

from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected, read_register
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.locks import relay_led, someone_waits_for, table_locked
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until
from tests.integration.support.worker import Worker
from topics import ELIGIBILITY

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS: Sequence[Outgoing] = believable(800, seed=21)
BEFORE, MEANWHILE = EVENTS[:400], EVENTS[400:]
ENDINGS = [signal.SIGKILL, signal.SIGTERM]


def end(worker: Worker, how: signal.Signals) -> None:
    """Kill the worker, or stop it: then it has 10 seconds and says that all is well."""
    if how is signal.SIGKILL:
        worker.kill()
        return
    code, _ = worker.stop(seconds=10)
    assert code == 0, worker.log_end()


@pytest.mark.parametrize("how", ENDINGS, ids=lambda how: how.name)
async def test_between_receiving_and_committing(
    deployment: Deployment, how: signal.Signals
) -> None:
    """The batch in hand is gone with the worker, and delivered again to the next one."""
    worker = await deployment.start_worker()
    await deployment.publish(BEFORE)
    await deployment.drained()
    known = await read_register(deployment.database_url)
    async with table_locked(deployment, "outbox"):
        await deployment.publish(MEANWHILE)
        await someone_waits_for(deployment, "outbox")
        await asyncio.to_thread(end, worker, how)
        assert await read_register(deployment.database_url) == known, "it was still uncommitted"
    await deployment.start_worker()
    await deployment.drained()
    await assert_nothing_lost(deployment)


@pytest.mark.parametrize("how", ENDINGS, ids=lambda how: how.name)
async def test_between_committing_and_publishing(
    deployment: Deployment, how: signal.Signals
) -> None:
    """What the register has said already stays in the outbox until somebody publishes it."""
    async with relay_led(deployment):
        worker = await deployment.start_worker()
        await deployment.publish(EVENTS)
        await deployment.taken_in()
        waiting = await deployment.waiting_in_outbox()
        assert waiting > 200, "there is much to say"
        assert await deployment.read(ELIGIBILITY.name) == []
        await asyncio.to_thread(end, worker, how)
        assert await deployment.waiting_in_outbox() == waiting
    await deployment.start_worker()
    await deployment.drained()
    await assert_nothing_lost(deployment)


async def test_anywhere_again_and_again(deployment: Deployment) -> None:
    """Small batches, and a kill -9 whenever another part is taken in, wherever that finds it.

    Each worker comes in a consumer group of its own, so that it need not wait until the dead
    one's session is over: where to go on is not the group's matter, but the register's.
    """
    await deployment.publish(EVENTS)
    for part in range(1, 7):
        worker = await deployment.start_worker(settings(deployment, part))
        await taken_in(deployment, part * 100)
        worker.kill()
    await deployment.start_worker(settings(deployment, 7))
    await deployment.drained()
    await assert_nothing_lost(deployment)


def settings(deployment: Deployment, number: int) -> dict[str, str]:
    """Small batches, and another group for each number."""
    group = f"{deployment.group}-{number}"
    return {"BATCH_MAX_RECORDS": "20", "OUTBOX_BATCH": "30", "CONSUMER_GROUP": group}


async def taken_in(deployment: Deployment, events: int) -> None:
    """Wait until the register knows so many events."""

    async def reached() -> bool:
        async with connected(deployment.database_url) as connection:
            known: int = await connection.fetchval("select count(*) from event_key")
            return known >= events

    await until(f"{events} events to be taken in", reached)
