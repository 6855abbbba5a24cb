"""Reads a topic from a moment to its end now, for a command that waits for it."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from rich.console import Console
from rich.progress import Progress

from register.cli.environment import KAFKA_BOOTSTRAP_SERVERS, TOPIC_PREFIX, required, topic_prefix
from register.cli.errors import CliError
from topics.ends import reached

_POLL_MS = 500
EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before any record."""
# As the client has them.
_RECORD_BYTES = 1024 * 1024
_FETCH_BYTES = 50 * 1024 * 1024


async def read_topic(
    name: str, since: datetime = EVER, *, record_bytes: int = _RECORD_BYTES
) -> AsyncGenerator[Any, None]:
    """Every record of a topic (the contract's name) from a moment on, with a progress bar.

    `record_bytes` is how long one may be. Raises `CliError` where Kafka does not answer or has
    no such topic.
    """
    async with _consumer(topic_prefix() + name, record_bytes) as consumer:
        partitions = sorted(consumer.assignment())
        starts = await _starts(consumer, partitions, since)
        ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            total = sum(ends.values()) - sum(starts.values())
            task = progress.add_task(f"reading {name}", total=total)
            while not await reached(consumer, ends):
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        yield record
                    progress.update(task, advance=len(records))


async def _starts(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: datetime
) -> dict[TopicPartition, int]:
    """Go to the first record of each partition since then."""
    milliseconds = int(since.timestamp() * 1000)
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, milliseconds))
    starts: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    starts.update({one: at.offset for one, at in found.items() if at is not None})
    for partition, offset in starts.items():
        consumer.seek(partition, offset)
    return starts


@asynccontextmanager
async def _consumer(topic: str, record_bytes: int) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group: it has every partition, and leaves no trace at the broker."""
    servers = required(KAFKA_BOOTSTRAP_SERVERS)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=record_bytes,
        fetch_max_bytes=max(_FETCH_BYTES, 4 * record_bytes),
    )
    try:
        await assert_there(servers, topic)
        await consumer.start()
        yield consumer
    except (KafkaConnectionError, OSError) as error:
        text = f"no answer from Kafka in {KAFKA_BOOTSTRAP_SERVERS}: {type(error).__name__}"
        raise CliError(text) from None
    finally:
        await consumer.stop()


async def assert_there(servers: str, *topics: str) -> None:
    """Raise `CliError` where a topic is missing: a client would wait for it to appear."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        there = await admin.list_topics()
    finally:
        await admin.close()
    missing = sorted(set(topics) - set(there))
    if missing:
        raise CliError(f"Kafka has no topic {missing[0]}; is {TOPIC_PREFIX} right?")
