"""Names and addresses handed to partners: whom, and what is taken back (R43, R63 to R65)."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from register.rules.facts import JsonDict
from register.rules.snapshot import Changes, PersonRow
from schemas.terms import Recipient

BANNED = "banned"
ERASED = "erased"
RECTIFIED = "rectified"

NO_AGREEMENT = "no_agreement"
NO_LEGAL_BASIS = "no_legal_basis"


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A line of the disclosure ledger: who was handed to whom, as what (S29)."""

    ledger_id: uuid.UUID
    person_id: uuid.UUID
    partner_id: str
    name: JsonDict
    address: JsonDict


@dataclass(frozen=True, slots=True)
class Recall:
    """A line to take back, and why."""

    disclosed: Disclosed
    reason: str


def recalls(
    ledger: Iterable[Disclosed], rows: Mapping[uuid.UUID, PersonRow | None]
) -> list[Recall]:
    """R65: what partners must no longer use.

    `rows` are the persons as decided now; None where a person is gone.
    """
    found: list[Recall] = []
    for line in ledger:
        if line.person_id not in rows:
            continue
        reason = _reason(line, rows[line.person_id])
        if reason is not None:
            found.append(Recall(line, reason))
    return found


def disclosed_now(changes: Changes) -> dict[uuid.UUID, PersonRow | None]:
    """The persons that a batch decided, as what partners may hold of them is judged by: None
    where a person is gone. An id that was merged into another has its lines there."""
    rows: dict[uuid.UUID, PersonRow | None] = {
        survivor: None for survivor in changes.aliases.values() if survivor is not None
    }
    for change in changes.eligibility:
        if change.data is None and change.person_id not in changes.aliases:
            rows[change.person_id] = None
    return rows | {row.person_id: row for row in changes.persons}


def may_recall(row: PersonRow | None) -> bool:
    """Whether partners may have to let go of anything of the person, as decided now (R65)."""
    return row is None or row.refuses_disclosure or row.rectified


def _reason(line: Disclosed, row: PersonRow | None) -> str | None:
    if row is None:
        return ERASED
    if row.refuses_disclosure:
        return BANNED
    changed = row.name != line.name or row.address != line.address
    return RECTIFIED if row.rectified and changed else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a disclosure takes; None means all."""

    audiences: frozenset[str] | None
    products: frozenset[str] | None
    postal_codes: frozenset[str] | None

    def takes(self, row: PersonRow) -> bool:
        """Whether the person, as decided, belongs to the selection."""
        if self.audiences is not None and row.audience not in self.audiences:
            return False
        postal_code = row.address["postal_code"] if row.address else None
        if self.postal_codes is not None and postal_code not in self.postal_codes:
            return False
        return self.products is None or not self.products.isdisjoint(row.bought)


@dataclass(frozen=True, slots=True)
class Job:
    """A disclosure under way; parts are numbered from 1."""

    job_id: uuid.UUID
    source: str
    event_id: str
    request_id: str
    recipient: Recipient
    partner_id: str | None
    selection: Selection
    received: datetime
    traceparent: str | None
    parts: int
    next_part: int


def person(row: PersonRow) -> JsonDict | None:
    """Exactly a name and an address (R43), or None where one of them is not held."""
    if row.name is None or row.address is None:
        return None
    return {"name": row.name, "address": row.address}


def handed_over(job: Job, rows: Iterable[PersonRow]) -> list[tuple[uuid.UUID, JsonDict]]:
    """Whom a part hands over: a partner gets only whose `disclosure` cell is allowed (R63),
    anybody with a legal basis all that were asked for (R64)."""
    people: list[tuple[uuid.UUID, JsonDict]] = []
    for row in rows:
        if job.recipient is Recipient.PARTNER and row.disclosure_denial is not None:
            continue
        shown = person(row)
        if shown is not None and job.selection.takes(row):
            people.append((row.person_id, shown))
    return people
