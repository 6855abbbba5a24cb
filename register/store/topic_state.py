"""Compares what the compacted topics hold with what the register said last, and mends them.

What a topic holds is noted as `reconcile.note_said` does: versions and hashes in a table of this
connection's own, so that memory stays small. The register goes on meanwhile. What it has said
and the outbox no longer holds is on the topic: so the topic is read twice, up to a look at the
register and from there up to beyond it, and what differs after both, of keys that have not moved,
is a difference.
"""

import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from register.outbound import Outbound
from register.store.agreements import let_nobody_decide
from register.store.pool import Connection
from register.store.reconcile import Said, begin_said, note_said
from register.store.republish import CHUNK, republish_only
from register.store.sql import queries
from topics import BANS, ELIGIBILITY

_LONG_S = 600.0
"""A statement about the whole register may take so long, in seconds."""

_UNKNOWN = "unknown"


@dataclass(slots=True)
class TopicDifferences:
    """What differs: by topic (its name in the contract) and by what is wrong.

    `missing`: the topic has nothing of a key; `older`: its last version is; `newer`: it shows a
    version that the register has not come to; `other`: another content under the same one;
    `unknown`: a key that the register never said anything of. Of them `repaired` were put right,
    and `left` cannot be.
    """

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    repaired: int = 0
    left: int = 0

    @property
    def found(self) -> int:
        """How many keys differ."""
        return sum(sum(by_kind.values()) for by_kind in self.counts.values())


async def begin(connection: Connection) -> None:
    """Make the notes, which live as long as the connection."""
    await begin_said(connection)
    await connection.execute(queries.make_suspects)


async def note(
    connection: Connection, topic: str, said: Collection[Said], highest: Mapping[str, int]
) -> None:
    """Note the last word on keys, and the highest version that the topic (with its prefix) shows
    of them: each key once, later records in later calls."""
    await note_said(connection, said)
    keys = list(highest)
    await connection.execute(
        queries.insert_highest, [topic] * len(keys), keys, list(highest.values())
    )


async def suspect(connection: Connection, prefix: str) -> None:
    """Look at the register once the topics are read: note which keys seem to differ."""
    await connection.execute(queries.analyze_said)
    for topic, query in (
        (ELIGIBILITY, queries.suspect_customers),
        (BANS, queries.suspect_bans),
    ):
        await connection.execute(query, prefix + topic.name, timeout=_LONG_S)


async def judge(connection: Connection, prefix: str) -> TopicDifferences:
    """After the topics were read on since `suspect`: what really differs."""
    await connection.execute(queries.judge_suspects, timeout=_LONG_S)
    for topic, query in (
        (ELIGIBILITY, queries.clear_moved_customers),
        (BANS, queries.clear_moved_bans),
    ):
        await connection.execute(query, prefix + topic.name, timeout=_LONG_S)
    found = TopicDifferences({ELIGIBILITY.name: {}, BANS.name: {}})
    for row in await connection.fetch(queries.suspect_counts):
        found.counts[row["topic"].removeprefix(prefix)][row["what"]] = row["count"]
    return found


async def mend(connection: Connection, outbound: Outbound, differences: TopicDifferences) -> None:
    """Say the register's word again wherever a topic lacks it, under a version that readers take.

    Bans come first. Of a customer whom the register does not know a tombstone is said; a ban
    that it does not know is left standing, since nobody may take one away by mistake.
    """
    bans = outbound.prefix + BANS.name
    async for page in _pages(connection, bans):
        digests = [bytes.fromhex(key) for key, what in page.items() if what != _UNKNOWN]
        differences.left += len(page) - len(digests)
        differences.repaired += await _mend_bans(connection, outbound, bans, digests)
    customers = outbound.prefix + ELIGIBILITY.name
    async for page in _pages(connection, customers):
        ids = {key: _id_of(key) for key in page}
        known = [one for key, one in ids.items() if one is not None and page[key] != _UNKNOWN]
        unknown = [one for key, one in ids.items() if one is not None and page[key] == _UNKNOWN]
        differences.left += len(page) - len(known) - len(unknown)
        differences.repaired += await _mend_customers(
            connection, outbound, customers, known, unknown
        )


async def _pages(connection: Connection, topic: str) -> AsyncIterator[dict[str, str]]:
    """Suspects of a topic, with what is wrong."""
    after = ""
    while True:
        rows = await connection.fetch(queries.suspects_after, topic, after, CHUNK)
        if not rows:
            return
        yield {row["key"]: row["what"] for row in rows}
        after = rows[-1]["key"]


async def _mend_bans(
    connection: Connection, outbound: Outbound, topic: str, digests: Sequence[bytes]
) -> int:
    async with connection.transaction():
        await let_nobody_decide(connection)
        rows = await connection.fetch(queries.mend_bans, topic, digests, timeout=_LONG_S)
        await republish_only(
            connection, outbound, [], [row["digest"] for row in rows if row["say"]]
        )
    return len(rows)


async def _mend_customers(
    connection: Connection,
    outbound: Outbound,
    topic: str,
    known: Sequence[uuid.UUID],
    unknown: Sequence[uuid.UUID],
) -> int:
    async with connection.transaction():
        await let_nobody_decide(connection)
        rows = await connection.fetch(queries.mend_customers, topic, known, timeout=_LONG_S)
        buried = await connection.fetch(queries.bury_unknown_customers, topic, unknown)
        ids = [row["person_id"] for row in rows if row["say"]]
        ids += [row["person_id"] for row in buried]
        await republish_only(connection, outbound, ids, [])
    return len(rows) + len(buried)


def _id_of(key: str) -> uuid.UUID | None:
    """A customer id as the register writes it; None for anything else."""
    try:
        found = uuid.UUID(key)
    except ValueError:
        return None
    return found if str(found) == key else None
