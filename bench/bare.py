"""What is left of a worker without its rules: fetch, decode, write the rows, publish."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from bench import in_process
from bench.ceilings import Message, Written
from bench.feeds import Feed
from bench.figures import Figure
from bench.service import Service, make_topics
from register.inbound import Decoder
from register.rules import normalise
from topics.declarations import PARTITIONS


@dataclass(frozen=True, slots=True)
class Bare:
    """Microseconds of its own processor time that each part of an event takes."""

    fetch_us: float
    decode_us: float
    write_us: float
    publish_us: float

    @property
    def per_second(self) -> float:
        """Events a second if one core did this, and waited for nothing."""
        return 1e6 / (self.fetch_us + self.decode_us + self.write_us + self.publish_us)

    def figure(self, feed: Feed, peer: str, per_second: float) -> Figure:
        """Next to the best peer: the rate if rules, look-ups and locks cost nothing."""
        detail: dict[str, Any] = {name: round(us) for name, us in asdict(self).items()}
        name = f"{feed.name}, without any rule"
        return Figure(name, "/s", self.per_second, f"{peer} (best)", per_second, detail=detail)


async def measure(service: Service, feed: Feed, written: Written, read: float) -> Bare:
    """Of a feed; `written` and `read` (records a second) are its ceilings."""
    events = len(feed.deliveries)
    produced = await produce(service, written.outgoing)
    return Bare(
        fetch_us=1e6 / read,
        decode_us=decode_s(service, feed) / events * 1e6,
        write_us=written.detail["cpu_us_per_event"],
        publish_us=produced.cpu_s / events * 1e6,
    )


def decode_s(service: Service, feed: Feed) -> float:
    """Processor seconds to decode, check and normalise all of it, of persons not yet heard of."""
    for remembered in vars(normalise).values():
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()
    decoder = Decoder(service.rules().digester, service.prefix)
    now = datetime.now(UTC)
    begun = time.process_time()
    for offset, one in enumerate(feed.deliveries):
        in_process.read(decoder, service.prefix, one, offset, now)
    return time.process_time() - begun


@dataclass(frozen=True, slots=True)
class Produced:
    """How long it took, by the clock and in processor time."""

    seconds: float
    cpu_s: float


async def produce(service: Service, messages: Sequence[Message]) -> Produced:
    """Send messages that are ready, by a producer as careful as the relay."""
    topic = f"{service.prefix}bench.again"
    await make_topics(service.servers, topic, partitions=PARTITIONS)
    producer = AIOKafkaProducer(
        bootstrap_servers=service.servers, enable_idempotence=True, acks="all"
    )
    async with producer:
        begun, used = time.perf_counter(), time.process_time()
        for key, value in messages:
            await producer.send(topic, key=key, value=value)
        await producer.flush()
        return Produced(time.perf_counter() - begun, time.process_time() - used)
