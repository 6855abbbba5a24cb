"""A worker for each lane, instead of both in one."""

import pytest

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost
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
