"""The ground to store: since when a person's data may be held, and which of it must go
(R20 to R26)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from register.rules.facts import (
    LIFT,
    LISTING,
    NOES,
    ORDER,
    RETENTION,
    SIGNUP,
    TAKE_AWAY,
    Fact,
)
from register.rules.permissions import Moment, Permissions, StandingConsents
from schemas.terms import Kind


@dataclass(frozen=True, slots=True)
class CollectionBan:
    """What the ban register says of collecting under one contact point (R23, R24).

    `latest` is the time of the newest such ban, lifted or not: no listing dated before it
    counts. `stands` tells whether one stands now: then no listing counts at all.
    """

    latest: Moment
    stands: bool

    def forbids(self, listed: Moment) -> bool:
        """Whether a listing of that time never counts."""
        return self.stands or listed <= self.latest


CollectionBans = Mapping[bytes, CollectionBan]
"""By digest of the contact point."""


@dataclass(slots=True)
class Walk:
    """Where the walk through time stands.

    `floor` is the last moment without any ground to store: what was given until then is gone.
    """

    own_kind: str | None = None
    ordered: bool = False
    collection: bool = False
    latest_collection: Moment | None = None
    floor: Moment | None = None

    def forbids(self, listed: Moment) -> bool:
        """Whether a listing of that time never counts (R24)."""
        return self.latest_collection is not None and (
            self.collection or listed <= self.latest_collection
        )


def walk_through(ordered: Sequence[Fact], permissions: Permissions) -> Walk:
    """Go through time and find the last moment without any ground to store (R22, R24)."""
    walk = Walk()
    consents = StandingConsents(permissions)
    for time, group in groupby(ordered, key=lambda fact: fact.time):
        for fact in group:
            _step(walk, fact)
        if not _grounded(walk, consents, time):
            walk.floor = time
    return walk


def _step(walk: Walk, fact: Fact) -> None:
    if fact.type in TAKE_AWAY:
        walk.ordered = False
        walk.own_kind = None
        walk.floor = fact.time
    if fact.brings_data and fact.type != LISTING:
        walk.own_kind = fact.body["kind"]
    if fact.type in (ORDER, SIGNUP):
        walk.ordered = walk.ordered or fact.type == ORDER
        walk.collection = False
    if not fact.body.get("collection"):
        return
    if fact.type in NOES:
        walk.collection = True
        walk.latest_collection = fact.time
        if not walk.ordered:
            walk.floor = fact.time
    elif walk.latest_collection is not None and walk.latest_collection < fact.time:
        walk.collection = False


def _grounded(walk: Walk, consents: StandingConsents, now: Moment) -> bool:
    if walk.ordered:
        return True
    if walk.collection:
        return False
    if walk.own_kind != Kind.CONSUMER:
        return True
    return consents.any_at(now)


def listing_forbidden(fact: Fact, collection_bans: CollectionBans) -> bool:
    """Whether somebody else's collection ban keeps a listing from counting (R23, R24)."""
    return any(
        point.digest in collection_bans and collection_bans[point.digest].forbids(fact.time)
        for point in fact.points
    )


def split(
    ordered: Sequence[Fact], walk: Walk, collection_bans: CollectionBans
) -> tuple[list[Fact], list[Fact]]:
    """Of the facts that brought personal data, whose may be held and whose must go (R22 to R24)."""
    live: list[Fact] = []
    dead: list[Fact] = []
    for fact in ordered:
        if fact.party is None:
            continue
        gone = walk.floor is not None and fact.time <= walk.floor
        if fact.type == LISTING and not gone:
            gone = (
                walk.own_kind == Kind.CONSUMER
                or walk.forbids(fact.time)
                or listing_forbidden(fact, collection_bans)
            )
        (dead if gone else live).append(fact)
    return live, dead


SURVIVES = NOES | {LIFT, RETENTION}


def expired_facts(facts: Sequence[Fact]) -> list[Fact]:
    """Facts that an erasure (R25) or the end of their time (R26) takes away altogether; what
    says no stays, and holds no personal data."""
    ends = [fact.time for fact in facts if fact.type in TAKE_AWAY]
    if not ends:
        return []
    end = max(ends)
    return [fact for fact in facts if fact.time <= end and fact.type not in SURVIVES]
