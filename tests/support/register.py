"""A register in memory: the rules with dicts for a store."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from register.rules.apply import apply
from register.rules.bans import Entry
from register.rules.digest import Digester, Point
from register.rules.facts import PROTECTIVE, Fact
from register.rules.intake import Intake, intake
from register.rules.snapshot import (
    Answer,
    Changes,
    KnownDigest,
    KnownIdentity,
    KnownPerson,
    Snapshot,
)
from schemas.cloudevents import CONTENT_TYPE, decode
from schemas.problems import Unreadable
from schemas.terms import Purpose
from tests.support.events import RECEIVED, Json

DIGESTER = Digester(b"a secret of the tests only")

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that a rule turned away: its id, the rule, the reason."""

    event_id: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dead:
    """A message that could not be read: its id, and the text of `dlq-reason`."""

    event_id: str
    reason: str


def read(event: Json, received: datetime = RECEIVED, digester: Digester = DIGESTER) -> Intake:
    """An event as it comes to the rules; raises `Unreadable` for a dead letter."""
    return intake(decode(orjson.dumps(event), [CONTENT_TYPE]), received, digester)


class MemoryRegister:
    """Takes events as the store does, and gives the rules all it holds each time.

    `messages` are the latest eligibility messages by customer id (None: tombstone),
    `bans` those of the ban register by digest, `versions` the last version of each of them,
    `sent` every message in the order of sending, `erased` the events whose personal data went.
    """

    def __init__(self, agreements: Iterable[Purpose] = ()) -> None:
        self.agreements = frozenset(agreements)
        self.messages: dict[uuid.UUID, Json | None] = {}
        self.bans: dict[str, Json | None] = {}
        self.versions: dict[uuid.UUID | str, int] = {}
        self.sent: list[tuple[uuid.UUID | str, int, Json | None]] = []
        self.refused: list[Refused] = []
        self.dead: list[Dead] = []
        self.answers: list[Answer] = []
        self.aliases: dict[uuid.UUID, uuid.UUID] = {}
        self.accepted: list[str] = []
        self.erased: set[str] = set()
        self.facts: dict[uuid.UUID, Fact] = {}
        self._bodies: dict[_Key, set[bytes]] = {}
        self._identities: dict[bytes, KnownIdentity] = {}
        self._by_key: dict[bytes, list[bytes]] = defaultdict(list)
        self._persons: dict[uuid.UUID, KnownPerson] = {}
        self._digests: dict[bytes, KnownDigest] = {}
        self._entries: dict[bytes, list[Entry]] = defaultdict(list)
        self._received = RECEIVED

    # Taking events in

    def deliver(self, *events: Json, received: datetime | None = None) -> None:
        """Deliver events in one batch."""
        fresh: list[Intake] = []
        for event in events:
            self._received = received or self._received + timedelta(seconds=1)
            fresh.extend(self._read(event, self._received))
        self._write(apply(self._snapshot(), fresh, DIGESTER))

    def deliver_each(self, events: Iterable[Json]) -> None:
        """Deliver events one after the other, each a batch of its own."""
        for event in events:
            self.deliver(event)

    def deliver_split(self, events: Sequence[Json], sizes: Iterable[int]) -> None:
        """Deliver events in batches of these sizes; what is left over comes in a last one."""
        start = 0
        for size in sizes:
            if start < len(events):
                self.deliver(*events[start : start + size])
            start += size
        if start < len(events):
            self.deliver(*events[start:])

    def _read(self, event: Json, received: datetime) -> Iterable[Intake]:
        """R1: a repeat is nothing; another body is a dead letter, but a no counts."""
        try:
            arrived = read(event, received)
        except Unreadable as error:
            self.dead.append(Dead(str(event.get("id")), error.reason))
            return
        bodies = self._bodies.setdefault((event["source"], event["id"]), set())
        if arrived.body_digest in bodies:
            return
        conflict = bool(bodies)
        bodies.add(arrived.body_digest)
        if conflict:
            self.dead.append(Dead(event["id"], "id_conflict"))
        if not conflict or arrived.fact.type in PROTECTIVE:
            yield arrived

    def _snapshot(self) -> Snapshot:
        facts: dict[bytes, list[Fact]] = defaultdict(list)
        for fact in self.facts.values():
            if fact.identity is not None:
                facts[fact.identity].append(fact)
        return Snapshot(
            identities=dict(self._identities),
            by_match_key=dict(self._by_key),
            facts=facts,
            persons=dict(self._persons),
            entries=dict(self._entries),
            digests=dict(self._digests),
            agreements=self.agreements,
        )

    # Writing what changed

    def _write(self, changes: Changes) -> None:
        for fact in changes.stored:
            self._store(fact)
        for fact_id in changes.erased_parties:
            self.facts[fact_id] = replace(self.facts[fact_id], party=None, subject=None)
            self.erased.add(self.facts[fact_id].event_id)
        for fact_id in changes.erased_facts:
            del self.facts[fact_id]
        for identity in changes.identities:
            self._identities[identity.digest] = identity
        self._write_entries(changes)
        self._write_messages(changes)
        for refusal in changes.refusals:
            refused = refusal.refused
            event_id = refusal.intake.fact.event_id
            self.refused.append(Refused(event_id, refused.rule, refused.reason))
        self.answers.extend(changes.answers)
        for identity_digest in changes.forgotten:
            for known in self._by_key.values():
                known[:] = [one for one in known if one != identity_digest]
        for key, linked in changes.links:
            self._link(key, linked)

    def _store(self, fact: Fact) -> None:
        assert fact.fact_id not in self.facts, "a fact is stored once"
        self.facts[fact.fact_id] = _as_stored(fact)
        self.accepted.append(fact.event_id)
        if fact.brings_data and fact.party is None:
            self.erased.add(fact.event_id)
        if fact.identity is not None:
            for key in fact.match_keys:
                self._link(key, fact.identity)

    def _link(self, key: bytes, identity: bytes) -> None:
        if identity not in self._by_key[key]:
            self._by_key[key].append(identity)

    def _write_entries(self, changes: Changes) -> None:
        for entry in changes.removed_entries:
            assert entry.derived_by is not None, "only derived entries are ever removed"
            held = self._entries[entry.digest]
            held[:] = [other for other in held if other.fact_id != entry.fact_id]
        for entry in changes.entries:
            held = self._entries[entry.digest]
            if all(other.fact_id != entry.fact_id for other in held):
                held.append(_entry_as_stored(entry))

    def _write_messages(self, changes: Changes) -> None:
        for ban in changes.bans:
            self._digests[ban.digest] = KnownDigest(ban.digest, ban.kind, ban.version, ban.content)
            self.bans[ban.digest.hex()] = ban.data
            self._sent(ban.digest.hex(), ban.version, ban.data)
        for change in changes.eligibility:
            before = self._persons.get(change.person_id)
            alias_of = before.alias_of if before else None
            self._persons[change.person_id] = KnownPerson(
                change.person_id, change.version, change.content, alias_of
            )
            self.messages[change.person_id] = change.data
            self._sent(change.person_id, change.version, change.data)
        for alias, target in changes.aliases.items():
            known = self._persons.get(alias) or KnownPerson(alias, 0, None, None)
            self._persons[alias] = replace(known, alias_of=target)
            if target is None:
                self.aliases.pop(alias, None)
            else:
                self.aliases[alias] = target

    def _sent(self, key: uuid.UUID | str, version: int, data: Json | None) -> None:
        self.versions[key] = version
        self.sent.append((key, version, data))

    # Looking

    def customer_id(self, subject: str, source: str) -> uuid.UUID | None:
        """The customer id to which a channel identity belongs now."""
        known = self._identities.get(DIGESTER.identity(source, subject))
        return known.person_id if known else None

    def person(self, subject: str, source: str) -> Json | None:
        """The latest eligibility of the person with this channel identity; None: nothing held."""
        customer_id = self.customer_id(subject, source)
        return self.messages.get(customer_id) if customer_id else None

    def latest(self) -> dict[uuid.UUID, Json]:
        """The latest eligibility of everybody who is present."""
        return {key: data for key, data in self.messages.items() if data is not None}

    def standing(self) -> dict[str, Json]:
        """The latest ban-register message under every digest with a standing ban."""
        return {key: data for key, data in self.bans.items() if data is not None}

    def under(self, point: Point | bytes) -> list[Json]:
        """The bans that the ban register shows under a contact point, company or identity."""
        digest = point.digest if isinstance(point, Point) else point
        data = self.bans.get(digest.hex())
        return list(data["bans"]) if data else []


def _as_stored(fact: Fact) -> Fact:
    """A fact as PostgreSQL gives it back: moments in UTC, JSON as plain values, the subject only
    with the personal data."""
    return replace(
        fact,
        time=fact.time.astimezone(UTC),
        received=fact.received.astimezone(UTC),
        body=_json(fact.body),
        party=_json(fact.party),
        subject=fact.subject if fact.party is not None else None,
    )


def _entry_as_stored(entry: Entry) -> Entry:
    """An entry as PostgreSQL gives it back: whether its marketing part stands is no column."""
    since, scope = entry.since.astimezone(UTC), _json(entry.scope_data)
    return replace(entry, since=since, scope_data=scope, marketing=True)


def _json(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def cell(person: Json | None, purpose: str, channel: str) -> str:
    """The basis or the reason that stands in a cell; fails where none or both do."""
    assert person is not None, "nobody is held"
    found = [
        side[purpose][channel]
        for side in (person["allow"], person["deny"])
        if channel in side.get(purpose, {})
    ]
    assert len(found) == 1, f"{purpose} by {channel} stands in {len(found)} places"
    return str(found[0])


def is_allowed(person: Json, purpose: str, channel: str) -> bool:
    """Whether the cell stands in `allow`."""
    return channel in person["allow"].get(purpose, {})
