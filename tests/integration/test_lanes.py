"""What sets the lanes apart: workers of their own, and how often each writes."""

import asyncio

import pytest

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ban, believable, order, structured
from tests.integration.support.model import assert_nothing_lost
from topics import CONSENTS, ORDERS
from workers.lanes import BULK, URGENT

pytestmark = pytest.mark.integration


async def test_lanes_in_workers_of_their_own(deployment: Deployment) -> None:
    """Each reads its topics and no others; together they end where one worker would."""
    urgent = await deployment.start_worker({"LANES": "urgent"})
    bulk = await deployment.start_worker({"LANES": "bulk"})
    await deployment.publish(believable(400, seed=9))
    await deployment.drained()
    await assert_nothing_lost(deployment)
    for worker, own, others in ((urgent, URGENT, BULK), (bulk, BULK, URGENT)):
        taken = [worker.metric("register_events_total", topic=topic) for topic in own]
        assert sum(taken) > 0
        assert not any(worker.metric("register_events_total", topic=topic) for topic in others)


async def test_bulk_gathers_what_trickles_in_and_bans_do_not_wait(deployment: Deployment) -> None:
    """Orders and bans come one by one: few batches of orders, a batch for about each ban."""
    bulk = await deployment.start_worker({"LANES": "bulk", "BULK_INTERVAL_MS": "2000"})
    urgent = await deployment.start_worker({"LANES": "urgent", "BULK_INTERVAL_MS": "2000"})
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(20):
        name = f"trickle-{number}"
        await deployment.publish(
            [structured(ORDERS.name, order(name)), structured(CONSENTS.name, ban(name))]
        )
        await asyncio.sleep(0.2)
    await deployment.drained()
    seconds = loop.time() - began
    assert bulk.metric("register_batch_records_sum") == 20
    assert bulk.metric("register_batch_records_count") <= seconds / 2 + 2
    assert urgent.metric("register_batch_records_count") > seconds / 2 + 2
    await assert_nothing_lost(deployment)
