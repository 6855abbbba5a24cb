"""Sending what the generator yields to Kafka, at a pace."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer

from ops.generate.published import Published
from topics import INBOUND

MAX_REQUEST_BYTES = 1_200_000
"""What the inbound topics take: more than the service accepts, so that it can say no."""

_BREATHE_EVERY = 200


class NotConfigured(Exception):
    """A setting is missing from the environment; the message says how to get it there."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send: the brokers, and a prefix that all topics of the deployment share."""

    bootstrap_servers: str
    topic_prefix: str = ""

    @classmethod
    def from_environment(cls) -> Self:
        """Read KAFKA_BOOTSTRAP_SERVERS and TOPIC_PREFIX; raises `NotConfigured`."""
        servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if not servers:
            raise NotConfigured(
                "KAFKA_BOOTSTRAP_SERVERS is not set. Run `make up`, then "
                "`set -a; . .local/env; set +a`, and try again."
            )
        return cls(servers, os.environ.get("TOPIC_PREFIX", ""))


class Publisher:
    """An idempotent producer (acks=all). Use it as an async context manager.

    Entering raises `NotConfigured` where the brokers lack an inbound topic.
    `sent` counts the records handed over and `acknowledged` those that the brokers have.
    Leaving the context waits for all of them and raises the first error of a delivery.
    """

    def __init__(self, target: Target) -> None:
        self.sent = 0
        self.acknowledged = 0
        self._prefix = target.topic_prefix
        self._error: BaseException | None = None
        self._producer = AIOKafkaProducer(
            bootstrap_servers=target.bootstrap_servers,
            enable_idempotence=True,
            acks="all",
            max_request_size=MAX_REQUEST_BYTES,
            max_batch_size=128 * 1024,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._producer.start()
            await self._check_topics()
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._producer.stop()
        if error is None:
            self._raise_failure()

    async def send(self, published: Published) -> "asyncio.Future[object]":
        """Hand one record over; the future is done when the brokers have it.

        Raises the error of an earlier delivery that failed.
        """
        self._raise_failure()
        future: asyncio.Future[object] = await self._producer.send(
            self._prefix + published.topic,
            key=published.key,
            value=published.value,
            headers=list(published.headers),
        )
        self.sent += 1
        future.add_done_callback(self._done)
        return future

    async def flush(self) -> None:
        """Wait until the brokers have everything; raises the first error of a delivery."""
        await self._producer.flush()
        self._raise_failure()

    async def _check_topics(self) -> None:
        # The producer itself would ask for a missing topic again and again for 40 seconds.
        there = (await self._producer.client.fetch_all_metadata()).topics()
        missing = [name for topic in INBOUND if (name := self._prefix + topic.name) not in there]
        if missing:
            raise NotConfigured(
                f"the brokers have no topic {missing[0]}. Run `python -m topics provision`."
            )

    def _done(self, future: "asyncio.Future[object]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._error = self._error or error
        else:
            self.acknowledged += 1

    def _raise_failure(self) -> None:
        if self._error is not None:
            raise self._error


async def paced(
    stream: Iterable[Published], rate: float, stop: asyncio.Event
) -> AsyncIterator[Published]:
    """The stream at `rate` records a second (0: as fast as they are taken), until `stop` is set.

    Falling behind is made up for, so that the rate holds on average.
    """
    begun = time.monotonic()
    for number, published in enumerate(stream):
        if stop.is_set():
            return
        ahead = begun + number / rate - time.monotonic() if rate else 0.0
        if ahead > 0:
            await asyncio.sleep(ahead)
        elif number % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)  # the producer sends from a task of its own
        yield published
