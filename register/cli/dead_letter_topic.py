"""Dead letters on Kafka: the bytes as received, and back to where they came from."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from register.cli.environment import KAFKA_BOOTSTRAP_SERVERS, required, topic_prefix
from register.cli.errors import CliError
from register.cli.topic_reader import assert_there, read_topic
from register.records import Record
from register.store.dead_letters import Letter, Place
from topics import DEAD_LETTERS

Headers = Sequence[tuple[str, bytes | None]]

_ADDED = ["dlq-reason", "dlq-topic", "dlq-partition", "dlq-offset"]
# A letter is published after it was written down, by another machine's clock.
_CLOCKS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AsReceived:
    """A record as it was received, dated now; not `whole` where its letter had no room for all."""

    record: Record
    whole: bool

    @property
    def place(self) -> Place:
        """Where it was received."""
        return Place(self.record.topic, self.record.partition, self.record.offset)


def unpack(
    key: bytes | None, value: bytes | None, headers: Headers, prefix: str, now: datetime
) -> AsReceived | None:
    """The record out of its dead letter; None for what is no dead letter of the register's.

    The register's headers are the last ones: a sender may have sent some of the same name.
    """
    rest, whole = list(headers), True
    if rest and rest[-1][0] == "dlq-truncated-from":
        rest, whole = rest[:-1], False
    rest, added = rest[:-4], rest[-4:]
    if [name for name, _ in added] != _ADDED:
        return None
    _, topic, partition, offset = [(text or b"").decode() for _, text in added]
    if rest and rest[-1][0] == "dlq-headers-left-out":
        rest, whole = rest[:-1], False
    record = Record(prefix + topic, int(partition), int(offset), key, value, rest, now)
    return AsReceived(record, whole)


def claims(record: Record) -> dict[str, str]:
    """Type and source as the record gives them, in either mode, as far as they can be made out."""
    headers = {name.lower(): value for name, value in record.headers if value is not None}
    said: dict[str, Any] = {
        name: headers[f"ce_{name}"].decode(errors="replace")
        for name in ("type", "source")
        if f"ce_{name}" in headers
    }
    if "type" not in said:
        try:
            event = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return {}
        said = event if isinstance(event, dict) else {}
    return {name: said[name] for name in ("type", "source") if isinstance(said.get(name), str)}


async def bytes_of(letters: Sequence[Letter]) -> dict[Place, AsReceived]:
    """The letters' records, as far as the topic still holds them."""
    found: dict[Place, AsReceived] = {}
    if not letters:
        return found
    prefix, now = topic_prefix(), datetime.now(UTC)
    wanted = {letter.place for letter in letters}
    since = min(letter.since for letter in letters) - _CLOCKS
    async with aclosing(read_topic(DEAD_LETTERS.name, since)) as records:
        async for one in records:
            received = unpack(one.key, one.value, one.headers, prefix, now)
            if received is not None and received.place in wanted:
                # A repeated wave may have published it twice.
                found.setdefault(received.place, received)
                if len(found) == len(wanted):
                    break
    return found


@asynccontextmanager
async def producing(topics: Sequence[str]) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that keeps the order within a partition, whatever is sent twice on the way.

    Raises `CliError` where Kafka does not answer or a topic is missing.
    """
    servers = required(KAFKA_BOOTSTRAP_SERVERS)
    try:
        await assert_there(servers, *topics)
    except (KafkaConnectionError, OSError) as error:
        text = f"no answer from Kafka in {KAFKA_BOOTSTRAP_SERVERS}: {type(error).__name__}"
        raise CliError(text) from None
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        enable_idempotence=True,
        acks="all",
        # What the topic of dead letters holds is not too long for where it came from.
        max_request_size=int(DEAD_LETTERS.config["max.message.bytes"]),
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def put_back(
    producer: AIOKafkaProducer, letters: Sequence[AsReceived]
) -> dict[Place, int | BaseException]:
    """Send records to where they came from, in this order: key, headers and value as received.

    Returns at which offset Kafka took each, or why it did not. A record goes back to its own
    partition, so that those of one key stay in order whatever chose the partition at first.
    """
    sent: list[asyncio.Future[Any]] = []
    for letter in letters:
        record = letter.record
        partitions = await producer.partitions_for(record.topic)
        sent.append(
            await producer.send(
                record.topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=record.partition if record.partition in partitions else None,
            )
        )
    answers = await asyncio.gather(*sent, return_exceptions=True)
    return {
        letter.place: answer if isinstance(answer, BaseException) else answer.offset
        for letter, answer in zip(letters, answers, strict=True)
    }
