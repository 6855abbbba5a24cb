"""After a restore: nothing is published before all that is newer than the backup is taken in.

A no may come on any topic, and whom it binds may depend on any other (R50): so all of them
count, up to where they went when the leading relay found the database restored (R66). Only
questions at the gate wait until then: an answer from a register that lacks a day's bans would
be wrong.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from register.outbound import Outbound
from register.published import ANSWERS, last_said
from register.store.pool import Connection
from register.store.reconcile import (
    answers_waiting,
    begin_said,
    note_said,
    reconcile,
)
from register.store.restored import Ahead, Hold, Span, read_hold, set_targets, still_ahead
from topics import BANS, ELIGIBILITY, INBOUND, SCREENINGS
from topics.ends import reached
from workers.settings import Settings

_POLL_MS = 1000
_REPLAYED = tuple(topic.name for topic in INBOUND if topic is not SCREENINGS)

log = structlog.get_logger()


class Replay:
    """What the leading relay does instead of publishing while output is held back."""

    def __init__(self, settings: Settings, stopping: asyncio.Event) -> None:
        self._settings = settings
        self._stopping = stopping
        self._before: list[Ahead] = []
        self._told_of_gaps = False

    async def step(self, connection: Connection, hold: Hold) -> None:
        """Do what can be done now towards the end of the hold."""
        if not hold.has_targets:
            await self._set_targets(connection)
        elif hold.gone:
            if not self._told_of_gaps:
                self._told_of_gaps = True
                log.error("relay", action="replay-has-gaps")
        elif await self._all_in(connection):
            await self._reconcile(connection)

    async def _set_targets(self, connection: Connection) -> None:
        names = [self._settings.topic_prefix + topic for topic in _REPLAYED]
        async with self._reading(names, "read_uncommitted") as consumer:
            partitions = sorted(consumer.assignment())
            firsts = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        spans = {(one.topic, one.partition): Span(firsts[one], ends[one]) for one in partitions}
        await set_targets(connection, spans)
        log.warning("relay", action="output-held", partitions=len(spans))

    async def _all_in(self, connection: Connection) -> bool:
        """Whether the targets are reached; where nothing moves any more, whether anything but
        ends of transactions, which are no records, lies before them."""
        ahead, before = await still_ahead(connection), self._before
        self._before = ahead
        if not ahead:
            return True
        return ahead == before and not await self._any_record(ahead)

    async def _any_record(self, ahead: Sequence[Ahead]) -> bool:
        topics = sorted({one.partition[0] for one in ahead})
        async with self._reading(topics, "read_uncommitted") as consumer:
            for one in ahead:
                partition = TopicPartition(*one.partition)
                consumer.seek(partition, one.next_offset)
                try:
                    fetched = await consumer.getmany(partition, timeout_ms=_POLL_MS, max_records=1)
                except UnicodeDecodeError:
                    return True
                if fetched or await consumer.position(partition) < one.end_offset:
                    return True
        return False

    async def _reconcile(self, connection: Connection) -> None:
        prefix = self._settings.topic_prefix
        answers = await answers_waiting(connection, [prefix + topic for topic in ANSWERS])
        await begin_said(connection)
        topics = [prefix + ELIGIBILITY.name, prefix + BANS.name, *answers]
        async with self._reading(topics, "read_committed") as consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            while not await reached(consumer, ends):
                if self._stopping.is_set():
                    return
                fetched = await consumer.getmany(timeout_ms=_POLL_MS)
                for partition, records in fetched.items():
                    kind = partition.topic.removeprefix(prefix)
                    await note_said(connection, last_said(kind, partition.topic, records))
                # The server lets go of a leader from whom it hears nothing for long.
                await read_hold(connection)
        done = await reconcile(connection, Outbound(prefix, datetime.now(UTC)), answers)
        log.warning("relay", action="output-goes-on", bans=done.bans, customers=done.customers)
        if done.unknown_bans:
            log.error("relay", action="unknown-bans-stand", digests=done.unknown_bans)
        self._told_of_gaps = False

    @asynccontextmanager
    async def _reading(
        self, topics: Sequence[str], isolation: str
    ) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of no group that has every partition of the topics, from the beginning."""
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id="register-replay",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level=isolation,
        )
        try:
            await consumer.start()
            if {one.topic for one in consumer.assignment()} != set(topics):
                raise UnknownTopicOrPartitionError("a topic is missing")
            yield consumer
        finally:
            await consumer.stop()
