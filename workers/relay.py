"""The outbox relay: publishes what was committed, in version order per key.

One worker's relay leads at a time, by a lock that its database connection holds; the others
stand by. A message leaves the outbox only when Kafka has acknowledged it, so it is published
at least once; a reader that keeps the highest version per key is right in any case.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from register.records import OutboxMessage
from register.store.outbox import (
    Waiting,
    customer_count,
    depth,
    forget,
    next_messages,
    try_to_lead,
)
from register.store.pool import Connection, connect
from topics import DEAD_LETTERS, ELIGIBILITY
from workers.loop import LoopService
from workers.metrics import Metrics
from workers.settings import Settings

_STANDBY_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_MEASURE_SECONDS = 2.0
_CHANNEL = "outbox"
# An access report may be as long as its topic takes.
_MAX_REQUEST = 8_388_608

_Key = tuple[str, bytes | None]
"""A topic and a record key."""

log = structlog.get_logger()


class Relay(LoopService):
    """Publishes the outbox while it leads."""

    def __init__(self, settings: Settings, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__("relay", **kwargs)
        self._settings = settings
        self._metrics = metrics
        self._woken = asyncio.Event()
        self._stuck: set[_Key] = set()
        self.ready = False

    def wake(self) -> None:
        """End the waiting for work."""
        self._woken.set()

    async def session(self) -> None:
        """Stand by, lead, publish; ends with an outage or when the worker stops."""
        try:
            await self._serve()
        finally:
            self.ready = False
            for gauge in (
                self._metrics.relay_leads,
                self._metrics.outbox_depth,
                self._metrics.outbox_age,
                self._metrics.customers,
            ):
                gauge.set(0)  # another relay tells them from now on

    async def _serve(self) -> None:
        url = self._settings.database_url.get_secret_value()
        connection = await connect(url, "register-relay")
        try:
            await connection.add_listener(_CHANNEL, self._notified)
            producer = self._producer()
            await producer.start()
            try:
                self.ready = True
                await self._stand_by(connection)
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
            enable_idempotence=True,
            acks="all",
            max_request_size=_MAX_REQUEST,
            request_timeout_ms=20_000,
        )

    def _notified(self, *_: object) -> None:
        self._woken.set()

    async def _stand_by(self, connection: Connection) -> None:
        while not self.stopping.is_set() and not await try_to_lead(connection):
            try:
                await asyncio.wait_for(self.stopping.wait(), _STANDBY_SECONDS)
            except TimeoutError:
                continue
        if not self.stopping.is_set():
            self._metrics.relay_leads.set(1)
            log.info("relay", action="leads")

    async def _publish_forever(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        measured = 0.0
        while not self.stopping.is_set():
            self._woken.clear()
            waiting = await next_messages(connection, self._settings.outbox_batch)
            if asyncio.get_running_loop().time() - measured > _MEASURE_SECONDS:
                measured = asyncio.get_running_loop().time()
                await self._measure(connection)
            if all(_key(one) in self._stuck for one in waiting):
                await self._wait_for_work()
            elif not await self._publish(connection, producer, waiting):
                raise KafkaError("some messages were not acknowledged")

    async def _wait_for_work(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)
        except TimeoutError:
            return

    async def _publish(
        self, connection: Connection, producer: AIOKafkaProducer, waiting: Sequence[Waiting]
    ) -> bool:
        """Publish in waves of at most one message per key, so that a message never overtakes
        an older one of its key; returns whether all were acknowledged.

        What is too long for its topic stays in the outbox with all that is newer of its key:
        nobody is told a newer word before it, and everybody else's goes on.
        """
        for wave in waves(waiting):
            sendable = [one for one in wave if _key(one) not in self._stuck]
            sent = await asyncio.gather(
                *(self._send(producer, one.message) for one in sendable), return_exceptions=True
            )
            done: list[int] = []
            unsent = 0
            for one, result in zip(sendable, sent, strict=True):
                if isinstance(result, MessageSizeTooLargeError):
                    self._stuck.add(_key(one))
                    log.error("relay", action="too-long", topic=one.message.topic, seq=one.seq)
                elif isinstance(result, BaseException):
                    unsent += 1
                else:
                    done.append(one.seq)
            if done:
                await forget(connection, done)
            if unsent:
                return False
        return True

    async def _send(self, producer: AIOKafkaProducer, message: OutboxMessage) -> None:
        await producer.send_and_wait(
            message.topic, value=message.value, key=message.key, headers=list(message.headers)
        )
        self._observe(message)

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
        self._metrics.customers.set(await customer_count(connection))


def _key(one: Waiting) -> _Key:
    return (one.message.topic, one.message.key)


def waves(waiting: Sequence[Waiting]) -> Iterator[list[Waiting]]:
    """Split messages into waves: the nth message of a key is in the nth wave.

    Dead letters are as received and have no versions: they are all in the first.
    """
    by_wave: list[list[Waiting]] = []
    seen: dict[_Key, int] = {}
    for one in waiting:
        key = _key(one)
        wave = 0 if one.message.topic.endswith(DEAD_LETTERS.name) else seen.get(key, 0)
        seen[key] = wave + 1
        if wave == len(by_wave):
            by_wave.append([])
        by_wave[wave].append(one)
    yield from by_wave
