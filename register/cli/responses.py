"""Reads what customer service was answered, from `register.responses` itself: no copy is kept."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError
from rich.console import Console
from rich.progress import Progress

from register.cli.environment import KAFKA_BOOTSTRAP_SERVERS, TOPIC_PREFIX, required, topic_prefix
from register.cli.errors import CliError
from topics import RESPONSES

# An access report is one record, however long (topics.RESPONSES).
_FETCH_BYTES = 16 * 1024 * 1024
_POLL_MS = 500


@dataclass(frozen=True, slots=True)
class Response:
    """A message on the topic: its id names it for good, however often it was delivered."""

    event_id: str
    type: str
    time: datetime
    data: dict[str, Any]


async def responses_to(request_id: str) -> list[Response]:
    """Every answer to a request that the topic still holds, each once, the oldest first.

    Reads the whole topic, with a progress bar. Raises `CliError` where Kafka does not answer or
    has no such topic.
    """
    found: dict[str, Response] = {}
    async with _consumer() as consumer:
        ends = await _ends(consumer)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("reading register.responses", total=None)
            starts = {one: await consumer.position(one) for one in ends}
            progress.update(task, total=sum(ends.values()) - sum(starts.values()))
            while not await _reached(consumer, ends):
                for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                    for record in records:
                        if record.key == request_id.encode() and record.value is not None:
                            response = _response(record.value)
                            found.setdefault(response.event_id, response)
                    progress.update(task, advance=len(records))
    return sorted(found.values(), key=lambda response: response.time)


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    positions = [(await consumer.position(one), end) for one, end in ends.items()]
    return all(position >= end for position, end in positions)


@asynccontextmanager
async def _consumer() -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group: it has every partition, and leaves no trace at the broker."""
    servers, topic = required(KAFKA_BOOTSTRAP_SERVERS), topic_prefix() + RESPONSES.name
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_bytes=4 * _FETCH_BYTES,
    )
    try:
        await _assert_there(servers, topic)
        await consumer.start()
        yield consumer
    except (KafkaConnectionError, OSError) as error:
        text = f"no answer from Kafka in {KAFKA_BOOTSTRAP_SERVERS}: {type(error).__name__}"
        raise CliError(text) from None
    finally:
        await consumer.stop()


async def _assert_there(servers: str, topic: str) -> None:
    """Fail at once where there is no such topic: a consumer would wait for it to appear."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    try:
        await admin.start()
        topics = await admin.list_topics()
    finally:
        await admin.close()
    if topic not in topics:
        raise CliError(f"Kafka has no topic {topic}; is {TOPIC_PREFIX} right?")


async def _ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Go to the beginning of every partition; returns where each of them ends now."""
    assigned = sorted(consumer.assignment())
    await consumer.seek_to_beginning(*assigned)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(assigned)
    return ends


def _response(value: bytes) -> Response:
    event = orjson.loads(value)
    return Response(
        event["id"], event["type"], datetime.fromisoformat(event["time"]), event["data"]
    )
