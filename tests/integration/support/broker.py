"""Kafka through librdkafka: a client that shares no code with the one under test."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

Headers = Sequence[tuple[str, bytes | None]]
Partition = tuple[str, int]

_TIMEOUT_S = 30.0
_POLL_S = 0.1
_MAX_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to send; `topic` is the contract's name, without a prefix."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A record as it stands on a topic; `topic` has no prefix, `received` is its timestamp."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    received: datetime

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset: what names a record for good."""
        return (self.topic, self.partition, self.offset)


class Sender:
    """An idempotent producer that knows which of its records were acknowledged, and where."""

    def __init__(
        self, servers: str, prefix: str, settings: Mapping[str, str] | None = None
    ) -> None:
        self._prefix = prefix
        self._failures: list[str] = []
        self._places: dict[int, tuple[str, int, int]] = {}
        self._sent = 0
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": "true",
                # As Java's clients and aiokafka: a person's events of all topics stay together.
                "partitioner": "murmur2_random",
                "message.max.bytes": str(_MAX_BYTES),
                "linger.ms": "2",
                "log_level": "0",  # a broker that is away on purpose is no news
                **(settings or {}),
            }
        )

    def send(self, records: Iterable[Outgoing]) -> None:
        """Hand records over; `flush` waits for their acknowledgement."""
        for record in records:
            number = self._sent
            self._sent += 1

            def delivered(error: KafkaError | None, message: Message, number: int = number) -> None:
                self._delivered(error, message, number)

            self._producer.produce(
                self._prefix + record.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=delivered,
            )
            self._producer.poll(0)

    def flush(self, *, seconds: float = 60.0) -> list[tuple[str, int, int]]:
        """Wait until all are acknowledged; returns the place of each, in the order of sending."""
        left = self._producer.flush(seconds)
        assert not left, f"{left} of {self._sent} records were not acknowledged in {seconds} s"
        assert not self._failures, f"the broker refused records: {self._failures[:3]}"
        return [self._places[number] for number in range(self._sent)]

    def close(self) -> None:
        """Let go of the connections; what is not acknowledged by now is not sent."""
        self._producer.purge()
        self._producer.close()

    def _delivered(self, error: KafkaError | None, message: Message, number: int) -> None:
        if error is not None:
            self._failures.append(str(error))
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None
        assert partition is not None
        assert offset is not None
        self._places[number] = (topic.removeprefix(self._prefix), partition, offset)


def publish(
    servers: str,
    prefix: str,
    records: Iterable[Outgoing],
    settings: Mapping[str, str] | None = None,
) -> list[tuple[str, int, int]]:
    """Send records and wait until all are acknowledged; returns the place of each."""
    with closing(Sender(servers, prefix, settings)) as sender:
        sender.send(records)
        return sender.flush()


def end_offsets(servers: str, topics: Iterable[str]) -> dict[Partition, int]:
    """The offset after the last record of every partition of the topics (with their prefix)."""
    with _consumer(servers) as consumer:
        return {
            partition: end for partition, (_, end) in _watermarks(consumer, list(topics)).items()
        }


def read(servers: str, prefix: str, topics: Iterable[str]) -> list[Incoming]:
    """Every record of the topics, from the first to the last that is there now.

    By topic, partition and offset, in whatever order partitions were fetched; `topics` are the
    contract's names.
    """
    with _consumer(servers) as consumer:
        marks = _watermarks(consumer, [prefix + topic for topic in topics])
        left = {partition for partition, (first, end) in marks.items() if end > first}
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in sorted(left)])
        found: list[Incoming] = []
        deadline = time.monotonic() + _TIMEOUT_S
        while left:
            assert time.monotonic() < deadline, f"not read to their end: {sorted(left)}"
            for message in consumer.consume(1000, timeout=0.2):
                # Not the last record's offset: the last one may be a transaction's end.
                if _is_end(message):
                    left.discard(_partition(message))
                else:
                    found.append(_incoming(message, prefix))
    return sorted(found, key=lambda one: one.place)


def _is_end(message: Message) -> bool:
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _partition(message: Message) -> Partition:
    topic, partition = message.topic(), message.partition()
    assert topic is not None
    assert partition is not None
    return topic, partition


def delete_topics(servers: str, prefix: str) -> None:
    """Remove every topic under the prefix."""
    admin = AdminClient({"bootstrap.servers": servers})
    listed = admin.list_topics(timeout=_TIMEOUT_S)
    names = [name for name in listed.topics if name.startswith(prefix)]
    if names:
        for done in admin.delete_topics(names).values():
            done.result(_TIMEOUT_S)


def assignments(servers: str, group: str) -> dict[str, int]:
    """How many partitions each member of a consumer group has, by member id."""
    admin = AdminClient({"bootstrap.servers": servers})
    described = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S)
    members = described[group].result(_TIMEOUT_S).members
    return {
        member.member_id: len(member.assignment.topic_partitions) if member.assignment else 0
        for member in members
    }


@contextmanager
def _consumer(servers: str) -> Iterator[Consumer]:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "never-joined",  # librdkafka wants one; partitions are assigned by hand
            "enable.auto.commit": "false",
            "auto.offset.reset": "error",
            "enable.partition.eof": "true",
            "fetch.max.bytes": str(64_000_000),
            "receive.message.max.bytes": str(65_000_000),
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _watermarks(consumer: Consumer, topics: Sequence[str]) -> dict[Partition, tuple[int, int]]:
    listed = consumer.list_topics(timeout=_TIMEOUT_S).topics
    marks: dict[Partition, tuple[int, int]] = {}
    for topic in topics:
        for number in listed[topic].partitions:
            marks[topic, number] = _watermark(consumer, TopicPartition(topic, number))
    return marks


def _watermark(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """The partition's first offset and its end; asked again while it changes its leader."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            offsets = consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
            continue
        assert offsets is not None, f"no answer on the end of {partition}"
        return offsets


def _incoming(message: Message, prefix: str) -> Incoming:
    error = message.error()
    assert error is None, f"the broker answers a read with {error}"
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    headers: list[Any] = list(message.headers() or [])
    return Incoming(
        topic.removeprefix(prefix),
        partition,
        offset,
        _bytes(message.key()),
        _bytes(message.value()),
        [(name, _bytes(value)) for name, value in headers],
        datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
