"""The batch loop: Kafka → decode → one transaction → next batch.

Nothing is acknowledged before PostgreSQL has committed: the offsets are part of the same
transaction, and a partition always goes on from there. Kafka is told as well, but only so
that its tools can show a lag. A batch that met an outage is held and tried again; a worker
that lost its partitions meanwhile lets go of it, and if it writes all the same, every event
of it is a duplicate (R1).
"""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError

from register.inbound import Decoder
from register.records import Record
from register.store.batch import Arrived, Batch, Outcome, Unread, rehearse, write_batch
from register.store.offsets import forget_offsets, read_offsets
from register.store.pool import CONFLICT, LOCKED, LOST_CONNECTION, Connection
from register.store.reach import Contended
from register.store.restored import read_cluster, read_hold
from topics import SCREENINGS
from workers.ahead import Read, ReadAhead, record_of
from workers.backoff import Backoff
from workers.logs import log_failure
from workers.loop import LoopService
from workers.metrics import Metrics
from workers.patience import Patience
from workers.rehearsal import rehearsal
from workers.settings import Settings
from workers.turns import turns
from workers.unpacking import tolerate_header_names

_HAND_OVER_SECONDS = 5.0
_REJOINING_SECONDS = 0.05
_REPORT_SECONDS = 1.0
_SILENCE_SECONDS = 10.0
_LONGEST_TRY_S = 900

INTERNAL_ERROR = "internal_error"
"""Reason of a dead letter that is our fault: the record broke the worker, not the contract."""

log = structlog.get_logger()


class Ingest(LoopService):
    """Takes events of the given topics into the register."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        topics: Collection[str],
        metrics: Metrics,
        **kwargs: Any,
    ) -> None:
        """Nothing is connected yet."""
        super().__init__(name, **kwargs)
        self._ahead: ReadAhead | None = None
        self._settings = settings
        self._topics = [settings.topic_prefix + topic for topic in topics]
        self._metrics = metrics
        self._rules = settings.rules()
        self._decoder = Decoder(self._rules.digester, settings.topic_prefix)
        self._consumer: AIOKafkaConsumer | None = None
        self._connection: Connection | None = None
        self._unpositioned: set[TopicPartition] = set()
        self._cluster: str | None = None
        self._epoch = 0
        self._in_hand = asyncio.Lock()
        self._telling = asyncio.Lock()
        self._rejoining = False
        self._joined = False
        self._written: dict[TopicPartition, int] = {}
        self._heard_of_kafka = 0.0
        self._waiting_since: float | None = None

    @property
    def ready(self) -> bool:
        """Whether events are being taken in: in the group, connected to the database, and Kafka
        has answered lately."""
        connected = self._connection is not None and not self._connection.is_closed()
        heard = time.monotonic() - self._heard_of_kafka < _SILENCE_SECONDS
        return self._joined and connected and heard and not self.stopping.is_set()

    def let_go(self) -> None:
        """End the batch in hand."""
        self._disconnect()

    def wake(self) -> None:
        """Gather no more records: what is read is written."""
        if self._ahead is not None:
            self._ahead.hurry()

    async def session(self) -> None:
        """Join the group and take events in until the worker stops."""
        consumer = self._consumer = self._new_consumer()
        consumer.subscribe(self._topics, listener=_Listener(self))
        ahead = ReadAhead(
            consumer,
            self._read,
            self._settings.batch_max_records,
            self._settings.gather_ms / 1000,
        )
        if self._ahead is not None:
            ahead.limit = self._ahead.limit  # what took long before an outage does so after it
        self._ahead = ahead
        reporter: asyncio.Task[None] | None = None
        try:
            await self._connected()
            await consumer.start()
            self.backoff.reset()
            reporter = asyncio.create_task(self._report_forever(consumer))
            while not self.stopping.is_set():
                await self._turn(consumer, ahead)
            await self._tell_kafka(consumer)
        finally:
            self._joined = False
            await ahead.drop()
            if reporter is not None:
                reporter.cancel()
                await asyncio.gather(reporter, return_exceptions=True)
            self._disconnect()
            await consumer.stop()

    def _new_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            group_id=f"{self._settings.consumer_group}.{self.name}",
            client_id=f"register-{self.name}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # The same partition of every topic comes to the same worker, so that one person's
            # events of all topics do: workers seldom wait for each other's locks.
            partition_assignment_strategy=(RangePartitionAssignor,),
            session_timeout_ms=self._settings.session_timeout_ms,
            # A batch that breaks is given up before the group is left: it would be begun anew. But
            # a worker that alone has lost the database does not keep its partitions for long.
            max_poll_interval_ms=1000 * max(_LONGEST_TRY_S, 4 * self._settings.batch_patience_s),
            heartbeat_interval_ms=self._settings.session_timeout_ms // 3,
        )

    async def _turn(self, consumer: AIOKafkaConsumer, ahead: ReadAhead) -> None:
        if self._rejoining:
            await self._poll(consumer)
            return
        if self._unpositioned and await ahead.drop():
            self._start_over(consumer.assignment())
        await self._position(consumer)
        await self._connected()
        try:
            read = await ahead.take(self._epoch)
        except UnicodeDecodeError:
            log.warning(self.name, action="header-name")
            tolerate_header_names()
            self._start_over(consumer.assignment())
            return
        if not read.size:
            self._assert_not_deaf()
            return
        if not self._unpositioned:
            ahead.go_on(self._epoch)
        async with self._in_hand:
            # The batch before one that was read under an earlier assignment may have been let go:
            # written now, the offsets would stand past it.
            if read.epoch == self._epoch and not self._rejoining:
                await self._take_in(read)
            else:
                self._start_over(consumer.assignment())
        self._waiting_since = None

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        """Ask for records while the group is joined anew, though none come before partitions do:
        the client joins only while it is asked, and tells its errors only there."""
        polling = asyncio.ensure_future(consumer.getmany(timeout_ms=0))
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if polling.done():
                polling.result()
        finally:
            polling.cancel()
            stopping.cancel()
        await asyncio.sleep(_REJOINING_SECONDS)

    def _assert_not_deaf(self) -> None:
        """A client whose fetching ended by itself says nothing of it: records wait, and none
        comes. Raises an outage then, which starts a new client."""
        since = self._waiting_since
        if since is not None and time.monotonic() - since > _SILENCE_SECONDS:
            log.error(self.name, action="deaf")
            raise KafkaConnectionError("records wait in Kafka and none is fetched")

    async def _take_in(self, read: Read) -> None:
        """Write one batch; comes back when it is committed or when its partitions are lost."""
        try:
            # Full ones are a backlog's: it is through sooner with longer turns.
            full = self._ahead is not None and read.size >= self._ahead.limit
            with contextlib.nullcontext() if full else turns.short():
                await self._write_until_done(read.batch, read.epoch)
        except Exception as error:  # noqa: BLE001 - whatever one record does, the others count
            log_failure(self.name, "batch-failed", error)
            for partition, records in read.fetched.items():
                for record in records:
                    if not await self._take_in_alone(partition, record, read.epoch):
                        return  # whatever comes after it must not be written before it

    def _read(self, record: Record) -> Arrived | Unread:
        read = self._decoder.read(record)
        if isinstance(read, Arrived) and read.dropped:
            self._metrics.dropped_fields.inc(read.dropped)
        return read

    def _alone(self, partition: TopicPartition, record: Any, epoch: int) -> Read:
        read = Read(epoch)
        read.add(partition, [record], self._read)
        return read

    async def _take_in_alone(self, partition: TopicPartition, record: Any, epoch: int) -> bool:
        """Write one record of a batch that failed; a record that fails alone is a dead letter.
        Tells whether it was written.

        Raises the error where the register would not even take events of ours, or that of an
        outage meanwhile: then it is not the record, and stopping loses nothing, since the offsets
        stand before it.
        """
        try:
            return await self._write_until_done(self._alone(partition, record, epoch).batch, epoch)
        except Exception as error:
            log_failure(self.name, "record-failed", error)
            if not await self._register_works():
                raise
            unread = [Unread(record_of(record), INTERNAL_ERROR)]
            offsets = {(partition.topic, partition.partition): record.offset + 1}
            return await self._write_until_done(Batch([], unread, offsets), epoch)

    async def _register_works(self) -> bool:
        """Whether what nobody said can be written; it is taken back at once.

        Raises the errors of an outage."""
        now = datetime.now(UTC)
        reads = map(self._decoder.read, rehearsal(now, self._settings.topic_prefix))
        # Each by itself: of who is erased in the same batch nothing is written.
        batches = [Batch([read], [], {}) for read in reads if isinstance(read, Arrived)]
        try:
            await rehearse(await self._connected(), batches, self._rules, now)
        except (*LOST_CONNECTION, *CONFLICT) as error:
            self._disconnect()
            raise ConnectionError(type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - whatever it is, the register does not work
            log_failure(self.name, "rehearsal-failed", error)
            return False
        return True

    async def _write_until_done(self, batch: Batch, epoch: int) -> bool:
        """Write a batch, again after each conflict or outage, while its partitions are ours.
        Tells whether it was written.

        Raises the outage's error where it comes again and again for this batch alone.
        """
        started = time.monotonic()
        backoff = Backoff()
        patience = Patience(self._settings.batch_patience_s)
        while epoch == self._epoch:
            begun = time.monotonic()
            try:
                outcome = await self._write(batch)
            except LOCKED:
                self._metrics.batch_retries.labels("lock").inc()
                log.warning(self.name, action="lock-waited")
            except CONFLICT as error:
                self._metrics.batch_retries.labels("conflict").inc()
                if isinstance(error, Contended):
                    batch = replace(batch, concerns=batch.concerns | error.points)
            except LOST_CONNECTION as error:
                self._metrics.batch_retries.labels("outage").inc()
                log.warning(self.name, action="database-lost", error=type(error).__name__)
                # Not used again, though it may live: of a statement that took too long the driver
                # does not know what became, and would take a new transaction for a part of it.
                self._disconnect()
                if self.stopping.is_set():
                    return False  # nothing is lost: the offsets still stand before this batch
                await backoff.wait(self.stopping)
                if not self.stopping.is_set() and await self._is_tried_in_vain(patience):
                    raise
            else:
                self._observe(batch, outcome, time.monotonic() - started)
                if self._ahead is not None:
                    records = len(batch.arrived) + len(batch.unread)
                    self._ahead.fit(records, time.monotonic() - begun)
                for (topic, number), offset in batch.offsets.items():
                    self._written[TopicPartition(topic, number)] = offset
                return True
        log.info(self.name, action="batch-abandoned", records=len(batch.arrived))
        return False

    async def _is_tried_in_vain(self, patience: Patience) -> bool:
        try:
            works = await self._register_works()
        except ConnectionError:
            works = False
        return patience.ends(register_works=works)

    async def _write(self, batch: Batch) -> Outcome:
        return await write_batch(await self._connected(), batch, self._rules, datetime.now(UTC))

    def _observe(self, batch: Batch, outcome: Outcome, seconds: float) -> None:
        metrics = self._metrics
        metrics.batch_seconds.observe(seconds)
        metrics.batch_records.observe(len(batch.arrived) + len(batch.unread))
        for name, records in (
            ("applied", outcome.applied),
            ("duplicate", outcome.duplicates),
            ("refused", outcome.refused),
        ):
            for one in records:
                metrics.events.labels(self._name(one.record.topic), name).inc()
        for unread in outcome.dead:
            metrics.events.labels(self._name(unread.record.topic), "dead").inc()
            metrics.dead_letters.labels(unread.reason.split(":", 1)[0]).inc()
        for rule, reason in outcome.refusals:
            metrics.refusals.labels(rule, reason).inc()

    def _name(self, topic: str) -> str:
        return topic.removeprefix(self._settings.topic_prefix)

    # Partitions come and go

    async def revoked(self) -> None:
        """Partitions are going: the batch in hand is finished or, in an outage, let go."""
        self._epoch += 1
        self._rejoining = True
        self.wake()
        try:
            async with asyncio.timeout(_HAND_OVER_SECONDS), self._in_hand, self._telling:
                pass
        except TimeoutError:
            log.warning(self.name, action="hand-over-timed-out")

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions came: nothing is read of them before the register says from where."""
        self._epoch += 1  # what was read before they came is read again
        self._rejoining = False
        self._start_over(partitions)
        self._joined = True
        log.info(self.name, action="assigned", partitions=len(partitions))

    async def _position(self, consumer: AIOKafkaConsumer) -> None:
        """Go on where the register stands, whatever Kafka was told (R66)."""
        backoff = Backoff()
        while self._unpositioned and not self.stopping.is_set():
            partitions, epoch = sorted(self._unpositioned), self._epoch
            try:
                readable = await self._readable(partitions)
                if not readable:
                    return
                offsets = await self._stored_offsets(consumer, readable)
            except (*LOST_CONNECTION, *CONFLICT, KafkaError) as error:
                log.warning(self.name, action="positioning-waits", error=type(error).__name__)
                await backoff.wait(self.stopping)
                continue
            if epoch != self._epoch or partitions != sorted(self._unpositioned):
                continue
            for partition in readable:
                consumer.seek(partition, offsets[partition])
            consumer.resume(*readable)
            self._unpositioned.difference_update(readable)
            self._waiting_since = None

    async def _readable(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Those that may be read now. In a restored database none before the relay has noted
        what is newer, and questions at the gate only after that is taken in (R66)."""
        hold = await read_hold(await self._connected())
        if not hold.held:
            return partitions
        gate = self._settings.topic_prefix + SCREENINGS.name
        return [one for one in partitions if hold.has_targets and one.topic != gate]

    async def _stored_offsets(
        self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        connection = await self._connected()
        partitions = list(partitions)
        stored = await read_offsets(connection, [(one.topic, one.partition) for one in partitions])
        first = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
        offsets: dict[TopicPartition, int] = {}
        made_anew: list[tuple[str, int]] = []
        for one in partitions:
            offset = stored.get((one.topic, one.partition), first[one])
            if offset > end[one]:
                made_anew.append((one.topic, one.partition))
                offset = first[one]
            offsets[one] = max(offset, first[one])
        if made_anew:
            log.warning(self.name, action="offsets-past-the-end", partitions=len(made_anew))
            await forget_offsets(connection, made_anew)
        return offsets

    async def _connected(self) -> Connection:
        """The connection, made anew where it is lost.

        Raises `ConnectionError` where another database answers than before: it was restored
        while this worker ran, and knows nothing of what the batch in hand comes after.
        """
        if self._connection is None or self._connection.is_closed():
            url = self._settings.database_url.get_secret_value()
            connection = await self.connect(url, f"register-{self.name}", by_key=True)
            try:
                cluster = await read_cluster(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
            before, self._cluster = self._cluster, cluster
            if before not in (None, self._cluster):
                self._epoch += 1
                if self._consumer is not None:
                    self._start_over(self._consumer.assignment())
                raise ConnectionError("the database was restored")
        return self._connection

    def _disconnect(self) -> None:
        """End the connection, without a farewell: that may hang in an outage."""
        if self._connection is not None:
            self._connection.terminate()

    def _start_over(self, partitions: Collection[TopicPartition]) -> None:
        """Read nothing of them before the register says from where."""
        self._unpositioned = set(partitions)
        if self._consumer is not None and partitions:
            self._consumer.pause(*partitions)

    # What Kafka's tools and our metrics see

    async def _report_forever(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            await self._tell_kafka(consumer)
            await self._measure_lag(consumer)

    async def _tell_kafka(self, consumer: AIOKafkaConsumer) -> None:
        """Let Kafka's own tools see how far the register is; nothing relies on it.

        Never while the group is joined anew: such a commit waits behind the join on the same
        connection, comes from the generation before, and has the client join once more, with
        all others, without end.
        """
        async with self._telling:
            if self._rejoining:
                return
            assigned = consumer.assignment()
            told = {one: offset for one, offset in self._written.items() if one in assigned}
            if not told:
                return
            try:
                await consumer.commit(told)
            except KafkaError as error:
                log.debug(self.name, action="offsets-not-told", error=type(error).__name__)
                return
            for one, offset in told.items():
                if self._written.get(one) == offset:
                    del self._written[one]

    async def _measure_lag(self, consumer: AIOKafkaConsumer) -> None:
        lag = dict.fromkeys(self._topics, 0)
        partitions = consumer.assignment()
        try:
            ends = await consumer.end_offsets(partitions) if partitions else {}
            for partition, end in ends.items():
                if partition not in self._unpositioned:
                    lag[partition.topic] += end - await consumer.position(partition)
        except KafkaError as error:
            log.debug(self.name, action="lag-unknown", error=type(error).__name__)
            self._waiting_since = None
            return
        self._heard_of_kafka = time.monotonic()
        if not any(lag.values()):
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = self._heard_of_kafka
        for topic, records in lag.items():
            self._metrics.lag.labels(self._name(topic)).set(records)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands a rebalance to the service."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def on_partitions_revoked(self, _: Collection[TopicPartition]) -> None:
        await self._ingest.revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._ingest.assigned(assigned)
