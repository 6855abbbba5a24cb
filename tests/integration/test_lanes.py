"""What sets the lanes apart: workers of their own, and how often each writes."""

import asyncio

import pytest

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ban, believable, consent, order, structured
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until
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


async def test_who_has_the_urgent_lane_publishes(deployment: Deployment) -> None:
    """A worker of the bulk lane leads where nobody else does, and gives way: bans must not wait
    for a process that waits for others."""
    bulk = await deployment.start_worker({"LANES": "bulk"})

    async def bulk_leads() -> bool:
        return bulk.metric("register_relay_leads") == 1

    await until("the only relay to lead", bulk_leads)
    urgent = await deployment.start_worker({"LANES": "urgent"})

    async def gave_way() -> bool:
        return (
            urgent.metric("register_relay_leads") == 1 and bulk.metric("register_relay_leads") == 0
        )

    await until("the other one to lead", gave_way)
    await deployment.publish(believable(100, seed=9))
    await deployment.drained()
    await assert_nothing_lost(deployment)
    assert await gave_way()


async def test_what_trickles_in_is_gathered(deployment: Deployment) -> None:
    """Orders and consents come one by one and make few batches."""
    lanes = [
        await deployment.start_worker({"LANES": lane, "GATHER_MS": "2000"})
        for lane in ("bulk", "urgent")
    ]
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(20):
        name = f"trickle-{number}"
        await deployment.publish(
            [structured(ORDERS.name, order(name)), structured(CONSENTS.name, consent(name))]
        )
        await asyncio.sleep(0.2)
    await deployment.drained()
    seconds = loop.time() - began
    for worker in lanes:
        assert worker.metric("register_batch_records_sum") == 20
        assert worker.metric("register_batch_records_count") <= seconds / 2 + 2
    await assert_nothing_lost(deployment)


async def test_a_ban_waits_for_nobody_to_gather(deployment: Deployment) -> None:
    """It is written and published at once, with what came before it."""
    worker = await deployment.start_worker({"GATHER_MS": "3600000"})
    await deployment.publish([structured(CONSENTS.name, consent("first"))])
    await deployment.drained()
    for number in range(5):
        await deployment.publish([structured(CONSENTS.name, consent(f"later-{number}"))])
    await asyncio.sleep(1)
    assert worker.metric("register_batch_records_count") == 1
    await deployment.publish([structured(CONSENTS.name, ban("first"))])
    await deployment.drained(seconds=30)
    assert worker.metric("register_batch_records_sum") == 7
    await assert_nothing_lost(deployment)
