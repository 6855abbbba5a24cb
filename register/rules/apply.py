"""A batch of events applied to the part of the register that it can touch (R1 to R55).

Pure: the store reads a `Snapshot`, this returns the `Changes`, the store writes them.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from register.rules import messages
from register.rules.arrivals import Arrivals
from register.rules.bans import Entry, published
from register.rules.decide import decide
from register.rules.digest import Digester
from register.rules.facts import LISTING, Fact, Identity, JsonDict
from register.rules.fold import No, PersonState, fold
from register.rules.intake import Intake
from register.rules.snapshot import (
    BanChange,
    Changes,
    EligibilityChange,
    KnownIdentity,
    Snapshot,
)
from schemas.terms import PointKind

_CONTACT_POINTS = frozenset({PointKind.EMAIL, PointKind.PHONE, PointKind.POST})


@dataclass(slots=True)
class _Person:
    identities: list[bytes]
    facts: list[Fact]
    state: PersonState


def apply(snapshot: Snapshot, arrivals: Sequence[Intake], digester: Digester) -> Changes:
    """Apply events, in the order of their arrival, to a snapshot.

    `arrivals` holds no duplicates. Every person of the snapshot is decided anew; messages are
    made only for what changed (contract, `eligibility.updated`).
    """
    known = Arrivals(snapshot)
    for arrival in arrivals:
        known.take(arrival)
    last = arrivals[-1] if arrivals else None
    persons = [_person(known, members) for members in known.components.sets()]
    changes = Changes(refusals=known.refusals)
    for person in persons:
        _derive_entries(known, person, changes)
    for person in persons:
        _refold_listings(known, person)
        _settle(snapshot, known, person, digester, changes, last)
    _publish_bans(snapshot, known, persons, changes, last)
    dead = {fact.fact_id for person in persons for fact in person.state.dead}
    new = {fact.fact_id for fact in known.stored}
    changes.stored = [
        replace(fact, party=None) if fact.fact_id in dead else fact for fact in known.stored
    ]
    changes.erased_parties = sorted(dead - new)
    changes.entries = known.new_entries
    return changes


def _person(known: Arrivals, members: list[bytes]) -> _Person:
    facts = [fact for identity in members for fact in known.facts.get(identity, ())]
    return _Person(members, facts, fold(facts))


def _derive_entries(known: Arrivals, person: _Person, changes: Changes) -> None:
    """R22, R24: contact points that are gone keep the bans of who used them, as digests."""
    wanted: dict[tuple[bytes, uuid.UUID], Entry] = {}
    for no in _standing_nos(person.state):
        for fact in person.state.ungrounded:
            for point in fact.points:
                if point.kind in _CONTACT_POINTS:
                    entry = _derived(no, point.digest, point.kind)
                    wanted[entry.digest, entry.fact_id] = entry
    own = set(person.identities)
    digests = {digest for digest, _ in wanted}
    digests.update(point.digest for fact in person.facts for point in fact.points)
    for digest in sorted(digests):
        kept: list[Entry] = []
        for entry in known.entries.get(digest, ()):
            key = (entry.digest, entry.fact_id)
            if entry.derived and entry.placed_by in own and key not in wanted:
                changes.removed_entries.append(entry)
            else:
                kept.append(entry)
                wanted.pop(key, None)
        known.entries[digest] = kept
    for entry in wanted.values():
        known.add_entry(entry)


def _standing_nos(state: PersonState) -> list[No]:
    """Bans that stand, and those of which only the part on collecting is left (R24)."""
    lifted = [
        no
        for no in state.permissions.nos
        if no.collection and state.collection_banned and no not in state.standing
    ]
    return [*state.standing, *lifted]


def _derived(no: No, digest: bytes, kind: PointKind) -> Entry:
    return Entry(
        digest=digest,
        kind=kind,
        fact_id=no.fact.fact_id,
        is_lift=False,
        reason=no.reason,
        collection=no.collection,
        since=no.time,
        placed_by=no.fact.identity,
        scope_data=no.fact.body["scope"],
        derived=True,
    )


def _refold_listings(known: Arrivals, person: _Person) -> None:
    """Others' collection bans take listings away; they are known only by now (R23, R24)."""
    listings = [fact for fact in person.facts if fact.type == LISTING]
    if listings:
        bans = known.collection_bans(listings, person.identities)
        if bans:
            person.state = fold(person.facts, bans)


def _settle(
    snapshot: Snapshot,
    known: Arrivals,
    person: _Person,
    digester: Digester,
    changes: Changes,
    last: Intake | None,
) -> None:
    """Name the person, point its identities to it, and say what changed."""
    person_id = digester.customer_id(_eldest(person), 0)
    cause = _cause(known, person, last)
    held = {fact.identity for fact in person.state.live}
    names: list[Identity] = []
    former: set[uuid.UUID] = set()
    for digest in person.identities:
        name = known.names.get(digest) if digest in held else None
        if name is not None:
            names.append(name)
        identity = KnownIdentity(
            digest, person_id, name.source if name else None, name.subject if name else None
        )
        before = snapshot.identities.get(digest)
        if before != identity:
            changes.identities.append(identity)
        if before is not None and before.person_id != person_id:
            former.add(before.person_id)
    _say(snapshot, changes, person_id, _message(known, person, names, snapshot, digester), cause)
    for old in sorted(former):
        changes.aliases[old] = person_id
        _say(snapshot, changes, old, None, cause)
    survivor = snapshot.persons.get(person_id)
    if survivor is not None and survivor.alias_of is not None:
        changes.aliases[person_id] = None


def _eldest(person: _Person) -> bytes:
    """The identity whose data is oldest: its id survives a merge, in any order (R51, R52)."""
    with_data = [fact for fact in person.facts if fact.brings_data and fact.identity]
    if not with_data:
        return min(person.identities)
    eldest = min(with_data, key=lambda fact: fact.order)
    assert eldest.identity is not None
    return eldest.identity


def _cause(known: Arrivals, person: _Person, last: Intake | None) -> Intake | None:
    """The newest arrival that touched the person, else one of the batch."""
    named = [point.digest for fact in person.facts for point in fact.points]
    causes = [known.causes[digest] for digest in person.identities if digest in known.causes]
    causes = causes or [known.causes[digest] for digest in named if digest in known.causes]
    return max(causes, key=lambda cause: cause.fact.received, default=last)


def _message(
    known: Arrivals,
    person: _Person,
    names: Iterable[Identity],
    snapshot: Snapshot,
    digester: Digester,
) -> JsonDict | None:
    if not person.state.present:
        return None
    others = _others(known, person, digester) if known.entries else []
    decision = decide(person.state, others, snapshot.agreements)
    return messages.eligibility(decision, names)


def _others(known: Arrivals, person: _Person, digester: Digester) -> list[Entry]:
    """Bans of others that stand under the person's contact points and company (R8, R9)."""
    profile = person.state.profile
    digests: list[bytes] = []
    if "email" in profile:
        digests.append(digester.email(profile["email"]).digest)
    if "phone" in profile:
        digests.append(digester.phone(profile["phone"]).digest)
    if "address" in profile:
        digests.append(digester.address(**profile["address"]).digest)
    if profile.get("company", {}).get("business_id"):
        digests.append(digester.company(profile["company"]["business_id"]).digest)
    own = frozenset(person.identities)
    return [
        ban
        for digest in digests
        for ban in known.standing(digest)
        if ban.placed_by is None or ban.placed_by not in own
    ]


def _say(
    snapshot: Snapshot,
    changes: Changes,
    person_id: uuid.UUID,
    data: JsonDict | None,
    cause: Intake | None,
) -> None:
    """A new version where the message differs from the last one; a tombstone where none is."""
    before = snapshot.persons.get(person_id)
    content = messages.content_hash(data) if data is not None else None
    if content == (before.content if before else None):
        return
    version = (before.version if before else 0) + 1
    changes.eligibility.append(EligibilityChange(person_id, version, content, data, cause))


def _publish_bans(
    snapshot: Snapshot,
    known: Arrivals,
    persons: Sequence[_Person],
    changes: Changes,
    last: Intake | None,
) -> None:
    """Say what stands in the ban register now, wherever that changed (R7)."""
    stands: dict[bytes, tuple[PointKind, list[JsonDict]]] = {
        digest: (before.kind, []) for digest, before in snapshot.digests.items()
    }
    for digest, entries in known.entries.items():
        kind = entries[0].kind if entries else None
        if kind is not None and kind is not PointKind.IDENTITY:
            stands[digest] = (kind, [published(ban) for ban in known.standing(digest)])
    for person in persons:
        for no in _standing_nos(person.state):
            if no.fact.identity is not None:
                shown = stands.setdefault(no.fact.identity, (PointKind.IDENTITY, []))
                shown[1].append(_published_no(no, person.state))
    for digest in sorted(stands):
        kind, bans = stands[digest]
        before = snapshot.digests.get(digest)
        content = messages.content_hash(bans) if bans else None
        if content != (before.content if before else None):
            version = (before.version if before else 0) + 1
            data = {"digest": digest.hex(), "kind": kind, "bans": bans} if bans else None
            cause = known.causes.get(digest, last)
            changes.bans.append(BanChange(digest, kind, version, content, data, cause))


def _published_no(no: No, state: PersonState) -> JsonDict:
    shown: JsonDict = {"scope": no.fact.body["scope"], "since": no.time.isoformat()}
    if no.collection and state.collection_banned:
        shown["collection"] = True
    return shown
