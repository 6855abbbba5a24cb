"""Whether the register may hold what arrives (R21, R23, R25)."""

from collections.abc import Sequence

from register.rules.counting import counting
from register.rules.facts import ERASURE, LISTING, ORDER, Fact
from register.rules.ground import (
    SURVIVES,
    CollectionBans,
    expired_facts,
    listing_forbidden,
    walk_through,
)
from register.rules.outcomes import (
    COLLECTION_BANNED,
    CONSUMER_LISTING,
    ERASED,
    NO_PRIOR_CONSENT,
    Refused,
)
from register.rules.permissions import permissions_of
from schemas.terms import Kind


def admits(facts: Sequence[Fact], fact: Fact, collection_bans: CollectionBans) -> Refused | None:
    """Whether the register may hold what `fact` brings, judged by what has arrived (R21, R23).

    `facts` are the person's other facts. Returns the refusal, or None where it may.
    """
    if erased_since(facts, fact) and fact.type not in SURVIVES:
        return Refused(*ERASED)
    if not fact.brings_data or fact.type == ORDER:
        return None
    gone = {other.fact_id for other in expired_facts(facts)}
    left = [other for other in facts if other.fact_id not in gone]
    ordered = sorted(counting([*left, fact]), key=lambda other: other.order)
    if fact.type == LISTING:
        return _admits_listing(ordered, fact, collection_bans)
    until = [other for other in ordered if other.time <= fact.time]
    walk = walk_through(until, permissions_of(until))
    if walk.floor is not None and walk.floor >= fact.time:
        return Refused(*(COLLECTION_BANNED if walk.collection else NO_PRIOR_CONSENT))
    return None


def erased_since(facts: Sequence[Fact], fact: Fact) -> bool:
    """Whether the person whose facts these are was erased at the fact's time or after it (R25)."""
    return any(other.type == ERASURE and fact.time <= other.time for other in facts)


def _admits_listing(
    ordered: Sequence[Fact], fact: Fact, collection_bans: CollectionBans
) -> Refused | None:
    walk = walk_through(ordered, permissions_of(ordered))
    if fact.body["kind"] == Kind.CONSUMER or walk.own_kind == Kind.CONSUMER:
        return Refused(*CONSUMER_LISTING)
    if walk.forbids(fact.time) or listing_forbidden(fact, collection_bans):
        return Refused(*COLLECTION_BANNED)
    return None
