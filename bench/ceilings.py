"""The least that any implementation would have to do: write these rows, read these bytes."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import in_process
from bench.feeds import Feed, Place
from bench.service import Service
from bench.usage import used
from register.store.pool import Connection, prepare

TABLES = (
    "event_key", "fact", "fact_party", "identity", "match_key", "identity_point", "customer",
    "ban_entry", "ban_digest", "outbox", "consumer_offset",
)  # fmt: skip
"""What a batch writes."""
DERIVED = ("identity", "match_key", "identity_point", "customer", "ban_entry", "ban_digest")
"""Those that `register rebuild` makes anew."""
BATCHES = (500, 2000, 5000)
"""Events per transaction that are tried; the best counts."""
READ_ROUNDS = 3

Message = tuple[bytes | None, bytes | None]
"""Key and value."""

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""Rows by table."""

_HORIZON = "SELECT pg_current_xact_id()::text::bigint"


@dataclass(frozen=True, slots=True)
class Written:
    """Events whose rows were written in a second, also of processor time of both ends; with
    what size of batch, and what one event used. `outgoing` are keys and values of the messages
    among these rows."""

    per_second: float
    per_cpu_second: float
    batch: int
    detail: dict[str, Any]
    outgoing: Sequence[Message] = ()


@dataclass(frozen=True, slots=True)
class WriteCeiling:
    """A register that is written in process, and empty copies of its tables."""

    recorded: Service
    empty_url: str

    @classmethod
    async def make(cls, service: Service) -> "WriteCeiling":
        """Make both."""
        recorded = await service.another("recorded")
        return cls(recorded, (await service.another("empty")).database_url)

    async def measure(self, feed: Feed) -> Written:
        """Record the rows that the feed leaves, then write them as fast as asyncpg can."""
        rows = await self.record(feed)
        tried = [
            await write(self.recorded, self.empty_url, rows, len(feed.deliveries), size)
            for size in BATCHES
            if size == BATCHES[0] or size <= len(feed.deliveries)
        ]
        best = max(tried, key=lambda one: one.per_second)
        return replace(best, outgoing=[(key, value) for _, _, key, value, *_ in rows["outbox"]])

    async def record(self, feed: Feed) -> Rows:
        """Apply the feed; gives every row that is there because of it, as it is at the end."""
        database = await asyncpg.connect(self.recorded.database_url)
        try:
            await prepare(database)
            horizon: int = await database.fetchval(_HORIZON)
            await in_process.write(self.recorded, feed.deliveries, total=len(feed.deliveries))
            return await read_rows(database, TABLES, horizon)
        finally:
            await database.close()


_READ_S = 600.0
"""A register of a million persons has some gigabytes of rows."""


async def read_rows(database: Connection, tables: Sequence[str], horizon: int = 0) -> Rows:
    """Rows that transactions since the horizon left."""
    return {
        table: [
            tuple(row)
            for row in await database.fetch(
                f"SELECT * FROM {table} WHERE xmin::text::bigint >= $1",
                horizon,
                timeout=_READ_S,
            )
        ]
        for table in tables
    }


async def write(service: Service, url: str, rows: Rows, events: int, size: int) -> Written:
    """Write the rows into emptied tables, a transaction for those of each `size` events."""
    database = await asyncpg.connect(url)
    try:
        await prepare(database)
        await database.execute(f"TRUNCATE {', '.join(rows)} CASCADE")
        batches = list(chunks(rows, max(1, round(events / size))))
        before = await used(service, [os.getpid()])
        begun = time.perf_counter()
        for batch in batches:
            async with database.transaction():
                for table, records in batch.items():
                    if records:
                        await database.copy_records_to_table(table, records=records)
        seconds = time.perf_counter() - begun
        usage = (await used(service, [os.getpid()])).since(before)
    finally:
        await database.close()
    return Written(events / seconds, events / usage.cpu_s, size, usage.per(events))


def chunks(rows: Rows, count: int) -> Iterator[dict[str, list[tuple[Any, ...]]]]:
    """The rows in so many parts; personal data in the part of its fact, which it refers to."""
    parties = {row[0]: row for row in rows.get("fact_party", ())}
    for number in range(count):
        part: dict[str, list[tuple[Any, ...]]] = {}
        for table, records in rows.items():
            first, last = (len(records) * one // count for one in (number, number + 1))
            part[table] = list(records[first:last])
        if "fact" in part:
            named = [parties[row[0]] for row in part["fact"] if row[0] in parties]
            part["fact_party"] = named
        yield part


async def read_rate(service: Service, start: Mapping[Place, int], count: int) -> float:
    """Records a second that aiokafka fetches from there on, undecoded; best of some rounds."""
    return max([await _read(service, start, count) for _ in range(READ_ROUNDS)])


async def _read(service: Service, start: Mapping[Place, int], count: int) -> float:
    consumer = AIOKafkaConsumer(bootstrap_servers=service.servers, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place) for place in start])
        for place, offset in start.items():
            consumer.seek(TopicPartition(*place), offset)
        read = 0
        begun = time.perf_counter()
        while read < count:
            fetched = await consumer.getmany(timeout_ms=1000)
            read += sum(len(records) for records in fetched.values())
        return count / (time.perf_counter() - begun)
    finally:
        await consumer.stop()
