"""Reads the part of the register that a batch can touch, once it is locked."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from register.rules.agreements import active, purposes
from register.rules.bans import Entry
from register.rules.digest import Digester, epoch_of
from register.rules.facts import ERASURE, NOES, Fact, JsonDict
from register.rules.intake import Intake
from register.rules.requests import ACCESS
from register.rules.snapshot import KnownDigest, KnownPerson, Snapshot
from register.store.pool import Connection
from register.store.reach import (
    Reach,
    asked_points,
    identities_of,
    lock_reach,
    people_of,
    read_members,
)
from register.store.rows import Row, entry_of, event_of, fact_of
from register.store.sql import queries
from register.store.together import Asked, Looks, read_together
from schemas.terms import PointKind

_NOTHING: Mapping[bytes, Sequence[Fact]] = MappingProxyType({})


async def lock_and_read(
    connection: Connection,
    arrivals: Sequence[Intake],
    digester: Digester,
    persons: Collection[uuid.UUID] = (),
    points: Collection[bytes] = (),
) -> tuple[Reach, Snapshot]:
    """Lock what `lock_reach` does, and read all that is known of it; raises as that does."""
    reading = _Reading(connection, arrivals, digester)
    reach, answers = await lock_reach(connection, arrivals, persons, points, reading.asked)
    return reach, await reading.snapshot(reach, answers)


async def read_snapshot(
    connection: Connection,
    arrivals: Sequence[Intake],
    reach: Reach,
    digester: Digester,
    before: Snapshot | None = None,
) -> Snapshot:
    """Read all that is known of what is locked; `before`, as it was read for a narrower reach in
    the same transaction, spares reading its facts again."""
    await read_members(Looks(connection), reach)
    known = before.facts if before is not None else _NOTHING
    reading = _Reading(connection, arrivals, digester, known)
    answers = await read_together(connection, *await reading.asked(reach))
    return await reading.snapshot(reach, answers)


class _Reading:
    """A snapshot as it is read: facts first, as they tell which digests and ids to ask for."""

    def __init__(
        self,
        connection: Connection,
        arrivals: Sequence[Intake],
        digester: Digester,
        known: Mapping[bytes, Sequence[Fact]] = _NOTHING,
    ) -> None:
        """Facts that are `known` are not read."""
        self._connection = connection
        self._arrivals = arrivals
        self._digester = digester
        self._known = known
        self._facts = known

    async def asked(self, reach: Reach) -> Sequence[Asked]:
        """What the rest is read by, all as of one moment: where no lock guards a digest and
        another batch bans it just now, its word stands with what it says, or neither does.

        Facts are guarded by their persons' locks, and rows of a query of their own cost half of
        what rows within one row do.
        """
        arrivals = self._arrivals
        unread = [identity for identity in reach.members if identity not in self._known]
        rows = await self._connection.fetch(queries.facts, unread) if unread else ()
        self._facts = {**self._known, **_facts(rows)}
        digests = _digests_named(arrivals, self._facts, reach)
        reach.ids |= _ids(arrivals, reach, self._digester)
        reach.ids |= _ids_after_erasures(arrivals, reach, self._facts, self._digester)
        said = digests | reach.members.keys() | _sayers(arrivals)
        return (
            (queries.ban_digests, [list(said)]),
            (queries.ban_entries, [list(digests), list(_placers(arrivals))]),
            (queries.customers, [list(reach.ids)]),
            (queries.active_agreements, []),
        )

    async def snapshot(self, reach: Reach, answers: Sequence[Sequence[Row]]) -> Snapshot:
        """All of it."""
        last_said, entries, person_rows, agreements = answers
        return Snapshot(
            identities=reach.members,
            by_match_key=reach.by_key,
            facts=self._facts,
            persons=_persons(person_rows),
            entries=_entries(entries),
            digests=_last_said(last_said),
            agreements=purposes(active(map(event_of, agreements)).values()),
            disclosures=await _handed_over(self._connection, self._arrivals, reach),
        )


def _facts(rows: Iterable[Row]) -> dict[bytes, list[Fact]]:
    facts: dict[bytes, list[Fact]] = defaultdict(list)
    for row in rows:
        fact = fact_of(row)
        assert fact.identity is not None
        facts[fact.identity].append(fact)
    return facts


def _ids(arrivals: Sequence[Intake], reach: Reach, digester: Digester) -> set[uuid.UUID]:
    """Every id that these persons have, or could come to have if nobody was erased."""
    ids = {digester.customer_id(one, 0) for one in identities_of(arrivals, reach)}
    return ids | {member.person_id for member in reach.members.values()}


def _ids_after_erasures(
    arrivals: Sequence[Intake],
    reach: Reach,
    facts: Mapping[bytes, Sequence[Fact]],
    digester: Digester,
) -> set[uuid.UUID]:
    """The ids under which whoever was erased comes back (R25)."""
    erased = _erased(arrivals, facts)
    if not erased:
        return set()
    identities = identities_of(arrivals, reach)
    people = people_of(arrivals, reach)
    return {
        digester.customer_id(member, epoch_of(time))
        for identity, time in erased
        for member in people.members(identity)
        if member in identities
    }


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
    points = {point.digest for point in asked_points(arrival)}
    for identity, known in facts.items():
        if any(point.digest in points for fact in known for point in fact.points):
            yield identity


def _persons(rows: Iterable[Row]) -> dict[uuid.UUID, KnownPerson]:
    persons = (KnownPerson(*row) for row in rows)
    return {person.person_id: person for person in persons}


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
    digests = {point.digest for arrival in arrivals for point in asked_points(arrival)}
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


def _sayers(arrivals: Sequence[Intake]) -> set[bytes]:
    """The arrivals' identities: the batch may say something newer of them."""
    return {arrival.fact.identity for arrival in arrivals if arrival.fact.identity is not None}


async def read_entries(
    connection: Connection, digests: Collection[bytes]
) -> dict[bytes, list[Entry]]:
    """What is written under the digests, and under the identities that placed it."""
    return _entries(await connection.fetch(queries.ban_entries, list(digests), []))


def _entries(rows: Iterable[Row]) -> dict[bytes, list[Entry]]:
    found: dict[bytes, list[Entry]] = defaultdict(list)
    for row in rows:
        entry = entry_of(row)
        found[entry.digest].append(entry)
    return found


def _last_said(rows: Iterable[Row]) -> dict[bytes, KnownDigest]:
    """Last messages of the digests, also where nothing stands any more."""
    said = (
        KnownDigest(digest, PointKind(kind), version, content)
        for digest, kind, version, content in rows
    )
    return {known.digest: known for known in said}
