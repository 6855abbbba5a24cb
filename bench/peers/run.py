"""A peer takes a feed in, on the same servers, from the same topics, for some seconds."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.children import child
from bench.feeds import TOPICS, Feed, Place
from bench.peers.environments import HERE, Peer
from bench.service import Service, make_topics
from bench.usage import peak_mb, used
from ops.generate.progress import Meter
from topics.declarations import PARTITIONS

START_S = 60.0
POLL_S = 0.1

_FACTS = "SELECT count(*) FROM fact"


@dataclass(frozen=True, slots=True)
class Lane:
    """A peer with its tables, its output topic and its group."""

    peer: Peer
    python: Path
    url: str

    @classmethod
    async def make(cls, service: Service, peer: Peer, python: Path) -> "Lane":
        """Empty tables for a peer."""
        url = await service.database(f"peer_{peer.module}")
        database = await asyncpg.connect(url)
        try:
            await database.execute((HERE / "schema.sql").read_text(encoding="utf-8"))
        finally:
            await database.close()
        return cls(peer, python, url)

    async def take_in(
        self, service: Service, feed: Feed, start: Mapping[Place, int], limit_s: float
    ) -> "Taken":
        """Run the peer on the feed until it is through, or for `limit_s` from its first event."""
        group = f"{self.peer.module}-{time.time_ns()}"
        output = f"{group}.eligibility"
        await make_topics(service.servers, output, partitions=PARTITIONS)
        await _stand_at(service, group, start)
        env = {
            **service.env,
            "DATABASE_URL": self.url,
            "TOPICS": ",".join(service.prefix + name for name in TOPICS),
            "ELIGIBILITY": output,
            "GROUP": group,
        }
        module = ["-m", f"bench.peers.{self.peer.module}"]
        database = await asyncpg.connect(self.url)
        try:
            known: int = await database.fetchval(_FACTS)
            async with child(module, env, python=self.python) as pid:
                return await _watch(service, database, pid, feed, known, limit_s, self.peer.module)
        finally:
            await database.close()


@dataclass(frozen=True, slots=True)
class Taken:
    """Deliveries a second, processor seconds of one (also PostgreSQL's), and the rest of it."""

    per_second: float
    cpu_s: float
    detail: dict[str, Any]


async def _watch(
    service: Service,
    database: Any,
    pid: int,
    feed: Feed,
    known: int,
    limit_s: float,
    name: str,
) -> Taken:
    # Duplicates leave no fact: what is counted stands for so many deliveries.
    weight = len(feed.deliveries) / feed.unique
    deadline = time.monotonic() + START_S
    first: tuple[int, float] | None = None
    with Meter(name, total=feed.unique) as meter:
        while True:
            facts = await database.fetchval(_FACTS) - known
            now = time.perf_counter()
            if first is None and facts:
                first, before = (facts, now), await used(service, [pid])
            meter.show(facts)
            if first and (facts >= feed.unique or now - first[1] > limit_s):
                break
            if first is None and time.monotonic() > deadline:
                raise TimeoutError(f"{name} took nothing in for {START_S:.0f} s")
            await asyncio.sleep(POLL_S)
    if facts == first[0]:
        raise TimeoutError(f"{name} took everything in at once: there is nothing to time")
    deliveries = (facts - first[0]) * weight
    usage = (await used(service, [pid])).since(before)
    detail = {**usage.per(deliveries), "peak_mb": round(peak_mb([pid]))}
    return Taken(deliveries / (now - first[1]), usage.cpu_s / deliveries, detail)


async def _stand_at(service: Service, group: str, start: Mapping[Place, int]) -> None:
    """Have the group go on from there."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=service.servers, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = {TopicPartition(*place): offset for place, offset in start.items()}
        consumer.assign(list(partitions))
        await consumer.commit(partitions)
    finally:
        await consumer.stop()
