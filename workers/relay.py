"""The outbox relay: publishes what was committed, in version order per key.

One worker's relay leads at a time, by a lock that its database connection holds; the others
stand by. A message leaves the outbox only when Kafka has acknowledged it, so it is published
at least once; a reader that keeps the highest version per key is right in any case.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError

from register.records import OutboxMessage
from register.store.outbox import (
    HURRY,
    Key,
    Waiting,
    depth,
    forget,
    next_messages,
    try_to_lead,
    waits,
)
from register.store.pool import Connection
from register.store.restored import read_hold
from topics import ELIGIBILITY
from workers.lanes import Lane
from workers.loop import LoopService, at_most_often
from workers.metrics import Metrics
from workers.replay import Replay
from workers.settings import Settings
from workers.waves import key_of, repeatable

_STANDBY_SECONDS = 0.5
_LATER_SECONDS = 3.0
"""What a relay beside the bulk lane alone leaves to those beside the urgent lane."""
_KEEPS_SECONDS = 60.0
"""After it gave way once and leads again: whoever came first can perhaps not publish."""
_NAME, _LATER_NAME = "register-relay", "register-relay-bulk"
_LOOK_SECONDS = 1.0
_FEW = 100
"""Messages of a wave that costs Kafka about as much as a wave of one."""
_MEASURE_SECONDS = 2.0
_CHANNEL = "outbox"
_SILENT_FOR = "30s"
# An access report may be as long as its topic takes.
_MAX_REQUEST = 8_388_608
# Of one partition in one request. The client's 16 kB hold five messages, and each round of them
# is a round trip: a wave of hundreds takes a third of the time so.
_BATCH_BYTES = 131_072

log = structlog.get_logger()


class _TooLong(Exception):
    """A message that its topic does not take."""

    def __init__(self, waiting: Waiting) -> None:
        super().__init__(f"seq {waiting.seq}")
        self.waiting = waiting


class Relay(LoopService):
    """Publishes the outbox while it leads."""

    def __init__(self, settings: Settings, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__("relay", **kwargs)
        self._settings = settings
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._hurried = asyncio.Event()
        self._stuck: set[Key] = set()
        # Where a worker gives way to others (`nice`), bans must not wait for it to publish them.
        self._comes_first = Lane.URGENT in settings.lanes
        self._keeps_until = 0.0
        self._replay = Replay(settings, self.stopping)
        self.ready = False
        self.holds = False

    def wake(self) -> None:
        """End the waiting for work."""
        self._woken.set()
        self._hurried.set()

    async def session(self) -> None:
        """Stand by, lead, publish; ends with an outage or when the worker stops."""
        try:
            await self._serve()
        finally:
            self.ready = False
            self._show_hold(held=False)
            for gauge in (
                self._metrics.relay_leads,
                self._metrics.outbox_depth,
                self._metrics.outbox_age,
            ):
                gauge.set(0)  # another relay tells them from now on

    async def _serve(self) -> None:
        url = self._settings.database_url.get_secret_value()
        name = _NAME if self._comes_first else _LATER_NAME
        connection = await self.connect(url, name, silent_for=_SILENT_FOR)
        try:
            await connection.add_listener(_CHANNEL, self._notified)
            self.ready = True
            await self._stand_by(connection)
            if self.stopping.is_set():
                return
            producer = self._producer()
            try:
                await _start(producer)
                self._metrics.relay_leads.set(1)
                self._stuck.clear()  # by now its topic may take what was too long
                log.info(self.name, action="leads")
                self.backoff.reset()
                await self._publish_forever(connection, producer)
            finally:
                await producer.stop()
        finally:
            # Not closed politely: a close may hang in an outage, and the lock goes either way.
            connection.terminate()

    def _producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            client_id="register-relay",
            # Whoever leads next fences whoever led before: a relay that was stopped in mid-wave
            # and wakes up later can publish nothing old after something new.
            transactional_id=f"{self._settings.topic_prefix}register.relay",
            max_request_size=_MAX_REQUEST,
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=20_000,
        )

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._woken.set()
        if payload == HURRY:
            self._hurried.set()

    async def _stand_by(self, connection: Connection) -> None:
        if not self._comes_first:
            await self._rest(_LATER_SECONDS)
        while not self.stopping.is_set() and not await try_to_lead(connection):
            await self._rest(_STANDBY_SECONDS if self._comes_first else _LATER_SECONDS)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    async def _publish_forever(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        due = last = 0.0
        while not self.stopping.is_set():
            self._woken.clear()
            self._hurried.clear()
            if (began := time.monotonic()) >= due:
                await self._measure(connection)
                due = time.monotonic() + at_most_often(_MEASURE_SECONDS, began)
            if await self._gives_way(connection, began):
                return
            if await self._held(connection):
                continue
            taken = await next_messages(connection, self._settings.outbox_batch, self._stuck)
            if wave := repeatable(taken):
                last = time.monotonic() if len(wave) < _FEW else 0.0
                await self._publish(connection, producer, wave)
            if len(wave) == len(taken) < self._settings.outbox_batch:
                await self._wait_for_work()
                await self._let_more_come(last)

    async def _gives_way(self, connection: Connection, now: float) -> bool:
        """Whether a relay beside the urgent lane stands by; asked every two seconds."""
        if self._comes_first or now < self._keeps_until:
            return False
        self._keeps_until = now + _MEASURE_SECONDS
        if not await waits(connection, _NAME):
            return False
        self._keeps_until = now + _KEEPS_SECONDS
        log.info(self.name, action="gives-way")
        return True

    async def _held(self, connection: Connection) -> bool:
        """Whether nothing may be published yet (R66); it has rested then, after a step on."""
        hold = await read_hold(connection)
        self._show_hold(held=hold.held)
        if hold.held:
            await self._replay.step(connection, hold)
            await self._wait_for_work()
        return hold.held

    def _show_hold(self, *, held: bool) -> None:
        self.holds = held
        self._metrics.output_held.set(held)

    async def _wait_for_work(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return

    async def _let_more_come(self, last: float) -> None:
        """After a wave of a few messages, and where nobody waits for what is new, the next one
        begins no more often than a lane's batches do; once a second in any case, since a
        connection that is lost meanwhile is not noticed before it is asked again."""
        left = min(last + self._settings.gather_ms / 1000 - time.monotonic(), _LOOK_SECONDS)
        if left > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), left)

    async def _publish(
        self, connection: Connection, producer: AIOKafkaProducer, wave: Sequence[Waiting]
    ) -> None:
        """Publish a wave as one transaction: all of it, or again.

        The client sends one partition's messages in order, each acknowledged before the next, so
        that none overtakes an older one of its key. What is too long for its topic stays in the
        outbox with all that is newer of its key: nobody is told a newer word before it, and
        everybody else's goes on.
        """
        try:
            async with producer.transaction():
                await _send(producer, wave)
        except _TooLong as error:
            self._stuck.add(key_of(error.waiting))
            message = error.waiting.message
            # No traceback: its text would hold the message.
            log.error(  # noqa: TRY400
                self.name, action="too-long", topic=message.topic, seq=error.waiting.seq
            )
            self.wake()  # the others of the wave are still in the outbox
            return
        await forget(connection, [one.seq for one in wave])
        for one in wave:
            self._observe(one.message)

    def _observe(self, message: OutboxMessage) -> None:
        topic = message.topic.removeprefix(self._settings.topic_prefix)
        self._metrics.published.labels(topic).inc()
        if topic != ELIGIBILITY.name:
            return
        self._metrics.eligibility_records.inc()
        if message.caused_received is not None:
            seconds = (datetime.now(UTC) - message.caused_received).total_seconds()
            self._metrics.event_latency.observe(seconds)
            if message.caused_by_no:
                self._metrics.ban_latency.observe(seconds)

    async def _measure(self, connection: Connection) -> None:
        filled = await depth(connection)
        self._metrics.outbox_depth.set(filled.messages)
        age = (datetime.now(UTC) - filled.oldest).total_seconds() if filled.oldest else 0.0
        self._metrics.outbox_age.set(age)


async def _start(producer: AIOKafkaProducer) -> None:
    """Start the producer; where no node is left to ask, the client knows no better than to
    assert that there is one: an outage like any other."""
    try:
        await producer.start()
    except AssertionError as error:
        raise KafkaConnectionError("no node of Kafka answers") from error


async def _send(producer: AIOKafkaProducer, wave: Sequence[Waiting]) -> None:
    """Send a wave; all of it is acknowledged when this returns.

    The client's futures, not a task for each message: that takes half of the processor time.
    """
    sent: list[asyncio.Future[Any]] = []
    try:
        for one in wave:
            message = one.message
            # A dead letter may have neither key nor value; the client sends no such record.
            key = b"" if message.key is None and message.value is None else message.key
            future = await producer.send(
                message.topic, value=message.value, key=key, headers=list(message.headers)
            )
            sent.append(future)
        await asyncio.gather(*sent)
    except Exception as error:
        for future in sent:
            future.add_done_callback(_is_too_long)
        if not isinstance(error, MessageSizeTooLargeError):
            raise
        # Either Kafka refused one of those sent, or the client the next.
        refused = (one for one, told in zip(wave, sent, strict=False) if _is_too_long(told))
        raise _TooLong(next(refused, None) or wave[len(sent)]) from None


def _is_too_long(told: asyncio.Future[Any]) -> bool:
    """Whether that is Kafka's answer; an error that nobody asks for is logged as a fault."""
    if not told.done() or told.cancelled():
        return False
    return isinstance(told.exception(), MessageSizeTooLargeError)
