"""What is sent to everybody who is compared: the same bytes, in the same order.

Of the generated events those that even a day's work handles (orders, consents, withdrawals,
bans, lifts), each about a channel identity that has ordered before: so nobody is faster for
leaving something out.
"""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer

from bench.service import Service
from ops.generate import Generator, Published
from ops.generate.publish import Publisher
from topics import CONSENTS, ORDERS

TOPICS = (ORDERS.name, CONSENTS.name)
REPEATED_FROM = 500
"""A repeated delivery repeats one of so many records before it."""

_ORDERS = frozenset({"order.placed"})
_SAID = frozenset({"consent.granted", "consent.withdrawn", "ban.placed", "ban.lifted"})
_ALL = _ORDERS | _SAID

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Deliveries in order; `unique` of them are no repetition."""

    name: str
    deliveries: tuple[Published, ...]
    unique: int


def feeds(count: int, seed: int = 7) -> Iterator[Feed]:
    """Six feeds of `count` deliveries each, to be taken in one after the other."""
    stream = _Stream(count, seed)
    for share in (0.0, 0.2):
        for name, wanted in (("orders", _ORDERS), ("consents", _SAID), ("mixed", _ALL)):
            yield stream.feed(name, count, share, wanted)


def mixed(count: int, share: float, seed: int = 7) -> Feed:
    """One feed of everything, for an empty register; `share` of it are duplicates."""
    return _Stream(count, seed).feed("mixed", count, share, _ALL)


def with_repeats(once: list[Published], count: int, rng: random.Random) -> Iterator[Published]:
    """The events, with repetitions strewn in up to `count` deliveries."""
    recent: deque[Published] = deque(maxlen=REPEATED_FROM)
    spare, left = count - len(once), len(once)
    for event in once:
        recent.append(event)
        yield event
        while spare and rng.random() < spare / (spare + left):
            spare -= 1
            yield rng.choice(recent)
        left -= 1
    for _ in range(spare):
        yield rng.choice(recent)


class _Stream:
    """Picks from one endless stream of generated events."""

    def __init__(self, count: int, seed: int) -> None:
        # In the past, so that nothing is dated ahead of its delivery.
        start = datetime.now(UTC) - timedelta(hours=1)
        self._events = iter(
            Generator(seed, start=start, customers=max(100, count // 2), rate=100_000.0)
        )
        self._taken: set[str] = set()
        self._ordered: set[tuple[str, str]] = set()
        self._repeats = random.Random(f"{seed}:repeats")

    def feed(self, name: str, count: int, share: float, wanted: frozenset[str]) -> Feed:
        """The next `count` deliveries, of which `share` repeat another."""
        unique = round(count * (1 - share))
        once = self._take(unique, wanted)
        deliveries = tuple(with_repeats(once, count, self._repeats))
        return Feed(f"{name}, {share:.0%} duplicates", deliveries, unique)

    def _take(self, count: int, wanted: frozenset[str]) -> list[Published]:
        """The next `count` events of the wanted types."""
        taken: list[Published] = []
        while len(taken) < count:
            published = next(self._events)
            event = published.event or {}
            if event["type"] not in wanted or event["id"] in self._taken:
                continue
            person = event["source"], event.get("subject", "")
            if event["type"] in _ORDERS:
                self._ordered.add(person)
            elif person not in self._ordered:
                continue
            self._taken.add(event["id"])
            taken.append(published)
        return taken


async def publish(service: Service, deliveries: tuple[Published, ...]) -> dict[Place, int]:
    """Send them; gives where each partition stood before."""
    before = await ends(service)
    async with Publisher(service.target) as publisher:
        for published in deliveries:
            await publisher.send(published)
        await publisher.flush()
    return before


async def ends(service: Service) -> dict[Place, int]:
    """Where the partitions of the feeds' topics end now."""
    topics = [service.prefix + name for name in TOPICS]
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=service.servers)
    await consumer.start()
    try:
        found = await consumer.end_offsets(list(consumer.assignment()))
    finally:
        await consumer.stop()
    return {(one.topic, one.partition): offset for one, offset in found.items()}
