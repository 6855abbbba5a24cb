"""Events arriving one after the other at what is known of the persons they touch.

R21, R23 and R25 judge an event by what had arrived before it; everything else is folded later.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from register.rules.admission import admits, erased_since
from register.rules.bans import Entry, entries_of, standing
from register.rules.components import Components
from register.rules.derived import contact_points, derived_entries
from register.rules.digest import Point
from register.rules.facts import (
    ERASURE,
    LISTING,
    NOES,
    RECTIFICATION,
    RETENTION,
    TAKE_AWAY,
    Fact,
    Identity,
    keys_by_identity,
    match_keys,
)
from register.rules.fold import PersonState, fold
from register.rules.ground import SURVIVES, CollectionBan, expired_facts
from register.rules.intake import Intake
from register.rules.outcomes import ERASED, Refused
from register.rules.permissions import stands
from register.rules.requests import (
    ACCESS,
    AMBIGUOUS,
    NOT_FOUND,
    OPEN_BILLING,
    UNSIGNED,
    blocks_erasure,
)
from register.rules.settings import RuleSettings
from register.rules.snapshot import Answer, Refusal, Snapshot
from schemas.terms import Kind


class Arrivals:
    """What is known after each arrival: persons, facts, ban-register entries.

    `components` are the persons as sets of identity digests, `facts` their facts, `entries`
    what is written under each digest, `names` the identities whose name may be held, `stored`
    the new facts, `refusals` the events turned away, `answers` the requests that ended,
    `accesses` the access requests to answer, each with an identity of the person, `causes` per
    identity or digest the last event that touched it, `new_entries` and `removed_entries` what
    changes in the ban register, `links` the new (match key, identity), `forgotten` the identities
    that match by nothing else than `matches_of` them any more.
    """

    def __init__(self, snapshot: Snapshot, settings: RuleSettings) -> None:
        self.components: Components[bytes] = Components()
        self.facts = {digest: list(facts) for digest, facts in snapshot.facts.items()}
        self.entries = {digest: list(known) for digest, known in snapshot.entries.items()}
        self.names: dict[bytes, Identity] = {}
        self.stored: list[Fact] = []
        self.new_entries: list[Entry] = []
        self.removed_entries: list[Entry] = []
        self.refusals: list[Refusal] = []
        self.answers: list[Answer] = []
        self.accesses: list[tuple[Intake, bytes]] = []
        self.causes: dict[bytes, Intake] = {}
        self.links: list[tuple[bytes, bytes]] = []
        self.forgotten: set[bytes] = set()
        self._standing: dict[bytes, list[Entry]] = {}
        self._states: dict[bytes, tuple[int, PersonState]] = {}
        self._derived: dict[bytes, tuple[PersonState, int]] = {}
        self._entry_changes = 0
        self._changed_last: dict[bytes, int] = {}
        self._settings = settings
        self._corrected = _with(snapshot, RECTIFICATION)
        self._erased = _with(snapshot, ERASURE)
        self._ended = self._erased | _with(snapshot, RETENTION)
        self._gone: set[uuid.UUID] = set()
        self._deriving = {
            entry.derived_by for entries in self.entries.values() for entry in entries
        }
        self._by_key = {key: list(known) for key, known in snapshot.by_match_key.items()}
        self._know(snapshot)

    def _know(self, snapshot: Snapshot) -> None:
        by_person: dict[uuid.UUID, list[bytes]] = {}
        for known in snapshot.identities.values():
            self.components.add(known.digest)
            by_person.setdefault(known.person_id, []).append(known.digest)
            if known.source is not None and known.subject is not None:
                self.names[known.digest] = Identity(known.digest, known.source, known.subject)
        for members in by_person.values():
            self.components.join(members)

    def take(self, arrival: Intake) -> None:
        """Take one event in, refuse it, or answer it."""
        before = len(self.stored)
        self._take(arrival)
        if self._ended:
            told = dict.fromkeys(fact.identity for fact in self.stored[before:])
            members = self._members(told)
            self._extend_erasure(arrival, members)
            self._forget_matches(members)

    def _take(self, arrival: Intake) -> None:
        if arrival.refused is not None:
            self.refusals.append(Refusal(arrival, arrival.refused))
        elif arrival.fact.type == ACCESS:
            self._take_access(arrival)
        elif arrival.fact.type == ERASURE:
            self._take_erasure(arrival)
        elif arrival.fact.type == RECTIFICATION:
            self._take_rectification(arrival)
        elif arrival.fact.type == RETENTION:
            self._take_retention(arrival)
        else:
            self._take_fact(arrival)

    def _take_fact(self, arrival: Intake) -> None:
        fact = arrival.fact
        partners = self._partners(fact)
        refused = self._refusal(fact, partners)
        if refused is not None:
            self.refusals.append(Refusal(arrival, refused))
            if (refused.rule, refused.reason) == ERASED:
                self._ban_points_of(arrival, self._members([fact.identity, *partners]))
            if arrival.request is not None:
                self.answers.append(Answer(arrival, refused.reason))
            return
        self._store(arrival, fact, arrival.identity, partners)
        for link in arrival.links:
            self.components.add(link)
            self.components.join([link, *partners, *filter(None, [fact.identity])])
            self._link(fact.match_keys, link)
        if arrival.request is not None:
            self.answers.append(Answer(arrival))

    def _take_retention(self, arrival: Intake) -> None:
        """R26. Looked at again under the locks: an order or a consent may have come since."""
        fact = arrival.fact
        members = self._members([fact.identity])
        facts = self.facts_of(members)
        state = fold(facts)
        since = state.former_since
        if (
            since is not None
            and since <= fact.time - self._settings.former_customer_retention
            and state.kind is Kind.CONSUMER
            and not any(
                stands(consent, state.permissions.nos) for consent in state.permissions.consents
            )
        ):
            points = tuple(contact_points(facts))
            self._store(arrival, replace(fact, points=points), None, members)

    def _store(
        self,
        arrival: Intake,
        fact: Fact,
        identity: Identity | None,
        partners: Iterable[bytes],
    ) -> None:
        self.stored.append(fact)
        entries = entries_of(fact)
        for entry in entries:
            self.add_entry(entry)
            self.causes[entry.digest] = arrival
        if fact.identity is None:
            if entries:
                self.derive_corrected()
            return
        self.components.add(fact.identity)
        self.components.join([fact.identity, *partners])
        self.facts.setdefault(fact.identity, []).append(fact)
        if fact.names or fact.contacts:
            self._link(self._new_keys(fact, fact.identity), fact.identity)
        if fact.brings_data and identity is not None:
            self.names[fact.identity] = identity
        self.causes[fact.identity] = arrival
        if fact.type == RECTIFICATION:
            self._corrected.add(fact.identity)
        if fact.type == ERASURE:
            self._erased.add(fact.identity)
        if fact.type in TAKE_AWAY:
            self._ended.add(fact.identity)
        self._derive_at_once(fact.identity, spoke=bool(entries))

    def _derive_at_once(self, identity: bytes, *, spoke: bool) -> None:
        """The next arrival may be judged by what a ban left under this person's points (R23).

        `spoke`: the ban register has changed already.
        """
        members = self.components.members(identity)
        if any(fact.type in NOES for fact in self.facts_of(members)):
            spoke = self.derive(members, self.state_of(members)) or spoke
        if spoke or not self._corrected.isdisjoint(members):
            self.derive_corrected()

    def derive_corrected(self) -> None:
        """Bans go along with corrected contact points, from one correction to the next, whoever
        placed the ban (R62)."""
        roots = {self.components.root(identity) for identity in self._corrected}
        groups = [self.components.members(root) for root in sorted(roots)]
        states = [(members, self.state_of(members)) for members in groups]
        while any(self.derive(members, state) for members, state in states):
            continue

    def _new_keys(self, fact: Fact, identity: bytes) -> Iterable[bytes]:
        """R50: data counts with all that was ever given, a no as it stands: what is known already
        is not read and written again. But of who was gone the keys went too (R25, R26)."""
        if fact.brings_data or any(
            known.type in TAKE_AWAY for known in self.facts_of(self.components.members(identity))
        ):
            return match_keys(self._given_by(identity))
        return fact.match_keys

    def _given_by(self, identity: bytes) -> Sequence[Fact]:
        """What an identity has said, and no erasure of its person took (R25)."""
        known = self.facts.get(identity, [])
        if not self._ended or identity not in self.components:
            return known
        left = self._left(self.components.members(identity))
        return [fact for fact in left if fact.identity == identity]

    def _forget_matches(self, members: Sequence[bytes]) -> None:
        """R25, R26: nobody is found any more by what has gone just now, in this batch or in
        another."""
        if self._ended.isdisjoint(members):
            return
        facts, state = self.facts_of(members), self.state_of(members)
        gone = {fact.fact_id for fact in state.expired}
        if state.live and gone <= self._gone:
            return
        self._gone |= gone
        own = set(members)
        self.forgotten |= own
        for holders in self._by_key.values():
            holders[:] = [identity for identity in holders if identity not in own]
        for key, identity in sorted(keys_by_identity(still_matching(facts, state))):
            self._by_key.setdefault(key, []).append(identity)

    def matches_of(self, identities: Collection[bytes]) -> list[tuple[bytes, bytes]]:
        """What identities among `forgotten` still match by: (match key, identity)."""
        return [
            (key, identity)
            for key, holders in sorted(self._by_key.items())
            for identity in holders
            if identity in identities
        ]

    def _link(self, keys: Iterable[bytes], identity: bytes) -> None:
        for key in keys:
            holders = self._by_key.setdefault(key, [])
            if identity not in holders:
                holders.append(identity)
                self.links.append((key, identity))

    def _partners(self, fact: Fact) -> list[bytes]:
        """Identities that are one person with the fact's, by all that it ever gave (R50)."""
        given = [fact, *(self._given_by(fact.identity) if fact.identity else ())]
        return [known for key in match_keys(given) for known in self._by_key.get(key, ())]

    def _members(self, identities: Iterable[bytes | None]) -> list[bytes]:
        members: dict[bytes, None] = {}
        for identity in identities:
            if identity is not None and identity in self.components:
                members.update(dict.fromkeys(self.components.members(identity)))
        return list(members)

    def facts_of(self, members: Iterable[bytes]) -> list[Fact]:
        """Their facts, those of the batch included."""
        return [fact for identity in members for fact in self.facts.get(identity, ())]

    def state_of(self, members: Sequence[bytes]) -> PersonState:
        """The state of the person whose identities these are, folded once for each arrival."""
        facts = self.facts_of(members)
        root = self.components.root(members[0])
        # Sets of identities and their facts only grow: equally many are the same ones.
        held = self._states.get(root)
        if held is None or held[0] != len(facts):
            held = self._states[root] = (len(facts), fold(facts))
        return held[1]

    def _left(self, members: Iterable[bytes]) -> list[Fact]:
        """The facts that no erasure took, also none of this batch's (R25)."""
        facts = self.facts_of(members)
        gone = {fact.fact_id for fact in expired_facts(facts)}
        return [fact for fact in facts if fact.fact_id not in gone]

    def _left_of_each(self, members: Iterable[bytes]) -> list[Fact]:
        """The same of persons who are not one yet: an erasure takes its own person's alone."""
        return [fact for group in self.components.sets_of(members) for fact in self._left(group)]

    def _refusal(self, fact: Fact, partners: Sequence[bytes]) -> Refused | None:
        if fact.identity is None:
            return None
        members = self._members([fact.identity, *partners])
        facts = self.facts_of(members)
        return admits(facts, fact, self.collection_bans([fact], members))

    # What customer service asks in a person's name

    def _find(self, arrival: Intake) -> tuple[list[bytes], str | None]:
        """The identities of the person that a request is about, or why there is none."""
        fact = arrival.fact
        members = self._members([fact.identity, *self._partners(fact)])
        if self._names_two(fact, members):
            return members, AMBIGUOUS
        if self._holding(members):
            return members, None
        request = arrival.request
        if request is None or request.named or fact.identity is not None:
            # Who is named is not whoever else uses that address: their order may just be late.
            return members, NOT_FOUND
        points = {point.digest for point in request.found_by}
        using = [
            group
            for group in self.components.sets()
            if any(fact.brings_data and _names_any(fact, points) for fact in self._left(group))
        ]
        if len(using) == 1:
            return using[0], None
        return members, AMBIGUOUS if using else NOT_FOUND

    def _holding(self, members: Iterable[bytes]) -> list[Sequence[bytes]]:
        """Those of whom data is held, as persons: what a request names may be of several."""
        groups = self.components.sets_of(members)
        return [group for group in groups if any(one.brings_data for one in self._left(group))]

    def _names_two(self, fact: Fact, members: Iterable[bytes]) -> bool:
        """Whether the reference is one person's, and the name with a contact point another's
        (R50): whose request it is cannot be told then, and nobody is shown another's data."""
        own = set(self._members([fact.identity]))
        given = (one for one in self._left_of_each(own) if one.brings_data)
        known = {name for one in given for name in one.names}
        if not fact.names or not known or not known.isdisjoint(fact.names):
            return False
        return bool(self._holding(member for member in members if member not in own))

    def _take_access(self, arrival: Intake) -> None:
        request = arrival.request
        assert request is not None
        if self._settings.access_requires_signature and not (request.in_writing and request.signed):
            self.answers.append(Answer(arrival, UNSIGNED))
            return
        members, reason = self._find(arrival)
        holding = self._holding(members)
        if reason is None and len(holding) > 1:
            reason = AMBIGUOUS  # one report would be half of it: their merge comes first (R52)
        if reason is None:
            self.accesses.append((arrival, holding[0][0]))
        else:
            self.answers.append(Answer(arrival, reason))

    def _take_rectification(self, arrival: Intake) -> None:
        members, reason = self._find(arrival)
        facts = self.facts_of(members)
        listings = [fact for fact in facts if fact.type == LISTING]
        if reason is None:
            state = fold(facts, self.collection_bans(listings, members))
            takes_for = arrival.request.takes_for if arrival.request else None
            if not state.present or takes_for not in (None, state.kind):
                reason = NOT_FOUND
        if reason is None and erased_since(facts, arrival.fact):
            _, reason = ERASED
        if reason is None:
            fact = arrival.fact
            if fact.identity is None:
                given = (known for known in self._left_of_each(members) if known.brings_data)
                eldest = min(given, key=lambda known: known.order)
                fact = replace(fact, identity=eldest.identity, subject=None)
            self._store(arrival, fact, None, [*members, *self._partners(fact)])
        self.answers.append(Answer(arrival, reason))

    def _take_erasure(self, arrival: Intake) -> None:
        """R25. The erasure is kept once under each identity, since nothing joins them after."""
        members, reason = self._find(arrival)
        facts = self._left_of_each(members)
        if reason == AMBIGUOUS or (reason == NOT_FOUND and not arrival.fact.points):
            self.answers.append(Answer(arrival, reason))
            return
        if blocks_erasure(fold(facts)):
            self.answers.append(Answer(arrival, OPEN_BILLING))
            return
        before = [fact for fact in facts if fact.time <= arrival.fact.time]
        points = dict.fromkeys([*arrival.fact.points, *contact_points(before)])
        for fact in _copies(arrival.fact, members, tuple(points)):
            self._store(arrival, fact, None, members)
        self.answers.append(Answer(arrival))

    def _ban_points_of(self, refused: Intake, members: Sequence[bytes]) -> None:
        """R25: what an erased person's late event names is banned like what was known of them,
        though nothing else of the event is kept."""
        erasures = [fact for fact in self.facts_of(members) if fact.type == ERASURE]
        last = max(erasures, key=lambda fact: fact.order)
        assert last.identity is not None
        self._ban_later(refused, last, last.identity, [refused.fact], erasures)

    def _extend_erasure(self, arrival: Intake, members: Sequence[bytes]) -> None:
        """R25, R51: who is found to be one person with somebody erased was erased too. What they
        gave before goes, so its contact points have to be banned like those known then.

        `members` are one person, of whom the arrival has just told.
        """
        if self._erased.isdisjoint(members):
            return
        erasures = [fact for fact in self.facts_of(members) if fact.type == ERASURE]
        last = max(erasures, key=lambda fact: fact.order)
        for identity in sorted(members):
            facts = self.facts.get(identity, ())
            gone = (fact for fact in facts if fact.time <= last.time and fact.type not in SURVIVES)
            known = [fact for fact in facts if fact.type == ERASURE]
            self._ban_later(arrival, last, identity, gone, known)

    def _ban_later(
        self,
        arrival: Intake,
        erasure: Fact,
        identity: bytes,
        gave: Iterable[Fact],
        known: Iterable[Fact],
    ) -> None:
        """Keep the erasure under the identity once more, for the contact points given that none
        of the erasures `known` bans."""
        banned = {point for fact in known for point in fact.points}
        points = tuple(point for point in contact_points(gave) if point not in banned)
        if points:
            self._store(arrival, _copy(erasure, identity, points, later=True), None, ())

    # The ban register

    def derive(self, members: Sequence[bytes], state: PersonState) -> bool:
        """Write what follows from a person's facts under contact points that no ban of theirs
        named, and take away what follows no more; returns whether that was anything."""
        root = self.components.root(members[0])
        if self._follows_already(root, state):
            return False
        self._derived[root] = (state, self._entry_changes)
        own = set(members)
        changed = False
        wanted = {
            (entry.digest, entry.fact_id): entry for entry in derived_entries(state, self.standing)
        }
        if not wanted and self._deriving.isdisjoint(own):
            return False
        digests = {digest for digest, _ in wanted}
        digests.update(point.digest for fact in self.facts_of(members) for point in fact.points)
        for digest in sorted(digests):
            for entry in list(self.entries.get(digest, ())):
                key = (entry.digest, entry.fact_id)
                if entry.derived_by in own and wanted.get(key) != entry:
                    self._remove(entry)
                    changed = True
                else:
                    wanted.pop(key, None)
        for entry in wanted.values():
            self.add_entry(entry)
            changed = True
        return changed

    def _follows_already(self, root: bytes, state: PersonState) -> bool:
        """Whether all was derived from that state, and of what it brings along (R62) nothing has
        changed since."""
        derived = self._derived.get(root)
        if derived is None or derived[0] is not state:
            return False
        since = derived[1]
        stands_on = {corrected.old for corrected in state.corrected}
        stands_on.update(
            entry.placed_by
            for digest in list(stands_on)
            for entry in self.entries.get(digest, ())
            if entry.placed_by is not None
        )
        # What somebody else's correction brought there is not written twice, and may have gone.
        stands_on.update(corrected.new.digest for corrected in state.corrected)
        return all(self._changed_last.get(digest, 0) <= since for digest in stands_on)

    def _note_change(self, entry: Entry) -> None:
        self._standing.clear()
        self._entry_changes += 1
        self._changed_last[entry.digest] = self._entry_changes

    def _remove(self, entry: Entry) -> None:
        self.entries[entry.digest].remove(entry)
        self._note_change(entry)
        if entry in self.new_entries:
            self.new_entries.remove(entry)
        else:
            self.removed_entries.append(entry)

    def add_entry(self, entry: Entry) -> None:
        """Write an entry into the ban register."""
        self.entries.setdefault(entry.digest, []).append(entry)
        self._deriving.add(entry.derived_by)
        self._note_change(entry)
        self.new_entries.append(entry)

    def standing(self, digest: bytes) -> list[Entry]:
        """The bans that stand under a digest."""
        entries = self.entries.get(digest)
        if not entries:
            return []
        found = self._standing.get(digest)
        if found is None:
            found = self._standing[digest] = self._stands(digest, entries)
        return found

    def _stands(self, digest: bytes, entries: Sequence[Entry]) -> list[Entry]:
        placers = {entry.placed_by for entry in entries if entry.placed_by is not None}
        lifts = [
            lift
            for placer in placers
            if placer != digest
            for lift in self.entries.get(placer, ())
            if lift.is_lift
        ]
        return standing(entries, lifts)

    def collection_bans(
        self, facts: Iterable[Fact], own: Collection[bytes]
    ) -> dict[bytes, CollectionBan]:
        """Collection bans that others than `own` placed on what the facts name (R23, R24)."""
        found: dict[bytes, CollectionBan] = {}
        for digest in {point.digest for fact in facts for point in fact.points}:
            bans = [
                entry
                for entry in self.entries.get(digest, ())
                if entry.collection and not entry.is_lift and entry.placed_by not in own
            ]
            if bans:
                stands = any(
                    ban.collection and ban.placed_by not in own for ban in self.standing(digest)
                )
                found[digest] = CollectionBan(max(ban.since for ban in bans), stands)
        return found


def _with(snapshot: Snapshot, kind: str) -> set[bytes]:
    """Identities of whom a fact of the type is known."""
    return {
        digest
        for digest, facts in snapshot.facts.items()
        if any(fact.type == kind for fact in facts)
    }


def still_matching(facts: Sequence[Fact], state: PersonState) -> list[Fact]:
    """By what a person is matched with others who has lost facts to an erasure (R25) or to the
    end of their time (R26): by what is left.

    Of who is gone that is what the identity under which the erasure was asked still holds, since
    what is older than the erasure must be refused, whatever brings it; and what said no since,
    which binds them when they come back (R9).
    """
    gone = {fact.fact_id for fact in state.expired}
    left = [fact for fact in facts if fact.fact_id not in gone]
    if state.live:
        return left
    asked = {fact.identity for fact in facts if fact.type == ERASURE and fact.names}
    end = max((fact.time for fact in facts if fact.type in TAKE_AWAY), default=None)
    return [
        fact
        for fact in left
        if fact.identity in asked or (end is not None and fact.time > end and not fact.brings_data)
    ]


def _names_any(fact: Fact, digests: Collection[bytes]) -> bool:
    return any(point.digest in digests for point in fact.points)


def _copies(
    erasure: Fact, identities: Iterable[bytes], points: tuple[Point, ...]
) -> Iterable[Fact]:
    """The erasure as asked, with all the person's contact points, and one per other identity.

    One that names no identity is the person's all the same: what ends their bans ends it too.
    """
    identities = list(identities)
    if erasure.identity is not None or not identities:
        yield replace(erasure, points=points)
    for identity in identities:
        if identity != erasure.identity:
            yield _copy(erasure, identity, points)


def _copy(
    erasure: Fact, identity: bytes, points: tuple[Point, ...], *, later: bool = False
) -> Fact:
    """The erasure under another identity; what it takes `later` is a fact apart."""
    named_by = [identity, *(point.digest for point in points if later)]
    fact_id = uuid.uuid5(erasure.fact_id, b"".join(named_by).hex())
    return replace(
        erasure, fact_id=fact_id, identity=identity, points=points, names=(), contacts=()
    )
