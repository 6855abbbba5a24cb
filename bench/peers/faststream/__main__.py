"""A FastStream batch subscriber: one fetch, one transaction, its answers."""

import asyncio
import os
from typing import Any

from faststream import AckPolicy, FastStream  # type: ignore[import-not-found]
from faststream.kafka import KafkaBroker  # type: ignore[import-not-found]
from faststream.kafka.annotations import KafkaMessage  # type: ignore[import-not-found]

from bench.peers.core import decode
from bench.peers.store import apply, connect

broker = KafkaBroker(os.environ["KAFKA_BOOTSTRAP_SERVERS"], enable_idempotence=True, acks="all")
app = FastStream(broker)
publisher = broker.publisher(os.environ["ELIGIBILITY"], batch=True)
pool: Any = None


async def open_pool() -> None:
    """Connect before anything is read."""
    global pool
    pool = await connect()


async def take_in(message: KafkaMessage) -> None:
    """Apply a batch."""
    records = message.raw_message
    events = (decode(record.value, record.headers) for record in records)
    answers = await apply(pool, [event for event in events if event is not None])
    await asyncio.gather(
        *(broker.publish(value, os.environ["ELIGIBILITY"], key=key, no_confirm=True)
          for key, value in answers)
    )  # fmt: skip


broker.subscriber(
    *os.environ["TOPICS"].split(","),
    batch=True,
    max_records=500,
    group_id=os.environ["GROUP"],
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.NACK_ON_ERROR,
)(take_in)
app.on_startup(open_pool)
asyncio.run(app.run())
