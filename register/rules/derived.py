"""Bans under contact points that no ban named: of who is gone, or was corrected (R22, R24, R62)."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from register.rules.bans import NOTHING, Entry
from register.rules.digest import Point
from register.rules.facts import Fact
from register.rules.fold import PersonState
from register.rules.permissions import Collecting, No
from schemas.terms import Denial, PointKind

CONTACT_POINTS = frozenset({PointKind.EMAIL, PointKind.PHONE, PointKind.POST})


def derived_entries(
    state: PersonState, standing: Callable[[bytes], Sequence[Entry]]
) -> Iterator[Entry]:
    """Entries that follow from a person's facts; `standing` tells what stands under a digest."""
    gone = contact_points(state.ungrounded)
    collecting = {one.no.fact.fact_id: one for one in state.collecting}
    standing_nos = {no.fact.fact_id for no in state.standing}
    for no in state.permissions.nos:
        fact_id = no.fact.fact_id
        if fact_id in standing_nos or fact_id in collecting:
            for point in gone:
                yield _kept(no, point, marketing=fact_id in standing_nos)
        if fact_id in collecting:
            yield from _ended(collecting[fact_id], gone)
    for corrected in state.corrected:
        for ban in standing(corrected.old):
            if ban.since <= corrected.time:
                yield replace(
                    ban,
                    digest=corrected.new.digest,
                    derived_by=corrected.by,
                    scope_data=ban.scope_data if ban.marketing else NOTHING,
                    marketing=True,
                )


def contact_points(facts: Iterable[Fact]) -> list[Point]:
    """Contact points that facts name, each once."""
    points = (point for fact in facts for point in fact.points if point.kind in CONTACT_POINTS)
    return list(dict.fromkeys(points))


def _kept(no: No, point: Point, *, marketing: bool) -> Entry:
    """A ban under a contact point whose owner's data is gone (R22, R24)."""
    return Entry(
        digest=point.digest,
        kind=point.kind,
        fact_id=no.fact.fact_id,
        is_lift=False,
        reason=no.reason,
        collection=no.collection,
        since=no.time,
        placed_by=no.fact.identity,
        scope_data=no.fact.body["scope"] if marketing else NOTHING,
        derived_by=no.fact.identity,
    )


def _ended(collecting: Collecting, gone: Sequence[Point]) -> Iterator[Entry]:
    """R24: what ended the part on collecting ends it under points that are gone; under those
    that the ban named a return does, and a lift by itself: of one's own bans, or by the point."""
    named = collecting.no.fact.points
    for end, points in (
        (collecting.ended_by, [point for point in gone if point not in named]),
        (collecting.returned, named),
    ):
        for point in points if end is not None else ():
            assert end is not None
            yield _lifted(end, collecting.no, point)


def _lifted(end: Fact, no: No, point: Point) -> Entry:
    """One per reference that banned: one return may end the bans of several (R51)."""
    assert no.fact.identity is not None
    return Entry(
        digest=point.digest,
        kind=point.kind,
        fact_id=uuid.uuid5(end.fact_id, no.fact.identity.hex()),
        is_lift=True,
        reason=Denial.BANNED,
        collection=True,
        since=end.time,
        placed_by=no.fact.identity,
        scope_data=NOTHING,
        derived_by=end.identity,
    )
