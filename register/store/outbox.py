"""The outbox as the relay sees it: the oldest messages first, gone once acknowledged."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from register.records import OutboxMessage
from register.store.headers import unpack_headers
from register.store.pool import Connection
from register.store.sql import queries

_LEADER_LOCK = 0x4F555442  # "OUTB"

HURRY = "now"
"""What a notification says where somebody waits for the messages (the query `hurry_relay`)."""

Key = tuple[str, bytes | None]
"""Topic and key of a record: what is published in order."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the outbox; `seq` orders the messages of one key."""

    seq: int
    message: OutboxMessage


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages wait, and since when the oldest one does (None: none)."""

    messages: int
    oldest: datetime | None


async def try_to_lead(connection: Connection) -> bool:
    """Become the only relay until this connection ends; false where another one leads."""
    return bool(await connection.fetchval(queries.try_lead, _LEADER_LOCK))


async def waits(connection: Connection, name: str) -> bool:
    """Whether a session of that name uses this database: one that would lead."""
    return bool(await connection.fetchval(queries.session_named, name))


async def next_messages(
    connection: Connection, limit: int, without: Collection[Key] = ()
) -> list[Waiting]:
    """The oldest messages, in the order in which one key's must be published; those of the keys
    `without` are left out."""
    stuck = list(without)
    rows = await connection.fetch(
        queries.next_outbox, limit, [topic for topic, _ in stuck], [key for _, key in stuck]
    )
    return [
        Waiting(
            row["seq"],
            OutboxMessage(
                topic=row["topic"],
                key=row["key"],
                value=row["value"],
                headers=unpack_headers(row["headers"]),
                caused_received=row["caused_received"],
                caused_by_no=row["caused_by_no"],
            ),
        )
        for row in rows
    ]


async def forget(connection: Connection, published: Sequence[int]) -> None:
    """Remove what Kafka has acknowledged."""
    await connection.execute(queries.delete_outbox, published)


async def depth(connection: Connection) -> Depth:
    """How full the outbox is."""
    row = await connection.fetchrow(queries.outbox_depth)
    assert row is not None
    return Depth(row["depth"], row["oldest"])
