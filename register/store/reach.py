"""Finds and locks what a batch can touch: persons, and what stands under which digest."""

import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import asyncpg

from register.rules.components import Components
from register.rules.derived import CONTACT_POINTS
from register.rules.digest import Point
from register.rules.facts import (
    LIFT,
    NOES,
    RECTIFICATION,
    RETENTION,
    Fact,
    keys_by_identity,
)
from register.rules.intake import Intake
from register.rules.snapshot import Changes, KnownIdentity
from register.store.pool import Connection
from register.store.sql import queries
from register.store.together import Answers, Asked, Looks, read_together
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


async def _nothing_more(_: Reach) -> Sequence[Asked]:
    return ()


async def lock_reach(
    connection: Connection,
    arrivals: Sequence[Intake],
    persons: Collection[uuid.UUID] = (),
    points: Collection[bytes] = (),
    asked: Callable[[Reach], Awaitable[Sequence[Asked]]] = _nothing_more,
) -> tuple[Reach, Answers]:
    """Lock everything that the events name or can touch, `persons`, and who uses one of `points`,
    for the transaction. Gives this, and what is answered to what is `asked` of it: once more if
    it turned out to be another reach under the locks.

    Digests come before persons and both are sorted, so that no two batches deadlock. Raises
    `Contended` if another batch widened the reach meanwhile: try again.
    """
    least = Reach(persons=set(persons), points=set(points))
    looks = Looks(connection)
    expected = await _reach(looks, arrivals, least)
    named = {_digest_lock(key) for arrival in arrivals for key in _names(arrival)}
    locks = expected.locks | named
    # Digests' locks are positive, persons' negative.
    await connection.execute(queries.lock, sorted(locks, key=lambda one: (one < 0, one)))
    if (answers := await looks.again(*await asked(expected))) is not None:
        return expected, answers
    reach = await _settled(connection, arrivals, least, locks)
    return reach, await read_together(connection, *await asked(reach))


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
        looks = Looks(connection)
        reach = await _reach(looks, arrivals, least)
        more = reach.locks - locks
        if not more:
            return reach
        # Out of order, so not to be waited for: what another batch made is mostly free by now.
        if not await connection.fetchval(queries.try_lock, list(more)):
            raise Contended(least.points)
        if await looks.again() is not None:
            return reach
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
    for point in asked_points(arrival):
        yield point.digest


async def _reach(looks: Looks, arrivals: Sequence[Intake], least: Reach) -> Reach:
    """What the events can touch now, and `least` in any case."""
    reach = Reach(persons=set(least.persons), points=set(least.points))
    facts = [arrival.fact for arrival in arrivals]
    named = {fact.identity for fact in facts if fact.identity is not None}
    named.update(link for arrival in arrivals for link in arrival.links)
    giving = [fact for fact in facts if fact.names or fact.contacts]
    gave = {fact.identity for fact in giving if fact.identity is not None}
    known: Sequence[asyncpg.Record] = ()
    if named:
        known = await looks.at(queries.persons_of, named, list(gave))
        reach.persons.update(row["person_id"] for row in known)
    reach.keys = _match_keys(giving, known) | least.keys
    if reach.keys:
        for row in await looks.at(queries.match_keys, {key for key, _ in reach.keys}):
            reach.persons.add(row["person_id"])
            reach.by_key.setdefault(row["match_key"], []).append(row["identity"])
    await read_members(looks, reach)
    points, used_by = _points_in_question(arrivals, reach)
    reach.points |= points
    reach.persons |= await _users(looks, reach.points, used_by)
    await read_members(looks, reach)
    return reach


async def read_members(looks: Looks, reach: Reach) -> None:
    """Read the identities of those of the persons of whom none is known yet."""
    known = {member.person_id for member in reach.members.values()}
    if missing := reach.persons - known:
        for row in await looks.at(queries.members, missing):
            identity = row["identity"]
            reach.members[identity] = KnownIdentity(
                identity, row["person_id"], row["source"], row["subject"]
            )
            if row["placed"]:
                reach.placed[identity] = row["placed"]
            if row["collecting"]:
                reach.collecting[identity] = row["collecting"]


async def _users(looks: Looks, points: set[bytes], used_by: Collection[bytes]) -> set[uuid.UUID]:
    """Who ever named one of the points, or of those that the identities ever named, which are
    added. Bans go along to what a contact point was corrected to (R62): those points are added
    too, and who named them is among the users."""
    users: set[uuid.UUID] = set()
    asked = set(points)
    while asked or used_by:
        rows = await looks.at(queries.users, used_by, list(asked))
        points.update(row["digest"] for row in rows if row["digest"] is not None)
        found = {row["person_id"]: row["corrected"] for row in rows if row["digest"] is None}
        used_by = [one for user, some in found.items() if user not in users for one in some]
        users |= found.keys()
        asked = set()
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


def _points_in_question(
    arrivals: Sequence[Intake], reach: Reach
) -> tuple[set[bytes], Collection[bytes]]:
    """Digests whose users may be decided anew: those that bans, lifts and requests name, those
    that who says so has ever banned (R8, R22), and those under which somebody banned collecting
    who may come back just now (R24). And the identities of who says so: what they ever used."""
    points = {
        point.digest
        for arrival in arrivals
        if _says(arrival.fact) or arrival.request is not None
        for point in asked_points(arrival)
    }
    facts = [arrival.fact for arrival in arrivals]
    said = (fact for fact in facts if _says(fact))
    sayers = {fact.identity for fact in said if fact.identity is not None}
    if not sayers and not reach.collecting:
        return points, ()
    people = people_of(arrivals, reach)
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
    return points, [one for one in identities_of(arrivals, reach) if people.root(one) in roots]


def people_of(arrivals: Sequence[Intake], reach: Reach) -> Components[bytes]:
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


_DIGEST_BYTES = 32
"""Of an identity; match keys are shorter."""


def identities_of(arrivals: Sequence[Intake], reach: Reach) -> set[bytes]:
    """Everybody's identities: those of the register, and those that the events name."""
    found = set(reach.members)
    for arrival in arrivals:
        if arrival.fact.identity is not None:
            found.update((arrival.fact.identity, *arrival.links))
    for known in reach.by_key.values():
        found.update(known)
    found.update(identity for _, identity in reach.keys if len(identity) == _DIGEST_BYTES)
    return found


def _says(fact: Fact) -> bool:
    """Whether the fact changes what stands in the ban register; a correction moves bans, and so
    does it that somebody's time is over."""
    return fact.type in NOES or fact.type in (LIFT, RECTIFICATION, RETENTION)


def asked_points(arrival: Intake) -> Iterator[Point]:
    yield from arrival.fact.points
    if arrival.request is not None:
        yield from arrival.request.found_by
