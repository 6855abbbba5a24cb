"""Reads ahead: the next batch is fetched and decoded while the last one is being written."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from register.records import Record
from register.store.batch import Arrived, Batch, Unread

Fetched = Mapping[TopicPartition, list[Any]]
Decode = Callable[[Record], Arrived | Unread]

POLL_MS = 200
_LONG_S = 0.4
_LEAST = 20
_AT_ONCE = 50
"""Records decoded before others get their turn: a ban must not wait for 500 orders."""


@dataclass(slots=True)
class Read:
    """A batch, and the records that it was made of, by partition and in order.

    `epoch` is that of the assignment when the reading of it began, `is_awaited` whether somebody
    waits for what becomes of one of the records.
    """

    epoch: int
    fetched: dict[TopicPartition, list[Any]] = field(default_factory=dict)
    arrived: list[Arrived] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    size: int = 0
    is_awaited: bool = False
    failed: Exception | None = None

    @property
    def batch(self) -> Batch:
        """What is written: the offsets go on after the last record of each partition.

        Raises what decoding a record raised, which it never should.
        """
        if self.failed is not None:
            raise self.failed
        offsets = {
            (one.topic, one.partition): records[-1].offset + 1
            for one, records in self.fetched.items()
        }
        return Batch(self.arrived, self.unread, offsets)

    def add(self, partition: TopicPartition, records: list[Any], decode: Decode) -> None:
        """Take in the next records of a partition."""
        self.fetched.setdefault(partition, []).extend(records)
        self.size += len(records)
        try:
            for fetched in records:
                read = decode(record_of(fetched))
                if isinstance(read, Arrived):
                    self.arrived.append(read)
                    self.is_awaited = self.is_awaited or read.is_awaited
                else:
                    self.unread.append(read)
        except Exception as error:  # noqa: BLE001 - told by `batch`, to whoever writes it
            self.failed = error


class ReadAhead:
    """One batch ahead of whoever writes them.

    What was read ahead and is dropped must be read again: whoever drops it seeks all partitions.
    `limit` is how many records a batch may hold now. A batch costs the same statements for one
    record as for a hundred, so where few come, and nobody waits for one of them, what comes
    within `gather_s` (seconds) after the last batch was begun makes one: what that saves is
    there for bans.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        decode: Decode,
        max_records: int,
        gather_s: float = 0.0,
    ) -> None:
        self._consumer = consumer
        self._decode = decode
        self._max_records = max_records
        self._gather_s = gather_s
        self.limit = max_records
        self._until = 0.0
        self._hurried = False
        self._next: asyncio.Task[Read] | None = None

    async def take(self, epoch: int) -> Read:
        """The next batch; empty where nothing came within 0.2 s. `epoch` is the present one.

        Raises `UnicodeDecodeError` where the client cannot unpack a record.
        """
        task, self._next = self._next, None
        read = await (task or self._read(epoch))
        if 0 < read.size < self.limit and not self._hurried:
            # What came while the last batch was written: the more waits, the larger a batch.
            await self._fetch(read, timeout_ms=0)
        return read

    def fit(self, records: int, seconds: float) -> None:
        """Have batches hold fewer records where one of about as many took long to write, and more
        again where it did not: who waits for its locks waits for all of it."""
        if seconds > _LONG_S:
            if records > self.limit // 2:
                self.limit = min(self._max_records, max(_LEAST, self.limit // 2))
            return
        more = self.limit if seconds < _LONG_S / 4 else _LEAST
        self.limit = min(self._max_records, self.limit + more)

    def go_on(self, epoch: int) -> None:
        """Begin to read the next batch, while this one begins to be written."""
        if self._next is None:
            self._until = time.monotonic() + self._gather_s
            self._hurried = False
            self._next = asyncio.create_task(self._read(epoch))

    def hurry(self) -> None:
        """Gather no more for the batch that is being read, nor ask for what came meanwhile: while
        partitions are handed over, the client answers only once that is done."""
        self._hurried = True

    async def drop(self) -> bool:
        """Forget what was read ahead; tells whether there was anything."""
        task, self._next = self._next, None
        if task is None:
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    async def _read(self, epoch: int) -> Read:
        read = Read(epoch)
        await self._fetch(read, timeout_ms=POLL_MS)
        while 0 < read.size < self.limit and not (read.is_awaited or self._hurried):
            left_ms = int(1000 * (self._until - time.monotonic()))
            if left_ms <= 0:
                break
            await self._fetch(read, timeout_ms=min(left_ms, POLL_MS))
        return read

    async def _fetch(self, read: Read, *, timeout_ms: int) -> None:
        fetched: Fetched = await self._consumer.getmany(
            timeout_ms=timeout_ms, max_records=self.limit - read.size
        )
        for partition, records in fetched.items():
            for start in range(0, len(records), _AT_ONCE):
                read.add(partition, records[start : start + _AT_ONCE], self._decode)
                await asyncio.sleep(0)


def record_of(fetched: Any) -> Record:
    """The client's record as ours."""
    return Record(
        topic=fetched.topic,
        partition=fetched.partition,
        offset=fetched.offset,
        key=fetched.key,
        value=fetched.value,
        headers=fetched.headers,
        received=datetime.fromtimestamp(fetched.timestamp / 1000, UTC),
    )
