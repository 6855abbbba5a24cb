"""Two workers of one group, of which one joins anew while it tells Kafka how far it is."""

import pytest
from prometheus_client import CollectorRegistry

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.polling import until
from tests.integration.support.stream import streaming
from workers import ingest
from workers.ingest import Ingest
from workers.lanes import BULK
from workers.metrics import Metrics
from workers.settings import Settings

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS = [one for one in believable(800, seed=61) if one.topic in BULK]


async def test_a_worker_that_joins_anew_settles(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its join waits for the other member, which hears of it at its next heartbeat. Offsets told
    meanwhile would come too late, and have it join again: for good, and nothing is taken in."""
    monkeypatch.setattr(ingest, "_REPORT_SECONDS", 0.05)
    for name, value in deployment.settings().items():
        monkeypatch.setenv(name, value)
    lanes = [Ingest("bulk", Settings(), BULK, Metrics(CollectorRegistry())) for _ in range(2)]
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
