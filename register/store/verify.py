"""Compares the register with its facts, and mends what differs, toward the ban (R7, S32).

The facts are the truth: what they say is written in the ban register, and every person
decided from them. A difference can come from a fault of the software or of a hand in the
database, never from a crash.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from register.rules.apply import apply
from register.rules.bans import Entry, entries_of
from register.rules.snapshot import Changes, Snapshot
from register.store.agreements import begin_to_decide
from register.store.batch import Rules, decide_anew
from register.store.pool import Connection
from register.store.reading import lock_and_read, read_entries, read_snapshot
from register.store.rows import uuid_of
from register.store.sql import queries
from register.store.writing import write_entries

CHUNK = 50
"""Persons per transaction, whose bans wait meanwhile."""


@dataclass(slots=True)
class Differences:
    """What differs, without a word about whom: counts, and the ids that were said wrongly."""

    persons: int = 0
    missing_entries: int = 0
    derived_entries: int = 0
    identities: int = 0
    eligibility: list[uuid.UUID] = field(default_factory=list)
    bans: list[bytes] = field(default_factory=list)

    @property
    def found(self) -> bool:
        """Whether anything differs."""
        return bool(
            self.missing_entries
            or self.derived_entries
            or self.identities
            or self.eligibility
            or self.bans
        )


async def verify_step(
    connection: Connection,
    rules: Rules,
    now: datetime,
    after: uuid.UUID | None,
    differences: Differences,
    *,
    repair: bool,
) -> uuid.UUID | None:
    """Compare the next persons with their facts; returns the last id, or None at the end.

    Adds what differs to `differences`; with `repair` the facts are made to hold.
    """
    async with connection.transaction():
        rows = await connection.fetch(queries.persons_page, after, CHUNK)
        persons = [uuid_of(row["person_id"]) for row in rows]
        if not persons:
            return None
        await begin_to_decide(connection)
        reach, snapshot = await lock_and_read(connection, [], rules.digester, persons)
        missing = await _missing_entries(connection, snapshot)
        if missing and repair:
            await write_entries(connection, missing)
            snapshot = await read_snapshot(connection, [], reach, rules.digester)
        changes = apply(snapshot, [], rules.digester, rules.settings)
        _add(differences, len(persons), missing, changes)
        if repair and differences.found:
            await decide_anew(connection, persons, rules, now, entries=missing)
    return persons[-1]


async def _missing_entries(connection: Connection, snapshot: Snapshot) -> list[Entry]:
    """R7: every no and every lift stands under all that it names, and under its identity."""
    wanted = [
        entry for facts in snapshot.facts.values() for fact in facts for entry in entries_of(fact)
    ]
    written = await read_entries(connection, {entry.digest for entry in wanted})
    known = {(entry.digest, entry.fact_id) for under in written.values() for entry in under}
    return [entry for entry in wanted if (entry.digest, entry.fact_id) not in known]


def _add(
    differences: Differences, persons: int, missing: Sequence[Entry], changes: Changes
) -> None:
    differences.persons += persons
    differences.missing_entries += len(missing)
    differences.derived_entries += len(changes.entries) + len(changes.removed_entries)
    differences.identities += len(changes.identities)
    differences.eligibility.extend(change.person_id for change in changes.eligibility)
    differences.bans.extend(change.digest for change in changes.bans)
