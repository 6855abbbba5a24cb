"""What `register.rules.explain` is given, made of events as they would have arrived."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime

import orjson

from register.rules.agreements import ENDED, SIGNED, active, purposes
from register.rules.apply import apply
from register.rules.bans import Entry
from register.rules.explain import Case, Known, KnownEntry, person_at
from register.rules.facts import Fact
from register.rules.intake import Intake, intake
from register.rules.snapshot import Changes, Snapshot
from schemas.cloudevents import CONTENT_TYPE, decode
from tests.support.events import RECEIVED, WEBSHOP, Json
from tests.support.register import DIGESTER


def known_of(
    arrivals: Iterable[tuple[Json, datetime] | Json], subject: str = "c-1", source: str = WEBSHOP
) -> Known:
    """All that the register holds of the person behind a channel identity, after the events.

    Each event comes with the moment of its receipt, or was received at `RECEIVED`. They are
    taken in as one batch.
    """
    intakes = [
        _intake(*one) if isinstance(one, tuple) else _intake(one, RECEIVED) for one in arrivals
    ]
    agreements = [one.fact for one in intakes if one.fact.type in (SIGNED, ENDED)]
    personal = [one for one in intakes if one.fact.type not in (SIGNED, ENDED)]
    opened = purposes(active(agreements).values())
    changes = apply(Snapshot({}, {}, {}, {}, {}, {}, opened), personal, DIGESTER)
    person_of = {one.digest: one.person_id for one in changes.identities}
    person = person_of.get(DIGESTER.identity(source, subject))
    own = sorted(digest for digest, held_by in person_of.items() if held_by == person)
    return Known(
        identities=own,
        facts=[fact for fact in changes.stored if fact.identity in own],
        links=_links(changes, own),
        entries=_lines(changes, personal),
        agreements=agreements,
    )


def _intake(event: Json, received: datetime) -> Intake:
    return intake(decode(orjson.dumps(event), [CONTENT_TYPE]), received, DIGESTER)


def _links(changes: Changes, own: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    said = [
        (key, fact.identity)
        for fact in changes.stored
        for key in fact.match_keys
        if fact.identity is not None
    ]
    return [link for link in (*said, *changes.links) if link[1] in own]


def _lines(changes: Changes, arrived: Iterable[Intake]) -> dict[bytes, list[KnownEntry]]:
    kept = {fact.fact_id: fact for fact in changes.stored}
    received = {one.fact.fact_id: one.fact.received for one in arrived}
    lines: dict[bytes, list[KnownEntry]] = defaultdict(list)
    for entry in changes.entries:
        if entry not in changes.removed_entries:
            said = received.get(entry.fact_id, entry.since)  # a derived lift is no event
            known = max(said, *_derived_at(entry, changes.stored))
            lines[entry.digest].append(KnownEntry(entry, kept.get(entry.fact_id), known))
    return lines


def _derived_at(entry: Entry, facts: Iterable[Fact]) -> list[datetime]:
    """When who gave rise to a derived entry first named its contact point (R22, R62)."""
    named = [
        fact.received
        for fact in facts
        if fact.identity == entry.derived_by and any(p.digest == entry.digest for p in fact.points)
    ]
    return [min(named)] if named and entry.derived_by is not None else [entry.since]


def case_of(
    known: Known, subject: str = "c-1", source: str = WEBSHOP, at: datetime | None = None
) -> Case:
    """The person behind a channel identity, as known at a moment (None: now)."""
    return person_at(known, DIGESTER, at, DIGESTER.identity(source, subject))
