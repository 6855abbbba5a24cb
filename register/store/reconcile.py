"""Makes a restored register and what was published before go on from each other (R66).

What the topics hold is newer than the backup: their versions count. What the register says
otherwise is said with the next version, so that no version ever goes back.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from register.outbound import Outbound
from register.store.agreements import let_nobody_decide
from register.store.pool import Connection
from register.store.republish import CHUNK, republish_only
from register.store.restored import end_hold
from register.store.sql import queries
from topics import BANS, ELIGIBILITY

_LONG_S = 600.0
"""A statement about the whole register may take so long, in seconds."""


@dataclass(frozen=True, slots=True)
class Said:
    """The last of some records of a key on a topic (with its prefix): version and hash of a
    message, no hash for a tombstone, and of a ban the digest's kind; of an answer, its event's
    id as key."""

    topic: str
    key: str
    version: int | None = None
    content: bytes | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """How many digests and customers are said anew; `unknown_bans`: of how many digests with
    bans on the topic the register knows nothing, so that they stand where records are gone."""

    bans: int
    customers: int
    unknown_bans: int


async def answers_waiting(connection: Connection, topics: Sequence[str]) -> list[str]:
    """Those of the topics for which answers are in the outbox."""
    return [row["topic"] for row in await connection.fetch(queries.answers_waiting, topics)]


async def begin_said(connection: Connection) -> None:
    """Forget what was noted of the topics; the notes live as long as the connection."""
    await connection.execute(queries.make_said)
    await connection.execute(queries.empty_said)


async def note_said(connection: Connection, said: Collection[Said]) -> None:
    """Note what topics hold, at most one entry per key at a time, in their order."""
    await connection.execute(
        queries.insert_said,
        [one.topic for one in said],
        [one.key for one in said],
        [one.kind for one in said],
        [one.version for one in said],
        [one.content for one in said],
    )


async def reconcile(
    connection: Connection, outbound: Outbound, answers: Sequence[str]
) -> Reconciled:
    """Give the register the versions that were noted, put into the outbox what it says
    otherwise, and end the hold: all of it or nothing.

    `answers` are topics whose answers are not given a second time. No batch runs meanwhile.
    """
    await connection.execute(queries.analyze_said)
    bans, eligibility = outbound.prefix + BANS.name, outbound.prefix + ELIGIBILITY.name
    async with connection.transaction():
        await let_nobody_decide(connection)
        await _run(connection, queries.delete_answers_given, answers)
        for topic in (bans, eligibility):
            await _run(connection, queries.delete_said_again, topic)
        await _run(connection, queries.insert_unknown_bans, bans)
        unknown = await connection.fetchval(queries.unknown_bans, bans, timeout=_LONG_S)
        await _run(connection, queries.bans_said_alike, bans)
        digests = await _column(connection, queries.bans_said_otherwise, bans)
        digests += await _column(connection, queries.bans_not_said, bans)
        # Of whom the register knows nothing there is a record to be contacted no more.
        await _run(connection, queries.unknown_customers, eligibility)
        await _run(connection, queries.customers_said_alike, eligibility)
        persons = await _column(connection, queries.customers_said_otherwise, eligibility)
        persons += await _column(connection, queries.customers_not_said, eligibility)
        await _say(connection, outbound, persons, digests)
        await end_hold(connection)
    return Reconciled(len(digests), len(persons), unknown)


async def _say(
    connection: Connection,
    outbound: Outbound,
    persons: Sequence[uuid.UUID],
    digests: Sequence[bytes],
) -> None:
    """The last word on these, bans first."""
    for start in range(0, len(digests), CHUNK):
        await republish_only(connection, outbound, [], digests[start : start + CHUNK])
    for start in range(0, len(persons), CHUNK):
        await republish_only(connection, outbound, persons[start : start + CHUNK], [])


async def _run(connection: Connection, query: str, argument: object) -> None:
    await connection.execute(query, argument, timeout=_LONG_S)


async def _column(connection: Connection, query: str, topic: str) -> list[Any]:
    return [row[0] for row in await connection.fetch(query, topic, timeout=_LONG_S)]
