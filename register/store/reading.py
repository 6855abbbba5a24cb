"""Reads, under locks, the part of the register that a batch can touch."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from register.rules.bans import Entry
from register.rules.digest import Digester, Point
from register.rules.facts import LIFT, PROTECTIVE, Fact
from register.rules.intake import Intake
from register.rules.snapshot import KnownDigest, KnownIdentity, KnownPerson, Snapshot
from register.store.pool import Connection
from register.store.sql import queries
from schemas.terms import Denial, PointKind, Purpose


@dataclass(slots=True)
class Reach:
    """What a batch can touch: persons, what is known under its match keys, and the contact
    points whose users may be decided anew."""

    persons: set[uuid.UUID] = field(default_factory=set)
    by_key: dict[bytes, list[bytes]] = field(default_factory=dict)
    points: set[bytes] = field(default_factory=set)

    def within(self, other: "Reach") -> bool:
        """Whether the other one takes in all of this one."""
        return self.persons <= other.persons and self.points <= other.points


async def lock_reach(connection: Connection, arrivals: Sequence[Intake]) -> Reach:
    """Lock everything that the events name or can touch, for the transaction.

    Digests come before persons and both are sorted, so that no two batches deadlock. Raises
    `asyncpg.SerializationError` if another batch widened the reach meanwhile: try again.
    """
    expected = await _reach(connection, arrivals)
    digests = expected.points | {key for arrival in arrivals for key in _names(arrival.fact)}
    locks = sorted(int.from_bytes(digest[:8]) >> 1 for digest in digests)
    locks += sorted(-1 - (person.int >> 65) for person in expected.persons)
    await connection.execute(queries.lock, locks)
    reach = await _reach(connection, arrivals)
    if not reach.within(expected):
        raise asyncpg.SerializationError("another batch touched these persons meanwhile")
    return reach


def _names(fact: Fact) -> Iterator[bytes]:
    if fact.identity is not None:
        yield fact.identity
    yield from fact.match_keys
    for point in fact.points:
        yield point.digest


async def read_snapshot(
    connection: Connection, arrivals: Sequence[Intake], reach: Reach, digester: Digester
) -> Snapshot:
    """Read all that is known of what `lock_reach` locked."""
    members = await connection.fetch(queries.members, list(reach.persons))
    identities = {
        row["identity"]: KnownIdentity(
            row["identity"], row["person_id"], row["source"], row["subject"]
        )
        for row in members
    }
    entries = await _entries(connection, arrivals, identities)
    return Snapshot(
        identities=identities,
        by_match_key=reach.by_key,
        facts=await _facts(connection, identities),
        persons=await _persons(connection, arrivals, identities, digester),
        entries=entries,
        digests=await _digests(connection, arrivals, entries, identities),
        agreements=frozenset[Purpose](),
    )


async def _reach(connection: Connection, arrivals: Sequence[Intake]) -> Reach:
    reach = Reach()
    facts = [arrival.fact for arrival in arrivals]
    digests = {fact.identity for fact in facts if fact.identity is not None}
    for row in await connection.fetch(queries.identities, list(digests)):
        reach.persons.add(row["person_id"])
    keys = {key for fact in facts for key in fact.match_keys}
    if keys:
        for row in await connection.fetch(queries.match_keys, list(keys)):
            reach.persons.add(row["person_id"])
            reach.by_key.setdefault(row["match_key"], []).append(row["identity"])
    reach.points = await _points_in_question(connection, facts, reach.persons)
    if reach.points:
        for row in await connection.fetch(queries.point_users, list(reach.points)):
            reach.persons.add(row["person_id"])
    return reach


async def _points_in_question(
    connection: Connection, facts: Sequence[Fact], persons: Collection[uuid.UUID]
) -> set[bytes]:
    """Digests whose users may be decided anew: those that bans and lifts of the batch name,
    and those that anybody touched who ever placed a ban has used (R8, R22)."""
    points = {
        point.digest
        for fact in facts
        if fact.type in PROTECTIVE or fact.type == LIFT
        for point in fact.points
    }
    members = await connection.fetch(queries.members, list(persons)) if persons else []
    by_identity = {row["identity"]: row["person_id"] for row in members}
    sayers = {
        by_identity[fact.identity]
        for fact in facts
        if fact.identity in by_identity and (fact.type in PROTECTIVE or fact.type == LIFT)
    }
    if by_identity:
        for row in await connection.fetch(queries.placed_digests, list(by_identity)):
            sayers.add(by_identity[row["placed_by"]])
            points.add(row["digest"])
    used_by = [identity for identity, person in by_identity.items() if person in sayers]
    if used_by:
        rows = await connection.fetch(queries.contact_points, used_by)
        points.update(row["digest"] for row in rows)
    return points


async def _facts(connection: Connection, identities: Collection[bytes]) -> dict[bytes, list[Fact]]:
    facts: dict[bytes, list[Fact]] = defaultdict(list)
    if identities:
        for row in await connection.fetch(queries.facts, list(identities)):
            facts[row["identity"]].append(_fact(row))
    return facts


def _fact(row: asyncpg.Record) -> Fact:
    return Fact(
        fact_id=uuid.UUID(int=row["fact_id"].int),
        source=row["source"],
        event_id=row["event_id"],
        type=row["type"],
        identity=row["identity"],
        time=row["time"],
        received=row["received"],
        body=row["body"],
        party=row["party"],
        points=tuple(
            Point(PointKind(kind), digest)
            for kind, digest in zip(row["point_kinds"], row["points"], strict=True)
        ),
    )


async def _persons(
    connection: Connection,
    arrivals: Sequence[Intake],
    identities: dict[bytes, KnownIdentity],
    digester: Digester,
) -> dict[uuid.UUID, KnownPerson]:
    named = {arrival.fact.identity for arrival in arrivals if arrival.fact.identity is not None}
    ids = {digester.customer_id(digest, 0) for digest in named | identities.keys()}
    ids.update(identity.person_id for identity in identities.values())
    rows = await connection.fetch(queries.customers, list(ids))
    return {
        row["person_id"]: KnownPerson(
            row["person_id"], row["version"], row["content"], row["alias_of"]
        )
        for row in rows
    }


async def _entries(
    connection: Connection, arrivals: Sequence[Intake], identities: Collection[bytes]
) -> dict[bytes, list[Entry]]:
    digests = {point.digest for arrival in arrivals for point in arrival.fact.points}
    if identities:
        rows = await connection.fetch(queries.point_digests, list(identities))
        digests.update(row["digest"] for row in rows)
    found: dict[bytes, list[Entry]] = defaultdict(list)
    if not digests:
        return found
    await _add_entries(connection, digests, found)
    placers = {
        entry.placed_by
        for entries in found.values()
        for entry in entries
        if entry.placed_by is not None
    }
    placers.update(
        arrival.fact.identity
        for arrival in arrivals
        if arrival.fact.type in PROTECTIVE and arrival.fact.identity is not None
    )
    if placers:
        await _add_entries(connection, placers, found)
    return found


async def _add_entries(
    connection: Connection, digests: Collection[bytes], found: dict[bytes, list[Entry]]
) -> None:
    for row in await connection.fetch(queries.ban_entries, list(digests)):
        found[row["digest"]].append(
            Entry(
                digest=row["digest"],
                kind=PointKind(row["kind"]),
                fact_id=uuid.UUID(int=row["fact_id"].int),
                is_lift=row["is_lift"],
                reason=Denial(row["reason"]),
                collection=row["collection"],
                since=row["since"],
                placed_by=row["placed_by"],
                scope_data=row["scope"],
                derived=row["derived"],
            )
        )


async def _digests(
    connection: Connection,
    arrivals: Sequence[Intake],
    entries: dict[bytes, list[Entry]],
    identities: Collection[bytes],
) -> dict[bytes, KnownDigest]:
    """Last messages of the digests whose state the batch knows in full."""
    asked = {
        digest
        for digest, known in entries.items()
        if known and known[0].kind is not PointKind.IDENTITY
    }
    asked.update(identities)
    asked.update(point.digest for arrival in arrivals for point in arrival.fact.points)
    asked.update(arrival.fact.identity for arrival in arrivals if arrival.fact.identity is not None)
    rows = await connection.fetch(queries.ban_digests, list(asked))
    return {
        row["digest"]: KnownDigest(
            row["digest"], PointKind(row["kind"]), row["version"], row["content"]
        )
        for row in rows
    }
