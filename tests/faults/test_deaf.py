"""A Kafka client whose fetching ended by itself: it fails nothing, and no record comes."""

import asyncio

import pytest
from aiokafka.consumer.fetcher import Fetcher
from prometheus_client import CollectorRegistry

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.polling import until
from workers.ingest import Ingest
from workers.lanes import BULK
from workers.metrics import Metrics
from workers.settings import Settings

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
    for name, value in deployment.settings().items():
        monkeypatch.setenv(name, value)
    lane = Ingest("bulk", Settings(), BULK, Metrics(CollectorRegistry()))
    await lane.start()
    try:
        await until("the lane to be ready", lambda: asyncio.sleep(0, lane.ready))
        fetchers[-1]._fetch_task.cancel()
        await deployment.publish(one for one in believable(100, seed=3) if one.topic in BULK)
        await deployment.taken_in()
        assert len(fetchers) == 2
    finally:
        await lane.stop()
