"""Batches written without Kafka: to fill a register, and to see which rows events leave."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import count, islice

from bench.service import Service
from ops.generate.progress import Meter
from ops.generate.published import Published
from register.inbound import Decoder
from register.records import Record
from register.store.batch import Arrived, Batch, Unread, write_batch
from register.store.pool import connect

BATCH = 1000

_NOWHERE = ("in process", 0)
"""Where offsets are kept: a row is written as for any batch, and no worker goes on from it."""

_EMPTY_OUTBOX = "TRUNCATE outbox"


async def write(
    service: Service,
    deliveries: Iterable[Published],
    *,
    size: int = BATCH,
    keep_outbox: bool = True,
    total: int | None = None,
) -> float:
    """Apply them in one process, as a worker does; gives the seconds that it took.

    Raises RuntimeError where an event cannot be read: none of these is poison.
    """
    rules = service.rules()
    decoder = Decoder(rules.digester, service.prefix)
    connection = await connect(service.database_url, "bench", by_key=True)
    stream, offsets = iter(deliveries), count()
    seconds = 0.0
    try:
        with Meter("written", total=total) as meter:
            while taken := list(islice(stream, size)):
                begun = time.perf_counter()
                now = datetime.now(UTC)
                came = [read(decoder, service.prefix, one, next(offsets), now) for one in taken]
                arrived = [one for one in came if isinstance(one, Arrived)]
                unread = [one for one in came if isinstance(one, Unread)]
                if unread:
                    raise RuntimeError(f"healthy events cannot be read: {unread[0].reason}")
                last = came[-1].record.offset + 1
                batch = Batch(arrived, unread, {_NOWHERE: last})
                await write_batch(connection, batch, rules, now)
                seconds += time.perf_counter() - begun
                if not keep_outbox:
                    await connection.execute(_EMPTY_OUTBOX)
                meter.show(last)
        # What the first batches told the planner of empty tables is true no more.
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return seconds


def read(
    decoder: Decoder, prefix: str, published: Published, offset: int, now: datetime
) -> Arrived | Unread:
    """Decode what would come from Kafka."""
    return decoder.read(
        Record(
            topic=prefix + published.topic,
            partition=0,
            offset=offset,
            key=published.key,
            value=published.value,
            headers=published.headers,
            received=now,
        )
    )
