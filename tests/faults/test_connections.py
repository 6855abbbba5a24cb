"""Connections to Kafka that break, again and again, in the midst of everything."""

import asyncio
import random
from pathlib import Path

import pytest

from ops.stack import KafkaCluster
from ops.stack.ports import LOOPBACK, free_port
from tests.conftest import RunningStack
from tests.integration.support.deployment import deployed
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.proxy import proxied
from tests.integration.support.stream import streaming

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS = believable(1_000, seed=51)


async def test_connections_that_break_again_and_again(
    stack: RunningStack, template_database: str, tmp_path: Path
) -> None:
    """Each may break at the very moment when something is written to it: a client that takes
    that for anything but an outage is deaf from then on."""
    pace = random.Random(1)
    port = free_port()
    way = {"advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}"}
    cluster = KafkaCluster(tmp_path / "kafka", settings=way)
    await asyncio.to_thread(cluster.start)
    try:
        async with (
            proxied(port, cluster.node(1).port) as proxy,
            deployed(stack, template_database, tmp_path, kafka=f"{LOOPBACK}:{port}") as deployment,
        ):
            worker = await deployment.start_worker()
            async with streaming(deployment, EVENTS, per_second=200) as stream:
                while stream.sent < len(EVENTS):
                    worker.pause()  # so that it learns of all of them at the same moment
                    proxy.break_all()
                    await asyncio.sleep(0.01)
                    worker.resume()
                    await asyncio.sleep(pace.uniform(0.01, 0.2))
            assert proxy.breaks > 100
            await deployment.await_ready(worker)
            await deployment.drained()
            await assert_nothing_lost(deployment)
    finally:
        await asyncio.to_thread(cluster.kill_node, 1)
