"""Kafka records as the register sees them, without knowing a Kafka client."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A record as received; `received` is the broker's timestamp."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    received: datetime

    @property
    def place(self) -> tuple[str, int, int]:
        """Topic, partition and offset: what names a record for good."""
        return (self.topic, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A record to publish; `value` None is a tombstone.

    `caused_received` is the broker's timestamp of the event that caused it, `caused_by_no`
    whether that event was a ban or a withdrawal: both only for the latency metrics.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    caused_received: datetime | None
    caused_by_no: bool
