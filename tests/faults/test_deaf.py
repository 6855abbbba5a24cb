"""A Kafka client whose fetching ended by itself: it fails nothing, and no record comes."""

import asyncio

import pytest
from aiokafka.consumer.fetcher import Fetcher

from tests.faults.lanes import bulk_lane
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.polling import until
from workers.lanes import BULK

pytestmark = [pytest.mark.integration, pytest.mark.faults]


async def test_a_lane_that_gets_nothing_of_what_waits_starts_anew(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client's fetching task is ended as an error of its own would end it."""
    fetchers: list[Fetcher] = []
    begin = Fetcher.__init__

    def remember(fetcher: Fetcher, *args: object, **kwargs: object) -> None:
        begin(fetcher, *args, **kwargs)
        fetchers.append(fetcher)

    monkeypatch.setattr(Fetcher, "__init__", remember)
    lane = bulk_lane(deployment)
    await lane.start()
    try:
        await until("the lane to be ready", lambda: asyncio.sleep(0, lane.ready))
        fetchers[-1]._fetch_task.cancel()
        await deployment.publish(one for one in believable(100, seed=3) if one.topic in BULK)
        await deployment.taken_in()
        assert len(fetchers) == 2
    finally:
        await lane.stop()
