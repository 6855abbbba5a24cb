"""Writes what the register last said into the outbox again, while workers go on.

Each step holds every batch off for a moment, so that what it puts into the outbox stands
before anything newer of the same key: a reader never sees a version go back.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from register.outbound import Outbound
from register.records import OutboxMessage
from register.store.agreements import let_nobody_decide
from register.store.outbox import depth
from register.store.pool import Connection
from register.store.rows import uuid_of
from register.store.sql import queries
from register.store.writing import write_outbox

CHUNK = 500
FULL = 5_000
"""No more is put into the outbox while so many messages wait in it."""


async def has_room(connection: Connection) -> bool:
    """Whether the relay keeps up, so that fresh bans do not queue behind a republication."""
    return (await depth(connection)).messages < FULL


async def republish_customers(
    connection: Connection, outbound: Outbound, after: uuid.UUID | None
) -> tuple[int, uuid.UUID | None]:
    """Say the next customers' eligibility again; returns how many, and the last id of them."""
    async with connection.transaction():
        await let_nobody_decide(connection)
        rows = await connection.fetch(queries.customer_messages, after, CHUNK)
        await write_outbox(connection, [_eligibility(outbound, row) for row in rows])
    return len(rows), rows[-1]["person_id"] if rows else None


async def republish_bans(
    connection: Connection, outbound: Outbound, after: bytes | None
) -> tuple[int, bytes | None]:
    """Say what stands under the next digests again; returns how many, and the last of them."""
    async with connection.transaction():
        await let_nobody_decide(connection)
        rows = await connection.fetch(queries.ban_messages, after, CHUNK)
        await write_outbox(connection, [_ban(outbound, row) for row in rows])
    return len(rows), rows[-1]["digest"] if rows else None


async def republish_only(
    connection: Connection,
    outbound: Outbound,
    persons: Sequence[uuid.UUID],
    digests: Sequence[bytes],
) -> int:
    """Say the last word on these alone, tombstones too; returns how many records."""
    async with connection.transaction():
        await let_nobody_decide(connection)
        messages = [
            _eligibility(outbound, row)
            for row in await connection.fetch(queries.customer_messages_of, persons)
        ]
        messages += [
            _ban(outbound, row) for row in await connection.fetch(queries.ban_messages_of, digests)
        ]
        return await write_outbox(connection, messages)


def _eligibility(outbound: Outbound, row: Any) -> OutboxMessage:
    return outbound.eligibility_again(
        uuid_of(row["person_id"]), row["version"], row["message"], row["cause"]
    )


def _ban(outbound: Outbound, row: Any) -> OutboxMessage:
    return outbound.ban_again(row["digest"], row["version"], row["message"])
