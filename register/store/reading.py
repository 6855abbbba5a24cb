"""Reads, under locks, the part of the register that a batch can touch."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from register.rules.agreements import purposes
from register.rules.bans import Entry
from register.rules.components import Components
from register.rules.derived import CONTACT_POINTS
from register.rules.digest import Digester, Point, epoch_of
from register.rules.facts import (
    ERASURE,
    LIFT,
    NOES,
    RECTIFICATION,
    RETENTION,
    Fact,
    JsonDict,
    keys_by_identity,
)
from register.rules.intake import Intake
from register.rules.requests import ACCESS
from register.rules.snapshot import Changes, KnownDigest, KnownIdentity, KnownPerson, Snapshot
from register.store.agreements import read_agreements
from register.store.pool import Connection
from register.store.rows import entry_of, fact_of
from register.store.sql import queries
from schemas.terms import PointKind


@dataclass(slots=True)
class Reach:
    """What a batch can touch: persons; the (match key, identity) of its identities, and who is
    known under those keys; the contact points whose users may be decided anew.

    `members` are the persons' identities, `placed` the digests under which each of them placed
    bans or lifts, `collecting` those of bans on collecting; `ids` the customer ids whose last
    messages are known, or asked for.
    """

    persons: set[uuid.UUID] = field(default_factory=set)
    keys: set[tuple[bytes, bytes]] = field(default_factory=set)
    by_key: dict[bytes, list[bytes]] = field(default_factory=dict)
    points: set[bytes] = field(default_factory=set)
    members: dict[bytes, KnownIdentity] = field(default_factory=dict)
    placed: dict[bytes, list[bytes]] = field(default_factory=dict)
    collecting: dict[bytes, list[bytes]] = field(default_factory=dict)
    ids: set[uuid.UUID] = field(default_factory=set)

    @property
    def digests(self) -> set[bytes]:
        """What is to be locked besides the persons. What stands under a digest that a person
        placed a ban on, and uses no more, is read too: no user's lock guards it."""
        placed = {digest for digests in self.placed.values() for digest in digests}
        return self.points | placed | {key for key, _ in self.keys}

    @property
    def locks(self) -> set[int]:
        """The locks on all of it."""
        return set(map(_digest_lock, self.digests)) | set(map(_person_lock, self.persons))

    def beyond(self, changes: Changes) -> "Beyond":
        """What the changes concern and has not been read: the users of the contact points and
        companies where a ban comes or goes (R8, R9), whoever has a match key that somebody gets
        (a correction without a reference: whose it is turns out only then, R62), and who turned
        out to have another id."""
        points: set[bytes] = set()
        for entry in (*changes.entries, *changes.removed_entries):
            if entry.kind is PointKind.IDENTITY:
                points.update(self.placed.get(entry.digest, ()))
            else:
                points.add(entry.digest)
        known = {key for key, _ in self.keys}
        keys = {link for link in changes.links if link[0] not in known}
        return Beyond(points - self.points, keys, changes.decided - self.ids)


@dataclass(frozen=True, slots=True)
class Beyond:
    """What has to be read besides, and then decided again: digests, match keys with who gets
    them, customer ids."""

    points: set[bytes]
    keys: set[tuple[bytes, bytes]]
    ids: set[uuid.UUID]

    def __bool__(self) -> bool:
        return bool(self.points or self.keys or self.ids)


class Contended(asyncpg.SerializationError):
    """Another batch holds what this one turned out to concern: the next try takes `points`, the
    contact points and companies, from the start, and waits for them in order."""

    def __init__(self, points: Collection[bytes]) -> None:
        super().__init__("another batch touches these persons")
        self.points = frozenset(points)


async def lock_reach(
    connection: Connection,
    arrivals: Sequence[Intake],
    persons: Collection[uuid.UUID] = (),
    points: Collection[bytes] = (),
) -> Reach:
    """Lock everything that the events name or can touch, `persons`, and who uses one of `points`,
    for the transaction.

    Digests come before persons and both are sorted, so that no two batches deadlock. Raises
    `Contended` if another batch widened the reach meanwhile: try again.
    """
    least = Reach(persons=set(persons), points=set(points))
    expected = await _reach(connection, arrivals, least)
    named = {_digest_lock(key) for arrival in arrivals for key in _names(arrival)}
    locks = expected.locks | named
    # Digests' locks are positive, persons' negative.
    await connection.execute(queries.lock, sorted(locks, key=lambda one: (one < 0, one)))
    return await _settled(connection, arrivals, least, locks)


async def widen(
    connection: Connection, arrivals: Sequence[Intake], reach: Reach, beyond: Beyond
) -> Reach:
    """Lock also what the events turned out to concern; raises as `lock_reach` does."""
    more = Reach(
        persons=set(reach.persons),
        keys=reach.keys | beyond.keys,
        points=reach.points | beyond.points,
    )
    wider = await _settled(connection, arrivals, more, reach.locks)
    wider.ids = reach.ids | beyond.ids
    return wider


async def _settled(
    connection: Connection, arrivals: Sequence[Intake], least: Reach, locks: set[int]
) -> Reach:
    """The reach as it is once all of it is locked; `locks` are held already."""
    while True:
        reach = await _reach(connection, arrivals, least)
        more = reach.locks - locks
        if not more:
            return reach
        # Out of order, so not to be waited for: what another batch made is mostly free by now.
        if not await connection.fetchval(queries.try_lock, list(more)):
            raise Contended(least.points)
        locks |= more


def _digest_lock(digest: bytes) -> int:
    return int.from_bytes(digest[:8]) >> 1


def _person_lock(person: uuid.UUID) -> int:
    return -1 - (person.int >> 65)


def _names(arrival: Intake) -> Iterator[bytes]:
    fact = arrival.fact
    if fact.identity is not None:
        yield fact.identity
    yield from arrival.links
    for point in _asked_points(arrival):
        yield point.digest


async def read_snapshot(
    connection: Connection,
    arrivals: Sequence[Intake],
    reach: Reach,
    digester: Digester,
    before: Snapshot | None = None,
) -> Snapshot:
    """Read all that is known of what `lock_reach` locked; `before`, as it was read for a narrower
    reach in the same transaction, spares reading its facts again."""
    await _read_members(connection, reach)
    identities = reach.members
    known = before.facts if before is not None else {}
    facts = {**known, **await _facts(connection, identities.keys() - known.keys())}
    reach.ids |= _possible_ids(arrivals, reach, facts, digester)
    digests = _digests_named(arrivals, facts, reach)
    # Before the entries: where no lock guards a digest and another batch bans it just now, its
    # word is said again, and not taken back.
    last_said = await _last_said(connection, arrivals, digests | identities.keys())
    return Snapshot(
        identities=identities,
        by_match_key=reach.by_key,
        facts=facts,
        persons=await _persons(connection, reach.ids),
        entries=await read_entries(connection, digests, _placers(arrivals)),
        digests=last_said,
        agreements=purposes((await read_agreements(connection)).values()),
        disclosures=await _handed_over(connection, arrivals, reach),
    )


async def _reach(connection: Connection, arrivals: Sequence[Intake], least: Reach) -> Reach:
    """What the events can touch now, and `least` in any case."""
    reach = Reach(persons=set(least.persons), points=set(least.points))
    facts = [arrival.fact for arrival in arrivals]
    named = {fact.identity for fact in facts if fact.identity is not None}
    named.update(link for arrival in arrivals for link in arrival.links)
    giving = [fact for fact in facts if fact.names or fact.contacts]
    gave = {fact.identity for fact in giving if fact.identity is not None}
    known: Sequence[asyncpg.Record] = ()
    if named:
        known = await connection.fetch(queries.persons_of, list(named), list(gave))
        reach.persons.update(row["person_id"] for row in known)
    reach.keys = _match_keys(giving, known) | least.keys
    if reach.keys:
        for row in await connection.fetch(queries.match_keys, [key for key, _ in reach.keys]):
            reach.persons.add(row["person_id"])
            reach.by_key.setdefault(row["match_key"], []).append(row["identity"])
    await _read_members(connection, reach)
    reach.points |= await _points_in_question(connection, arrivals, reach)
    if reach.points:
        reach.persons |= await _users(connection, reach.points)
        await _read_members(connection, reach)
    return reach


async def _read_members(connection: Connection, reach: Reach) -> None:
    """Read the identities of those of the persons of whom none is known yet."""
    known = {member.person_id for member in reach.members.values()}
    if missing := reach.persons - known:
        for row in await connection.fetch(queries.members, list(missing)):
            identity = row["identity"]
            reach.members[identity] = KnownIdentity(
                identity, row["person_id"], row["source"], row["subject"]
            )
            if row["placed"]:
                reach.placed[identity] = row["placed"]
            if row["collecting"]:
                reach.collecting[identity] = row["collecting"]


async def _users(connection: Connection, points: set[bytes]) -> set[uuid.UUID]:
    """Who ever named one of the points. Bans go along to what a contact point was corrected to
    (R62): those points are added, and who named them is among the users."""
    new = set(points)
    users: set[uuid.UUID] = set()
    while new:
        rows = await connection.fetch(queries.point_users, list(new))
        found = {row["person_id"] for row in rows} - users
        corrected = {one for row in rows if row["person_id"] in found for one in row["corrected"]}
        users |= found
        new = set()
        if corrected:
            rows = await connection.fetch(queries.contact_points, list(corrected))
            new = {row["digest"] for row in rows} - points
            points |= new
    return users


def _match_keys(
    giving: Sequence[Fact], known: Sequence[asyncpg.Record]
) -> set[tuple[bytes, bytes]]:
    """R50: match keys of the batch's identities, by all that they ever gave and give now.

    `giving` are the facts that give a name or contact points, `known` rows of `persons_of`.
    """
    anonymous = {(key, key) for fact in giving if fact.identity is None for key in fact.match_keys}
    data = [fact for fact in giving if fact.brings_data]
    given = [
        replace(data[0], identity=row["identity"], names=row["names"], contacts=row["contacts"])
        for row in (known if data else ())
        if row["names"] is not None
    ]
    return keys_by_identity([*given, *giving]) | anonymous


async def _points_in_question(
    connection: Connection, arrivals: Sequence[Intake], reach: Reach
) -> set[bytes]:
    """Digests whose users may be decided anew: those that bans, lifts and requests name, those
    that who says so has ever used or banned (R8, R22), and those under which somebody banned
    collecting who may come back just now (R24)."""
    points = {
        point.digest
        for arrival in arrivals
        if _says(arrival.fact) or arrival.request is not None
        for point in _asked_points(arrival)
    }
    facts = [arrival.fact for arrival in arrivals]
    said = (fact for fact in facts if _says(fact))
    sayers = {fact.identity for fact in said if fact.identity is not None}
    if not sayers and not reach.collecting:
        return points
    people = _people(arrivals, reach)
    if reach.collecting:
        here = {people.root(fact.identity) for fact in facts if fact.identity is not None}
        for identity, collecting in reach.collecting.items():
            if people.root(identity) in here:
                points.update(collecting)
    roots = {people.root(sayer) for sayer in sayers}
    for identity, placed in reach.placed.items():
        if people.root(identity) in roots:
            points.update(placed)
    for arrival in arrivals:
        fact = arrival.fact
        if fact.identity is not None and people.root(fact.identity) in roots:
            points.update(point.digest for point in fact.points if point.kind in CONTACT_POINTS)
    used_by = [one for one in _identities(arrivals, reach) if people.root(one) in roots]
    rows = await connection.fetch(queries.contact_points, used_by)
    points.update(row["digest"] for row in rows)
    return points


def _people(arrivals: Sequence[Intake], reach: Reach) -> Components[bytes]:
    """Who will be one person after the batch: identities, joined by persons and match keys."""
    people: Components[bytes] = Components()
    by_person: dict[uuid.UUID, list[bytes]] = defaultdict(list)
    for member in reach.members.values():
        by_person[member.person_id].append(member.digest)
    groups: list[Sequence[bytes]] = list(by_person.values())
    groups += [[key, *known] for key, known in reach.by_key.items()]
    for arrival in arrivals:
        if arrival.fact.identity is not None:
            groups.append([arrival.fact.identity, *arrival.links])
    groups += reach.keys
    for group in groups:
        for node in group:
            people.add(node)
        people.join(group)
    return people


def _says(fact: Fact) -> bool:
    """Whether the fact changes what stands in the ban register; a correction moves bans, and so
    does it that somebody's time is over."""
    return fact.type in NOES or fact.type in (LIFT, RECTIFICATION, RETENTION)


def _asked_points(arrival: Intake) -> Iterator[Point]:
    yield from arrival.fact.points
    if arrival.request is not None:
        yield from arrival.request.found_by


async def _facts(connection: Connection, identities: Collection[bytes]) -> dict[bytes, list[Fact]]:
    facts: dict[bytes, list[Fact]] = defaultdict(list)
    if identities:
        for row in await connection.fetch(queries.facts, list(identities)):
            facts[row["identity"]].append(fact_of(row))
    return facts


def _possible_ids(
    arrivals: Sequence[Intake],
    reach: Reach,
    facts: Mapping[bytes, Sequence[Fact]],
    digester: Digester,
) -> set[uuid.UUID]:
    """Every id that these persons have, or could come to have: after an erasure a new one."""
    identities = _identities(arrivals, reach)
    ids = {digester.customer_id(identity, 0) for identity in identities}
    if erased := _erased(arrivals, facts):
        people = _people(arrivals, reach)
        ids.update(
            digester.customer_id(member, epoch_of(time))
            for identity, time in erased
            for member in people.members(identity)
            if member in identities
        )
    return ids | {member.person_id for member in reach.members.values()}


_DIGEST_BYTES = 32
"""Of an identity; match keys are shorter."""


def _identities(arrivals: Sequence[Intake], reach: Reach) -> set[bytes]:
    """Everybody's identities: those of the register, and those that the events name."""
    found = set(reach.members)
    for arrival in arrivals:
        if arrival.fact.identity is not None:
            found.update((arrival.fact.identity, *arrival.links))
    for known in reach.by_key.values():
        found.update(known)
    found.update(identity for _, identity in reach.keys if len(identity) == _DIGEST_BYTES)
    return found


def _erased(
    arrivals: Sequence[Intake], facts: Mapping[bytes, Sequence[Fact]]
) -> list[tuple[bytes, datetime]]:
    """An identity of everybody who was erased, or may be now, and when."""
    before = [
        (identity, fact.time)
        for identity, known in facts.items()
        for fact in known
        if fact.type == ERASURE
    ]
    return before + [
        (identity, arrival.fact.time)
        for arrival in arrivals
        if arrival.fact.type == ERASURE
        for identity in _may_be_of(arrival, facts)
    ]


def _may_be_of(arrival: Intake, facts: Mapping[bytes, Sequence[Fact]]) -> Iterator[bytes]:
    """Identities whose person the request may be about: named, or found by a contact point."""
    if arrival.fact.identity is not None:
        yield arrival.fact.identity
    points = {point.digest for point in _asked_points(arrival)}
    for identity, known in facts.items():
        if any(point.digest in points for fact in known for point in fact.points):
            yield identity


async def _persons(
    connection: Connection, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, KnownPerson]:
    rows = await connection.fetch(queries.customers, list(ids))
    return {
        row["person_id"]: KnownPerson(
            row["person_id"], row["version"], row["content"], row["alias_of"], row["found_by"]
        )
        for row in rows
    }


async def _handed_over(
    connection: Connection, arrivals: Sequence[Intake], reach: Reach
) -> dict[uuid.UUID, list[JsonDict]]:
    """What partners were given, where somebody asks for what is held (R60)."""
    if not any(arrival.fact.type == ACCESS for arrival in arrivals):
        return {}
    found: dict[uuid.UUID, list[JsonDict]] = defaultdict(list)
    for row in await connection.fetch(queries.ledger_of, list(reach.persons)):
        line = dict(row)
        for name in ("disclosed", "recalled"):
            line[name] = line[name] and line[name].isoformat()
        found[line.pop("person_id")].append(line)
    return found


def _digests_named(
    arrivals: Sequence[Intake], facts: Mapping[bytes, Sequence[Fact]], reach: Reach
) -> set[bytes]:
    """All that these persons ever named, or banned without using it (R24)."""
    digests = {point.digest for arrival in arrivals for point in _asked_points(arrival)}
    named = (fact.points for known in facts.values() for fact in known)
    digests.update(point.digest for points in named for point in points)
    digests.update(digest for placed in reach.placed.values() for digest in placed)
    return digests


def _placers(arrivals: Sequence[Intake]) -> set[bytes]:
    """Identities under which a no is about to be written."""
    return {
        arrival.fact.identity
        for arrival in arrivals
        if arrival.fact.type in NOES and arrival.fact.identity is not None
    }


async def read_entries(
    connection: Connection, digests: Collection[bytes], placers: Collection[bytes] = ()
) -> dict[bytes, list[Entry]]:
    """What is written under the digests, and under the identities that placed it or will."""
    found: dict[bytes, list[Entry]] = defaultdict(list)
    if digests:
        await _add_entries(connection, digests, found)
    said = {
        entry.placed_by
        for entries in found.values()
        for entry in entries
        if entry.placed_by is not None
    }
    said = said.union(placers) - found.keys()
    if said:
        await _add_entries(connection, said, found)
    return found


async def _add_entries(
    connection: Connection, digests: Collection[bytes], found: dict[bytes, list[Entry]]
) -> None:
    for row in await connection.fetch(queries.ban_entries, list(digests)):
        found[row["digest"]].append(entry_of(row))


async def _last_said(
    connection: Connection, arrivals: Sequence[Intake], digests: set[bytes]
) -> dict[bytes, KnownDigest]:
    """Last messages of the digests, also where nothing stands any more, and of the arrivals'
    identities: what the batch may say something newer of."""
    sayers = {arrival.fact.identity for arrival in arrivals if arrival.fact.identity is not None}
    rows = await connection.fetch(queries.ban_digests, list(digests | sayers))
    return {
        row["digest"]: KnownDigest(
            row["digest"], PointKind(row["kind"]), row["version"], row["content"]
        )
        for row in rows
    }
