"""Events arriving one after the other at what is known of the persons they touch.

R21 and R23 judge an event by what had arrived before it; everything else is folded later.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence

from register.rules.bans import Entry, entries_of, standing
from register.rules.components import Components
from register.rules.facts import ORDER, Fact, Identity
from register.rules.fold import CollectionBan, admits
from register.rules.intake import Intake
from register.rules.outcomes import Refused
from register.rules.snapshot import Refusal, Snapshot


class Arrivals:
    """What is known after each arrival: persons, facts, ban-register entries.

    `components` are the persons as sets of identity digests, `facts` their facts, `entries`
    what is written under each digest, `names` the identities whose name may be held, `stored`
    the new facts, `refusals` the events turned away, `causes` per identity or digest the last
    event that touched it.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.components: Components[bytes] = Components()
        self.facts = {digest: list(facts) for digest, facts in snapshot.facts.items()}
        self.entries = {digest: list(known) for digest, known in snapshot.entries.items()}
        self.names: dict[bytes, Identity] = {}
        self.stored: list[Fact] = []
        self.new_entries: list[Entry] = []
        self.refusals: list[Refusal] = []
        self.causes: dict[bytes, Intake] = {}
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
        """Take one event in, or refuse it."""
        fact = arrival.fact
        partners = [known for key in fact.match_keys for known in self._by_key.get(key, ())]
        refused = arrival.refused or self._refusal(fact, partners)
        if refused is not None:
            self.refusals.append(Refusal(arrival, refused))
            return
        self.stored.append(fact)
        for entry in entries_of(fact):
            self.add_entry(entry)
            self.causes[entry.digest] = arrival
        if arrival.identity is not None:
            self._join(arrival, arrival.identity, partners)

    def _join(self, arrival: Intake, identity: Identity, partners: Iterable[bytes]) -> None:
        fact = arrival.fact
        self.components.add(identity.digest)
        self.components.join([identity.digest, *partners])
        self.facts.setdefault(identity.digest, []).append(fact)
        for key in fact.match_keys:
            self._by_key.setdefault(key, []).append(identity.digest)
        if fact.brings_data:
            self.names[identity.digest] = identity
        self.causes[identity.digest] = arrival

    def _refusal(self, fact: Fact, partners: Sequence[bytes]) -> Refused | None:
        if not fact.brings_data or fact.type == ORDER or fact.identity is None:
            return None
        members: dict[bytes, None] = {}
        for identity in (fact.identity, *partners):
            if identity in self.components:
                members.update(dict.fromkeys(self.components.members(identity)))
        facts = [known for identity in members for known in self.facts.get(identity, ())]
        return admits(facts, fact, self.collection_bans([fact], members))

    def add_entry(self, entry: Entry) -> None:
        """Write an entry into the ban register."""
        self.entries.setdefault(entry.digest, []).append(entry)
        self.new_entries.append(entry)

    def standing(self, digest: bytes) -> list[Entry]:
        """The bans that stand under a digest."""
        entries = self.entries.get(digest)
        if not entries:
            return []
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
