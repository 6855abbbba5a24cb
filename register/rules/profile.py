"""What is held of a person, field by field, and which contact points were put right."""

import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from register.rules.digest import Point
from register.rules.facts import LISTING, RECTIFICATION, Fact, JsonDict
from register.rules.permissions import Moment
from schemas.terms import PointKind


@dataclass(frozen=True, slots=True)
class Corrected:
    """A contact point that a rectification replaced: the old one's bans bind the new one (R62)."""

    old: bytes
    new: Point
    by: bytes
    time: Moment


_ROLE_FIELDS = frozenset({"email", "phone", "address", "company"})
_MERGED = frozenset({"profiling", "company"})
"""Fields of which a newer word adds to an older one."""


def profile_of(live: Sequence[Fact], ended: Collection[uuid.UUID]) -> tuple[JsonDict, JsonDict]:
    """What is held, field by field: the newest word of the person or an order; what a listing
    said only where nobody else did (R23). The role's contact points go with the role (R27)."""
    own: JsonDict = {}
    listed: JsonDict = {}
    profiling: dict[str, Any] = {}
    for fact in live:
        party = fact.party or {}
        target = listed if fact.type == LISTING else own
        # `ended` is mostly empty, and to look into it would cost a hash for each fact.
        dropped = _ROLE_FIELDS if ended and fact.fact_id in ended else frozenset()
        if not dropped and party.keys().isdisjoint(_MERGED):
            target.update(party)
            continue
        for name, value in party.items():
            if name == "profiling":
                if fact.type != LISTING:
                    profiling.update(value)
            elif name == "company" and name not in dropped:
                target[name] = _company(target.get(name), value)
            elif name not in dropped:
                target[name] = value
    profile = {**listed, **own}
    if "company" in listed and "company" in own:
        profile["company"] = _company(listed["company"], own["company"])
    return profile, profiling


def corrected_points(ordered: Sequence[Fact]) -> Iterator[Corrected]:
    """Which contact points rectifications replaced, their data held or gone since: a ban stays
    in any case (R22)."""
    if not any(fact.type == RECTIFICATION for fact in ordered):
        return
    own: dict[PointKind, bytes] = {}
    listed: dict[PointKind, bytes] = {}
    for fact in ordered:
        if not fact.brings_data:
            continue
        held = listed if fact.type == LISTING else own
        for point in fact.points:
            old = own.get(point.kind, listed.get(point.kind))
            replaced = old is not None and old != point.digest
            if replaced and fact.type == RECTIFICATION and point.kind is not PointKind.COMPANY:
                assert old is not None
                assert fact.identity is not None
                yield Corrected(old, point, fact.identity, fact.time)
            held[point.kind] = point.digest


def _company(held: JsonDict | None, given: JsonDict) -> JsonDict:
    """A new business id replaces the company, other fields add to it."""
    if held is None or given.get("business_id", held.get("business_id")) != held.get("business_id"):
        return given
    return {**held, **given}
