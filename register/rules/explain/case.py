"""A person as the register knew them at a moment (R2, R8, R9, R50 to R52)."""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from register.rules.agreements import active, purposes
from register.rules.arrivals import Arrivals
from register.rules.bans import Entry
from register.rules.components import Components
from register.rules.decide import Decision, decide
from register.rules.digest import Digester, epoch_of
from register.rules.facts import (
    ERASURE,
    LISTING,
    TAKE_AWAY,
    Fact,
    JsonDict,
    keys_by_identity,
)
from register.rules.fold import PersonState, fold
from register.rules.settings import RuleSettings
from register.rules.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """A line of the ban register, with the event that made it (None: erased with its person).

    `known` is when the register came to know it. Of a line that follows from another's facts
    (R22, R24, R62) that is only a lower bound: it stood from when that person's data went.
    """

    entry: Entry
    fact: Fact | None
    known: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """All that the register holds of the identities that are one person today.

    `facts` come with their match keys; `links` are (match key, identity), also those that a
    merge gave to an identity (R52); `entries` are what the ban register has under every contact
    point and company that the facts name, and under the identities that placed it; `agreements`
    are the facts on agreements with partners.
    """

    identities: Sequence[bytes]
    facts: Sequence[Fact]
    links: Sequence[tuple[bytes, bytes]]
    entries: Mapping[bytes, Sequence[KnownEntry]]
    agreements: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class Case:
    """A person as known at a moment.

    `facts` are those received by then, in the order of the fold; `others` the bans of others
    that bind the person, `forbidding` those of them that forbid collecting what was listed
    (R23). `decision` is None where no personal data was held, or is not any more. `erased` are
    the events known then whose personal data has gone since, `erased_by` what took facts away
    altogether since: where either is not empty, the past cannot be shown in full.
    """

    facts: tuple[Fact, ...]
    state: PersonState
    others: tuple[KnownEntry, ...]
    forbidding: tuple[KnownEntry, ...]
    agreements: tuple[Fact, ...]
    decision: Decision | None
    erased: tuple[Fact, ...]
    erased_by: tuple[Fact, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing that was known then has been erased since."""
        return not self.erased and not self.erased_by


def person_at(
    known: Known, digester: Digester, at: datetime | None, who: bytes | uuid.UUID
) -> Case:
    """The person to whom an identity or a customer id belonged at a moment (None: now).

    Known by then is what had been received by then; when it counts says its `time`. Identities
    that were found to be one person later were two persons then (R51).
    """
    by_then = [fact for fact in known.facts if at is None or fact.received <= at]
    own = frozenset(known.identities)
    if at is not None:
        own = frozenset(_members(known, by_then, _identity(known, digester, who)))
    facts = sorted((fact for fact in by_then if fact.identity in own), key=lambda fact: fact.order)
    register = _BanRegister(known.entries, at, own)
    listings = [fact for fact in facts if fact.type == LISTING]
    collection_bans = register.rules.collection_bans(listings, own)
    state = fold(facts, collection_bans)
    others = register.of_others(_points_held(state.profile, digester))
    agreements = [fact for fact in known.agreements if at is None or fact.received <= at]
    decision: Decision | None = None
    if state.present:
        opened = purposes(active(agreements).values())
        decision = decide(state, [line.entry for line in others], opened)
    listed = {point.digest: None for fact in listings for point in fact.points}
    return Case(
        facts=tuple(facts),
        state=state,
        others=others,
        forbidding=tuple(line for line in register.of_others(listed) if line.entry.collection),
        agreements=tuple(agreements),
        decision=decision,
        erased=tuple(_erased_since(facts, lambda as_if: fold(as_if, collection_bans))),
        erased_by=tuple(_taken_away_after(known, own, at)),
    )


def _identity(known: Known, digester: Digester, who: bytes | uuid.UUID) -> bytes:
    """The identity itself, or the one from which the customer id was made."""
    if isinstance(who, bytes):
        return who
    epochs = [0, *(epoch_of(fact.time) for fact in known.facts if fact.type == ERASURE)]
    for identity in known.identities:
        if any(digester.customer_id(identity, epoch) == who for epoch in epochs):
            return identity
    return min(known.identities)


def _members(known: Known, by_then: Iterable[Fact], identity: bytes) -> list[bytes]:
    """The identities that were one person with this one, by the facts given (R50 to R52)."""
    ever = keys_by_identity(known.facts)
    then = keys_by_identity(by_then)
    keys = {key for key, _ in then}
    together: dict[bytes, list[bytes]] = {}
    for key, linked in known.links:
        by_merge = (key, linked) not in ever
        if (key, linked) in then or (by_merge and key in keys):
            together.setdefault(key, []).append(linked)
    components: Components[bytes] = Components()
    for one in known.identities:
        components.add(one)
    for linked_by_key in together.values():
        components.join(one for one in linked_by_key if one in components)
    return components.members(identity)


class _BanRegister:
    """The ban register as it stood at a moment, for a person of these identities."""

    def __init__(
        self,
        entries: Mapping[bytes, Sequence[KnownEntry]],
        at: datetime | None,
        own: Collection[bytes],
    ) -> None:
        self._own = own
        self._lines = {
            digest: [line for line in lines if at is None or line.known <= at]
            for digest, lines in entries.items()
        }
        written = {digest: [line.entry for line in lines] for digest, lines in self._lines.items()}
        # Only the part of the rules that reads the ban register is used.
        snapshot = Snapshot({}, {}, {}, {}, written, {}, frozenset())
        self.rules = Arrivals(snapshot, RuleSettings())

    def of_others(self, digests: Iterable[bytes]) -> tuple[KnownEntry, ...]:
        """Bans that stand under the digests and are not the person's own."""
        return tuple(
            replace(self._line(ban), entry=ban)
            for digest in digests
            for ban in self.rules.standing(digest)
            if ban.placed_by is None or ban.placed_by not in self._own
        )

    def _line(self, ban: Entry) -> KnownEntry:
        """The line of a ban, of which a lift may have left only a part (R24)."""
        lines = self._lines[ban.digest]
        return next(line for line in lines if line.entry.fact_id == ban.fact_id)


def _points_held(profile: JsonDict, digester: Digester) -> Iterator[bytes]:
    """Digests of the contact points and the company held, under which others' bans bind."""
    if "email" in profile:
        yield digester.email(profile["email"]).digest
    if "phone" in profile:
        yield digester.phone(profile["phone"]).digest
    if "address" in profile:
        yield digester.address(**profile["address"]).digest
    business_id = profile.get("company", {}).get("business_id")
    if business_id:
        yield digester.company(business_id).digest


def _erased_since(
    facts: Sequence[Fact], folded: Callable[[list[Fact]], PersonState]
) -> Iterator[Fact]:
    """Facts whose personal data is gone although, by these facts alone, it stands.

    They are folded once more as if the data were there: what lives then has gone since.
    """
    gone = {fact.fact_id for fact in facts if fact.brings_data and fact.party is None}
    if not gone:
        return
    as_if = [
        replace(fact, party={"kind": fact.body["kind"]}) if fact.fact_id in gone else fact
        for fact in facts
    ]
    for fact in folded(as_if).live:
        if fact.fact_id in gone:
            yield fact


def _taken_away_after(known: Known, own: Collection[bytes], at: datetime | None) -> Iterator[Fact]:
    if at is None:
        return
    for fact in known.facts:
        if fact.type in TAKE_AWAY and fact.received > at and fact.identity in own:
            yield fact
