"""Reads the part of the register that a batch can touch, once it is locked."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from register.rules.agreements import active, purposes
from register.rules.bans import Entry
from register.rules.digest import Digester, epoch_of
from register.rules.facts import ERASURE, NOES, Fact, JsonDict
from register.rules.intake import Intake
from register.rules.requests import ACCESS
from register.rules.snapshot import KnownDigest, KnownPerson, Snapshot
from register.store.pool import Connection
from register.store.reach import Reach, asked_points, identities_of, people_of, read_members
from register.store.rows import Row, entry_of, event_of, fact_of
from register.store.sql import queries
from register.store.together import Asked, Looks, read_together
from schemas.terms import PointKind


async def read_snapshot(
    connection: Connection,
    arrivals: Sequence[Intake],
    reach: Reach,
    digester: Digester,
    before: Snapshot | None = None,
) -> Snapshot:
    """Read all that is known of what `lock_reach` locked; `before`, as it was read for a narrower
    reach in the same transaction, spares reading its facts again."""
    await read_members(Looks(connection), reach)
    identities = reach.members
    known = before.facts if before is not None else {}
    facts = {**known, **await _facts(connection, identities.keys() - known.keys())}
    reach.ids |= _possible_ids(arrivals, reach, facts, digester)
    digests = _digests_named(arrivals, facts, reach)
    # As of one moment: where no lock guards a digest and another batch bans it just now, its word
    # stands with what it says, or neither does.
    last_said, entries, persons, agreements = await read_together(
        connection,
        (queries.ban_digests, [list(digests | identities.keys() | _sayers(arrivals))]),
        _entries_asked(digests, _placers(arrivals)),
        (queries.customers, [list(reach.ids)]),
        (queries.active_agreements, []),
    )
    return Snapshot(
        identities=identities,
        by_match_key=reach.by_key,
        facts=facts,
        persons=_persons(persons),
        entries=_entries(entries),
        digests=_last_said(last_said),
        agreements=purposes(active(map(event_of, agreements)).values()),
        disclosures=await _handed_over(connection, arrivals, reach),
    )


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
    identities = identities_of(arrivals, reach)
    ids = {digester.customer_id(identity, 0) for identity in identities}
    if erased := _erased(arrivals, facts):
        people = people_of(arrivals, reach)
        ids.update(
            digester.customer_id(member, epoch_of(time))
            for identity, time in erased
            for member in people.members(identity)
            if member in identities
        )
    return ids | {member.person_id for member in reach.members.values()}


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
    query, arguments = _entries_asked(digests)
    return _entries(await connection.fetch(query, *arguments))


def _entries_asked(digests: Collection[bytes], placers: Collection[bytes] = ()) -> Asked:
    return queries.ban_entries, [list(digests), list(placers)]


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
