"""Reading what the service writes, as any consumer would."""

import asyncio
import time
from collections import Counter, deque
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from ops.demo import sentences
from ops.demo.clock import BanClock, Enforced
from ops.generate.publish import Target
from topics import BANS, DEAD_LETTERS, ELIGIBILITY, REFUSALS

LINES = 8
LATEST_BANS = 6
WATCHED = (ELIGIBILITY, BANS, REFUSALS, DEAD_LETTERS)


class Watch:
    """Counts and keeps the latest of what arrives from now on. An async context manager."""

    def __init__(self, target: Target, clock: BanClock) -> None:
        self.clock = clock
        self.counts: Counter[str] = Counter()
        self.lines: deque[str] = deque(maxlen=LINES)
        self.latest: deque[Enforced] = deque(maxlen=LATEST_BANS)
        self._prefix = target.topic_prefix
        self._previous: dict[str, dict[str, Any]] = {}
        self._consumer = AIOKafkaConsumer(
            *(self._prefix + topic.name for topic in WATCHED),
            bootstrap_servers=target.bootstrap_servers,
            auto_offset_reset="latest",
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            await stand_at_end(self._consumer)
        except BaseException:
            await self._consumer.stop()
            raise
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

    def check(self) -> None:
        """Raise what ended the reading, if anything did."""
        if self._task is not None and self._task.done():
            self._task.result()

    async def _read(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=200)
            now = time.perf_counter()
            for partition, records in batches.items():
                name = partition.topic.removeprefix(self._prefix)
                self.counts[name] += len(records)
                for record in records:
                    self._take(name, record, now)

    def _take(self, name: str, record: ConsumerRecord, now: float) -> None:
        if name == ELIGIBILITY.name:
            self._eligibility(record.key.decode(), record.value, now)
        elif name == BANS.name and record.value is not None:
            trace = orjson.loads(record.value).get("traceparent")
            if trace is not None:
                self._timed(self.clock.seen_trace(trace, "ban register", now))
        elif name == REFUSALS.name:
            self.lines.append(sentences.refusal(orjson.loads(record.value)["data"]))
        elif name == DEAD_LETTERS.name:
            reason = dict(record.headers).get("dlq-reason", b"?").decode(errors="replace")
            self.lines.append(f"dead letter: {reason}")

    def _eligibility(self, key: str, value: bytes | None, now: float) -> None:
        if value is None:
            self._previous.pop(key, None)
            self.lines.append(sentences.tombstone(key))
            return
        data = orjson.loads(value)["data"]
        cause = data["caused_by"]["source"], data["caused_by"]["id"]
        self._timed(self.clock.seen_cause(cause, "eligibility", now))
        self.lines.append(sentences.decision(data, self._previous.get(key)))
        self._previous[key] = data

    def _timed(self, enforced: Enforced | None) -> None:
        if enforced is not None:
            self.latest.append(enforced)


async def stand_at_end(consumer: AIOKafkaConsumer) -> None:
    """Wait until a groupless consumer knows its positions: it reads what is written from now on."""
    for partition in consumer.assignment():
        await consumer.position(partition)
