"""The ban register: what stands under a digest (R7 to R9, R24, R25)."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from register.rules.cells import POINT_CELLS
from register.rules.facts import LIFT, NOES, WITHDRAWAL, Fact, JsonDict, Scope, parse_ban_scope
from schemas.terms import Denial, PointKind

NOTHING: JsonDict = {"purposes": []}
"""Scope of a ban of which only the part on collecting and storing is left."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A ban or a lift written under the digest of a contact point, company or identity.

    `placed_by` is the identity that said it, or None. `derived_by` is set where no event named
    the digest: the identity whose facts put the ban there, since its contact data is gone
    (R22) or was corrected (R62). `marketing` is False where only the part on collecting is left.
    """

    digest: bytes
    kind: PointKind
    fact_id: uuid.UUID
    is_lift: bool
    reason: Denial
    collection: bool
    since: datetime
    placed_by: bytes | None
    scope_data: JsonDict
    derived_by: bytes | None = None
    marketing: bool = True

    @property
    def scope(self) -> Scope:
        """The scope as cells."""
        return parse_ban_scope(self.scope_data)


def entries_of(fact: Fact) -> list[Entry]:
    """Entries that a ban, a withdrawal or a lift makes: one per point named, one for its
    identity (R7). Other facts make none."""
    if fact.type not in NOES and fact.type != LIFT:
        return []
    targets = [(point.digest, point.kind) for point in fact.points]
    if fact.identity is not None:
        targets.append((fact.identity, PointKind.IDENTITY))
    return [
        Entry(
            digest=digest,
            kind=kind,
            fact_id=fact.fact_id,
            is_lift=fact.type == LIFT,
            reason=Denial.WITHDRAWN if fact.type == WITHDRAWAL else Denial.BANNED,
            collection=bool(fact.body.get("collection")),
            since=fact.time,
            placed_by=fact.identity,
            scope_data=fact.body["scope"],
        )
        for digest, kind in targets
    ]


def standing(entries: Iterable[Entry], placer_lifts: Sequence[Entry] = ()) -> list[Entry]:
    """Of the entries under one digest, the bans that no newer covering lift has ended (R5a).

    A lift ends a ban under a digest if it names the digest (stands among `entries`), or if
    the identity that placed the ban lifts it (`placer_lifts`). A ban that also forbids
    collecting keeps that part until a lift says `collection` too, or the person comes back
    (R24): then a derived lift stands among `entries`.
    """
    entries = list(entries)
    lifts = [entry for entry in entries if entry.is_lift and entry.derived_by is None]
    returns = [entry for entry in entries if entry.is_lift and entry.derived_by is not None]
    left: list[Entry] = []
    for ban in entries:
        if ban.is_lift:
            continue
        own = [
            lift
            for lift in (*placer_lifts, *returns)
            if lift.placed_by == ban.placed_by is not None
        ]
        remaining = _after_lifts(ban, [*lifts, *own])
        if remaining is not None:
            left.append(remaining)
    return sorted(left, key=lambda ban: (ban.since, ban.fact_id.int))


def _after_lifts(ban: Entry, lifts: Sequence[Entry]) -> Entry | None:
    newer = [lift for lift in lifts if lift.since > ban.since]
    if not newer:
        return ban
    scope = ban.scope
    marketing = not any(lift.scope.covers(scope) for lift in newer)
    collection = ban.collection and not any(lift.collection for lift in newer)
    if not marketing and not collection:
        return None
    return replace(ban, marketing=marketing, collection=collection)


def binding_cells(ban: Entry) -> int:
    """Cells that a standing ban denies to whoever uses its point (R8)."""
    return ban.scope.cells & POINT_CELLS[ban.kind] if ban.marketing else 0


def published(ban: Entry) -> JsonDict:
    """A standing ban as `ban-register.updated` shows it."""
    scope = ban.scope_data if ban.marketing else NOTHING
    shown: JsonDict = {"scope": scope, "since": ban.since.isoformat()}
    if ban.collection:
        shown["collection"] = True
    return shown
