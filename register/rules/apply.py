"""A batch of events applied to the part of the register that it can touch (R1 to R62).

Pure: the store reads a `Snapshot`, this returns the `Changes`, the store writes them.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from register.rules import messages, requests
from register.rules.arrivals import Arrivals, still_matching
from register.rules.bans import NOTHING, Entry, published
from register.rules.decide import Decision, decide
from register.rules.digest import Digester, epoch_of
from register.rules.facts import (
    LISTING,
    RECTIFICATION,
    TAKE_AWAY,
    Fact,
    Identity,
    JsonDict,
    keys_by_identity,
)
from register.rules.fold import PersonState, fold
from register.rules.intake import Intake
from register.rules.permissions import No
from register.rules.settings import RuleSettings
from register.rules.snapshot import (
    Answer,
    BanChange,
    Changes,
    EligibilityChange,
    KnownIdentity,
    PersonRow,
    Snapshot,
)
from schemas.terms import Audience, Channel, Kind, PointKind, Purpose


@dataclass(slots=True)
class _Person:
    identities: list[bytes]
    facts: list[Fact]
    state: PersonState
    points: list[bytes] = field(default_factory=list)
    """Digests of the contact points held now."""


def apply(
    snapshot: Snapshot,
    arrivals: Sequence[Intake],
    digester: Digester,
    settings: RuleSettings | None = None,
    cause: Intake | None = None,
) -> Changes:
    """Apply events, in the order of their arrival, to a snapshot.

    `arrivals` holds no duplicates. Every person of the snapshot is decided anew; messages are
    made only for what changed (contract, `eligibility.updated`). `cause` is named by messages
    that no arrival caused: whatever made the caller decide these persons anew.
    """
    return _Batch(snapshot, digester, settings or RuleSettings(), cause).run(arrivals)


class _Batch:
    """One `apply`: what is known, and the changes as they are found."""

    def __init__(
        self,
        snapshot: Snapshot,
        digester: Digester,
        settings: RuleSettings,
        cause: Intake | None,
    ) -> None:
        self._snapshot = snapshot
        self._digester = digester
        self._known = Arrivals(snapshot, settings)
        self._changes = Changes()
        self._last = cause

    def run(self, arrivals: Sequence[Intake]) -> Changes:
        for arrival in arrivals:
            self._known.take(arrival)
            self._last = arrival
        persons = [self._person(members) for members in self._known.components.sets()]
        for person in persons:
            self._known.derive(person.identities, person.state)
        self._known.derive_corrected()
        for person in persons:
            self._refold_listings(person)
            self._settle(person)
        self._publish_bans(persons)
        self._collect(persons)
        return self._changes

    def _person(self, members: list[bytes]) -> _Person:
        return _Person(members, self._known.facts_of(members), self._known.state_of(members))

    # The person: id, identities, message

    def _refold_listings(self, person: _Person) -> None:
        """Others' collection bans take listings away; they are known only by now (R23, R24)."""
        listings = [fact for fact in person.facts if fact.type == LISTING]
        if listings:
            bans = self._known.collection_bans(listings, person.identities)
            if bans:
                person.state = fold(person.facts, bans)

    def _settle(self, person: _Person) -> None:
        """Name the person, point its identities to it, and say what changed."""
        ids = self._ids(person)
        person_id = ids[_eldest(person)]
        self._changes.decided.add(person_id)
        cause = self._cause(person)
        names, former = self._point_identities(person, person_id)
        person.points = self._points(person.state)
        decision = self._decide(person)
        data = messages.eligibility(decision, names) if decision else None
        self._say(person_id, data, cause)
        for old in sorted(former):
            # An id from before an erasure leads nowhere: who comes back is somebody new (R25).
            if old in ids.values():
                self._changes.aliases[old] = person_id
            self._say(old, None, cause)
        survivor = self._snapshot.persons.get(person_id)
        if survivor is not None and survivor.alias_of is not None:
            self._changes.aliases[person_id] = None
        if decision is not None:
            self._changes.persons.append(self._row(person_id, person, decision))
        self._report(person, names, data, {person_id, *former})

    def _ids(self, person: _Person) -> dict[bytes, uuid.UUID]:
        erased = person.state.erased_at
        epoch = epoch_of(erased) if erased else 0
        return {digest: self._digester.customer_id(digest, epoch) for digest in person.identities}

    def _point_identities(
        self, person: _Person, person_id: uuid.UUID
    ) -> tuple[list[Identity], set[uuid.UUID]]:
        """Returns the identities that may be named, and the ids they had before."""
        own = [fact for fact in person.state.live if fact.type != RECTIFICATION]
        held = {fact.identity for fact in own}
        names: list[Identity] = []
        former: set[uuid.UUID] = set()
        for digest in person.identities:
            name = self._known.names.get(digest) if digest in held else None
            if name is not None:
                names.append(name)
            identity = KnownIdentity(
                digest, person_id, name.source if name else None, name.subject if name else None
            )
            before = self._snapshot.identities.get(digest)
            if before != identity:
                self._changes.identities.append(identity)
            if before is not None and before.person_id != person_id:
                former.add(before.person_id)
        return names, former

    def _cause(self, person: _Person) -> Intake | None:
        """The newest arrival that touched the person, else one of the batch."""
        causes = self._known.causes
        if not causes:
            return self._last
        found = [causes[digest] for digest in person.identities if digest in causes]
        if not found:
            named = {point.digest for fact in person.facts for point in fact.points}
            found = [causes[digest] for digest in named if digest in causes]
        return max(found, key=lambda cause: cause.fact.received, default=self._last)

    def _decide(self, person: _Person) -> Decision | None:
        if not person.state.present:
            return None
        others = self._others(person) if self._known.entries else []
        return decide(person.state, others, self._snapshot.agreements)

    def _others(self, person: _Person) -> list[Entry]:
        """Bans of others that stand under the person's contact points and company (R8, R9)."""
        digests = list(person.points)
        business_id = person.state.profile.get("company", {}).get("business_id")
        if business_id:
            digests.append(self._digester.company(business_id).digest)
        own = frozenset(person.identities)
        return [
            ban
            for digest in digests
            for ban in self._known.standing(digest)
            if ban.placed_by is None or ban.placed_by not in own
        ]

    def _points(self, state: PersonState) -> list[bytes]:
        """Digests of the contact points held now."""
        profile = state.profile
        digests: list[bytes] = []
        if "email" in profile:
            digests.append(self._digester.email(profile["email"]).digest)
        if "phone" in profile:
            digests.append(self._digester.phone(profile["phone"]).digest)
        if "address" in profile:
            digests.append(self._digester.address(**profile["address"]).digest)
        return digests

    def _row(self, person_id: uuid.UUID, person: _Person, decision: Decision) -> PersonRow:
        state = person.state
        profile = state.profile
        former = decision.audience is Audience.FORMER_CUSTOMER and state.kind is Kind.CONSUMER
        points = tuple(person.points)
        held = profile.get("email")
        exact_email = self._digester.exact_email(held) if held else None
        former_since = state.former_since if former and not decision.consented else None
        denial = decision.answers.deny.get(Purpose.DISCLOSURE, {}).get(Channel.POST)
        by_product = sorted(decision.consented_products.items())
        stored = (points, exact_email, by_product, former_since, denial)
        found_by = messages.content_hash(repr(stored))
        before = self._snapshot.persons.get(person_id)
        return PersonRow(
            person_id=person_id,
            points=points,
            exact_email=exact_email,
            consented_products=decision.consented_products,
            former_since=former_since,
            audience=decision.audience,
            bought=_bought(state),
            disclosure_denial=denial,
            refuses_disclosure=decision.refuses_disclosure,
            name=profile.get("name"),
            address=profile.get("address"),
            rectified=any(fact.type == RECTIFICATION for fact in state.live),
            found_by=found_by,
            changed=before is None or before.found_by != found_by,
        )

    def _say(self, person_id: uuid.UUID, data: JsonDict | None, cause: Intake | None) -> None:
        """A new version where the message differs from the last; a tombstone where none is."""
        before = self._snapshot.persons.get(person_id)
        content = messages.content_hash(data) if data is not None else None
        if content == (before.content if before else None):
            return
        version = (before.version if before else 0) + 1
        change = EligibilityChange(person_id, version, content, data, cause)
        self._changes.eligibility.append(change)

    def _report(
        self,
        person: _Person,
        names: Sequence[Identity],
        data: JsonDict | None,
        ids: Collection[uuid.UUID],
    ) -> None:
        """R60: what is held after the batch, for who asked in it; `ids` are theirs, those from
        before a merge in this batch among them."""
        disclosures = self._snapshot.disclosures
        for arrival, identity in self._known.accesses:
            if identity in person.identities:
                held = requests.report(
                    person.state,
                    person.facts,
                    self._others(person),
                    names,
                    data,
                    [line for one in sorted(ids) for line in disclosures.get(one, ())],
                )
                self._changes.answers.append(Answer(arrival, report=held))

    # The ban register and the rest

    def _publish_bans(self, persons: Sequence[_Person]) -> None:
        """Say what stands in the ban register now, wherever that changed (R7)."""
        stands: dict[bytes, tuple[PointKind, list[JsonDict]]] = {
            digest: (before.kind, []) for digest, before in self._snapshot.digests.items()
        }
        for digest, entries in self._known.entries.items():
            if entries and entries[0].kind is not PointKind.IDENTITY:
                shown = [published(ban) for ban in self._known.standing(digest)]
                stands[digest] = (entries[0].kind, shown)
        for person in persons:
            for no, marketing, collection in _standing_nos(person.state):
                if no.fact.identity is not None:
                    under = stands.setdefault(no.fact.identity, (PointKind.IDENTITY, []))
                    under[1].append(_published_no(no, marketing=marketing, collection=collection))
        for digest in sorted(stands):
            self._say_bans(digest, *stands[digest])

    def _say_bans(self, digest: bytes, kind: PointKind, shown: list[JsonDict]) -> None:
        bans = _once_each(shown)
        before = self._snapshot.digests.get(digest)
        content = messages.content_hash(bans) if bans else None
        if content == (before.content if before else None):
            return
        version = (before.version if before else 0) + 1
        data = {"digest": digest.hex(), "kind": kind, "bans": bans} if bans else None
        cause = self._known.causes.get(digest, self._last)
        self._changes.bans.append(BanChange(digest, kind, version, content, data, cause))

    def _collect(self, persons: Sequence[_Person]) -> None:
        """Which facts are kept, and which of them without personal data or not at all."""
        known, changes = self._known, self._changes
        dead = {fact.fact_id for person in persons for fact in person.state.dead}
        expired = {fact.fact_id for person in persons for fact in person.state.expired}
        new = {fact.fact_id for fact in known.stored}
        changes.stored = [
            replace(fact, party=None) if fact.fact_id in dead else fact
            for fact in known.stored
            if fact.fact_id not in expired
        ]
        changes.erased_parties = sorted(dead - expired - new)
        changes.erased_facts = sorted(expired - new)
        changes.entries = known.new_entries
        changes.removed_entries = known.removed_entries
        changes.refusals = known.refusals
        changes.answers = [*known.answers, *changes.answers]
        for person in persons:
            if not _loses_matches(person, known.forgotten):
                continue
            left = still_matching(person.facts, person.state)
            changes.forgotten += person.identities
            if person.state.live:
                changes.links += known.matches_of(person.identities)
                changes.used_still += left
            else:
                changes.links += sorted(keys_by_identity(left))
        changes.forgotten.sort()
        gone = set(changes.forgotten)
        changes.links += [(key, one) for key, one in known.links if one not in gone]


def _bought(state: PersonState) -> frozenset[str]:
    return frozenset(
        name
        for order in state.orders
        if order.active
        for line in order.fact.body["lines"]
        for name in (line["product"], line["category"])
    )


def _loses_matches(person: _Person, forgotten: set[bytes]) -> bool:
    """Who was erased (R25) or whose time is over (R26): what matched them with others goes with
    the data, also where they came back since."""
    if person.state.live:
        return not forgotten.isdisjoint(person.identities)
    return any(fact.type in TAKE_AWAY for fact in person.facts)


def _standing_nos(state: PersonState) -> list[tuple[No, bool, bool]]:
    """Each no of which something stands, with whether its marketing part and its part on
    collecting do (R24)."""
    standing = {no.fact.fact_id for no in state.standing}
    collecting = {one.no.fact.fact_id for one in state.collecting if one.ended_by is None}
    return [
        (no, no.fact.fact_id in standing, no.fact.fact_id in collecting)
        for no in state.permissions.nos
        if no.fact.fact_id in standing or no.fact.fact_id in collecting
    ]


def _once_each(bans: Iterable[JsonDict]) -> list[JsonDict]:
    """An erasure writes one ban per identity of the person: it is shown once."""
    shown: list[JsonDict] = []
    for ban in bans:
        if ban not in shown:
            shown.append(ban)
    return shown


def _published_no(no: No, *, marketing: bool, collection: bool) -> JsonDict:
    scope = no.fact.body["scope"] if marketing else NOTHING
    shown: JsonDict = {"scope": scope, "since": no.time.isoformat()}
    if collection:
        shown["collection"] = True
    return shown


def _eldest(person: _Person) -> bytes:
    """The identity whose data is oldest: its id survives a merge, in any order (R51, R52)."""
    with_data = [fact for fact in person.facts if fact.brings_data and fact.identity]
    if person.state.expired:
        expired = {fact.fact_id for fact in person.state.expired}
        with_data = [fact for fact in with_data if fact.fact_id not in expired]
    if not with_data:
        return min(person.identities)
    eldest = min(with_data, key=lambda fact: fact.order)
    assert eldest.identity is not None
    return eldest.identity
