"""How long after it was started something arrives on a topic."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from ops.demo.watch import stand_at_end

KeyOf = Callable[[ConsumerRecord], bytes | None]
"""What a record answers to; None for a record that answers nothing."""


class Arrivals:
    """Reads one topic from its end and times what was started. An async context manager.

    `milliseconds` holds one time for each key that arrived: from `start` to the moment the
    consumer had the first record of that key. `records` counts all records, and `last` is the
    moment (`time.perf_counter`) of the latest.
    """

    def __init__(self, servers: str, topic: str, key_of: KeyOf) -> None:
        self.milliseconds: list[float] = []
        self.records = 0
        self.last = 0.0
        self._key_of = key_of
        self._open: dict[bytes, float] = {}
        self._consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=servers, auto_offset_reset="latest"
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        await stand_at_end(self._consumer)
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._consumer.stop()

    @property
    def open(self) -> int:
        """How many started keys have not arrived yet."""
        return len(self._open)

    def start(self, key: bytes) -> None:
        """Its time runs from now."""
        self._open[key] = time.perf_counter()

    async def settle(self, timeout_s: float) -> None:
        """Wait until everything started has arrived; raises TimeoutError with what is missing."""
        deadline = time.monotonic() + timeout_s
        while self._open:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self._open)} of the started never arrived")
            if self._task is not None and self._task.done():
                self._task.result()
            await asyncio.sleep(0.02)

    async def _read(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=500)
            now = time.perf_counter()
            for records in batches.values():
                self.records += len(records)
                self.last = now
                for record in records:
                    key = self._key_of(record)
                    started = None if key is None else self._open.pop(key, None)
                    if started is not None:
                        self.milliseconds.append((now - started) * 1000)


def record_key(record: ConsumerRecord) -> bytes | None:
    """The record's own key."""
    key: bytes | None = record.key
    return key


def cause_id(record: ConsumerRecord) -> bytes | None:
    """The id of the event that caused an eligibility record; None for a tombstone."""
    if record.value is None:
        return None
    event_id: str = orjson.loads(record.value)["data"]["caused_by"]["id"]
    return event_id.encode()
