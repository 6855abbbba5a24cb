"""Builds what follows from the facts anew, some persons at a time, beside what is in use.

The connection looks into the schema `register_rebuild` first (`make_rebuild`): there are the
tables that follow from the facts. The facts themselves, and all that was said or done, are read
where they are. Persons are decided by the rules that decide every batch; what was said last is
looked at only for its version.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from register.rules.apply import apply
from register.rules.bans import entries_of
from register.rules.components import Components
from register.rules.digest import epoch_of
from register.rules.facts import (
    ERASURE,
    LIFT,
    MERGE,
    NOES,
    TAKE_AWAY,
    Fact,
    keys_by_identity,
)
from register.rules.ground import SURVIVES
from register.rules.snapshot import Changes, KnownDigest, Snapshot
from register.store.batch import Rules
from register.store.pool import Connection
from register.store.reach import Reach
from register.store.reading import read_entries, read_snapshot
from register.store.rows import columns, fact_of, uuid_of
from register.store.sql import queries
from register.store.writing import write_changes, write_entries
from schemas.terms import PointKind

_SAYING = sorted(NOES | {LIFT})


@dataclass(slots=True)
class Building:
    """The tables under construction, and by which rules they are built."""

    connection: Connection
    rules: Rules
    now: datetime

    # Who is one person with whom, and what was said to the ban register

    async def note_ties(self, identities: Sequence[bytes]) -> None:
        """Keep together who are one person by what no fact tells any more: what had joined them
        went with an erasure or the end of their time (R25, R26), or a correction found them by a
        contact point (R62).

        Only an id that is derived from theirs joins them, and of who is gone nobody who has a
        fact that would have gone too: where a pointer is wrong, nothing is lost by it.
        """
        rows = await self.connection.fetch(
            queries.rebuild_tied_groups, identities, sorted(SURVIVES), sorted(TAKE_AWAY)
        )
        groups: dict[uuid.UUID, list[bytes]] = {}
        erased: dict[uuid.UUID, datetime] = {}
        ended: dict[uuid.UUID, datetime] = {}
        for row in rows:
            person_id = uuid_of(row["person_id"])
            groups.setdefault(person_id, []).append(row["identity"])
            for newest, time in ((erased, row["erased"]), (ended, row["ended"])):
                if time is not None:
                    newest[person_id] = max(time, newest.get(person_id, time))
        ties: list[tuple[bytes, uuid.UUID, bool]] = []
        for row in rows:
            person_id = uuid_of(row["person_id"])
            epoch = epoch_of(erased[person_id]) if person_id in erased else 0
            end, oldest = ended.get(person_id), row["oldest"]
            left = end is None or oldest is None or oldest > end
            if left and person_id in self._ids(groups[person_id], epoch):
                ties.append((row["identity"], person_id, end is not None))
        await self.connection.execute(queries.rebuild_tie, *columns(ties, 3))

    async def note_facts(self, identities: Sequence[bytes]) -> None:
        """Match keys, contact points and bans of identities, by all the facts that are there."""
        facts = await self._saying(queries.rebuild_saying, identities, _SAYING)
        keys = keys_by_identity(facts)
        keys |= {
            (key, bytes.fromhex(merged))
            for fact in facts
            if fact.type == MERGE
            for key in fact.match_keys
            for merged in fact.body["merged"]
        }
        await self.connection.execute(queries.rebuild_keys, *columns(sorted(keys), 2))
        await self.connection.execute(queries.rebuild_points, identities)
        await self._write_entries(facts)

    async def note_anonymous(self, after: uuid.UUID, limit: int) -> uuid.UUID | None:
        """Bans of the next facts that name nobody; returns the last fact's id, None at the end."""
        facts = await self._saying(queries.rebuild_anonymous, after, _SAYING, limit)
        await self._write_entries(facts)
        return facts[-1].fact_id if facts else None

    async def _saying(self, query: str, *arguments: object) -> list[Fact]:
        return [fact_of(row) for row in await self.connection.fetch(query, *arguments)]

    async def _write_entries(self, facts: Sequence[Fact]) -> None:
        entries = [entry for fact in facts for entry in entries_of(fact)]
        if entries:
            await write_entries(self.connection, entries)

    # Persons

    async def place(self, identities: Sequence[bytes], *, again: bool = False) -> list[bytes]:
        """Decide the persons of these identities; returns all identities that they have.

        `again`: some of them may be placed already; ids that they had or have come first.
        """
        groups = await self._persons_of(identities)
        members = [identity for group in groups for identity in group]
        if again:
            await self._forget(members)
        await self._point(groups)
        # An id for the moment: whose it is to be, the rules say.
        reach = Reach(persons={_for_now(group) for group in groups})
        snapshot = await read_snapshot(self.connection, [], reach, self.rules.digester)
        changes = apply(snapshot, [], self.rules.digester, self.rules.settings)
        await self._write(snapshot, changes, members)
        return members

    async def _forget(self, members: Sequence[bytes]) -> None:
        """What was decided of them, under whatever id of theirs, is as if it had not been."""
        rows = await self.connection.fetch(queries.rebuild_erasures, members)
        epochs = {0, *(epoch_of(row["time"]) for row in rows)}
        ids = {one for epoch in epochs for one in self._ids(members, epoch)}
        await self.connection.execute(queries.rebuild_uncompare, members)
        await self.connection.execute(queries.rebuild_compare_later, members, list(ids))
        await self.connection.execute(queries.rebuild_unseed, members, list(ids))
        await self.connection.execute(queries.rebuild_seed_again)

    async def _persons_of(self, identities: Sequence[bytes]) -> list[list[bytes]]:
        """The persons that the identities belong to, and those they were placed with before."""
        people: Components[bytes] = Components()
        reached: set[bytes] = set()
        frontier = set(identities)
        while frontier:
            reached |= frontier
            for identity in frontier:
                people.add(identity)
            ties: dict[bytes, list[bytes]] = {}
            for row in await self.connection.fetch(queries.rebuild_related, list(frontier)):
                people.add(row["identity"])
                ties.setdefault(row["tie"], []).append(row["identity"])
            for joined in ties.values():
                people.join(joined)
            for row in await self.connection.fetch(queries.rebuild_companions, list(frontier)):
                people.add(row["identity"])
            frontier = set(people.nodes()) - reached
        return [sorted(group) for group in people.sets()]

    async def _point(self, groups: Sequence[Sequence[bytes]]) -> None:
        members = [identity for group in groups for identity in group]
        rows = await self.connection.fetch(queries.rebuild_names, members)
        names = {row["identity"]: (row["source"], row["subject"]) for row in rows}
        pointed = [
            (identity, _for_now(group), *names.get(identity, (None, None)))
            for group in groups
            for identity in group
        ]
        await self.connection.execute(queries.upsert_identities, *columns(pointed, 4))

    async def _write(self, snapshot: Snapshot, changes: Changes, members: Sequence[bytes]) -> None:
        await self._keep_for_the_swap(snapshot, changes)
        await write_changes(self.connection, changes, self.now)
        person_of = {one.digest: uuid_of(one.person_id) for one in changes.identities}
        aliases = self._aliases(snapshot, person_of)
        await self.connection.execute(queries.set_aliases, *columns(list(aliases.items()), 2))
        ids = list(snapshot.persons.keys() | set(person_of.values()))
        await self.connection.execute(queries.rebuild_customer_versions, ids)
        said = snapshot.digests.keys() | {ban.digest for ban in changes.bans}
        await self.connection.execute(queries.rebuild_ban_versions, list(said))
        other = {entry.digest for entry in (*changes.entries, *changes.removed_entries)}
        if other:
            await self.connection.execute(queries.rebuild_redo, list(other), members)

    async def _keep_for_the_swap(self, snapshot: Snapshot, changes: Changes) -> None:
        """Facts are in use until then: what the rules take of them is only noted."""
        about = {
            fact.fact_id: identity for identity, facts in snapshot.facts.items() for fact in facts
        }
        taken = [("party", about[fact_id], fact_id) for fact_id in changes.erased_parties]
        taken += [("fact", about[fact_id], fact_id) for fact_id in changes.erased_facts]
        await self.connection.execute(queries.rebuild_taken, *columns(taken, 3))
        changes.erased_parties, changes.erased_facts = [], []

    def _aliases(
        self, snapshot: Snapshot, person_of: Mapping[bytes, uuid.UUID]
    ) -> dict[uuid.UUID, uuid.UUID]:
        """R51: ids of their own, used before, that do not lead to the person's. Where others led
        to one of those, they lead on by it."""
        erasures = {
            identity: [epoch_of(fact.time) for fact in facts if fact.type == ERASURE]
            for identity, facts in snapshot.facts.items()
        }
        groups: dict[uuid.UUID, list[bytes]] = {}
        for identity, person_id in person_of.items():
            groups.setdefault(person_id, []).append(identity)
        aliases: dict[uuid.UUID, uuid.UUID] = {}
        for person_id, members in groups.items():
            for epoch in {0, *(one for member in members for one in erasures.get(member, ()))}:
                ids = self._ids(members, epoch)
                if person_id in ids:
                    for one in ids & snapshot.persons.keys():
                        end = _end(snapshot, one, person_id)
                        if end != person_id:
                            aliases[end if end in ids else one] = person_id
        return aliases

    def _ids(self, members: Collection[bytes], epoch: int) -> set[uuid.UUID]:
        return {self.rules.digester.customer_id(member, epoch) for member in members}

    # The ban register under contact points and companies

    async def say_digests(self, digests: Sequence[bytes]) -> None:
        """What stands under digests, whoever uses them, now that every line is written."""
        entries = await read_entries(self.connection, digests)
        rows = await self.connection.fetch(queries.ban_digests, digests)
        known = {
            row["digest"]: KnownDigest(
                row["digest"], PointKind(row["kind"]), row["version"], row["content"]
            )
            for row in rows
            if row["kind"] != PointKind.IDENTITY
        }
        snapshot = Snapshot({}, {}, {}, {}, entries, known, frozenset())
        changes = apply(snapshot, [], self.rules.digester, self.rules.settings)
        await write_changes(self.connection, changes, self.now)
        await self.connection.execute(queries.rebuild_ban_versions, digests)

    # What differs from the register in use

    async def compare(self, keys: Sequence[bytes]) -> None:
        """Note what differs of identities and digests."""
        await self.connection.execute(queries.rebuild_unsaid, keys)
        await self.connection.execute(queries.rebuild_uncompare_some, keys)
        for query in COMPARISONS:
            await self.connection.execute(query, keys)

    async def compare_customers(self, ids: Sequence[uuid.UUID]) -> None:
        """Note what differs of customer ids."""
        await self.connection.execute(queries.rebuild_customer_versions, ids)
        await self.connection.execute(queries.rebuild_uncompare, [one.bytes for one in ids])
        await self.connection.execute(queries.rebuild_compare_customers, ids)


COMPARISONS = (
    queries.rebuild_compare_identities,
    queries.rebuild_compare_keys,
    queries.rebuild_compare_entries,
    queries.rebuild_compare_bans,
)


def _for_now(group: Sequence[bytes]) -> uuid.UUID:
    return uuid.UUID(bytes=group[0][:16])


def _end(snapshot: Snapshot, start: uuid.UUID, person_id: uuid.UUID) -> uuid.UUID:
    """Where an id leads: to the person's own, or else to the last one known."""
    seen = {start}
    at = start
    while at != person_id:
        known = snapshot.persons.get(at)
        if known is None or known.alias_of is None or known.alias_of in seen:
            break
        at = known.alias_of
        seen.add(at)
    return at
