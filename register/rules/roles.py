"""Business contacts and the companies that they leave (R27)."""

import uuid
from collections.abc import Mapping, Sequence

from register.rules.facts import LEFT_COMPANY, LISTING, Fact
from register.rules.permissions import Moment
from schemas.terms import Kind, PointKind


def left_companies(ordered: Sequence[Fact]) -> dict[bytes, Moment]:
    """R27: by company digest, the last moment it was left."""
    return {
        point.digest: fact.time
        for fact in ordered
        if fact.type == LEFT_COMPANY
        for point in fact.points
    }


def _company_digest(fact: Fact) -> bytes | None:
    return next((point.digest for point in fact.points if point.kind is PointKind.COMPANY), None)


def of_ended_roles(ordered: Sequence[Fact], left: Mapping[bytes, Moment]) -> set[uuid.UUID]:
    """R27: facts whose contact points belong to a role that ended.

    A fact that names no company was given for the company named before it, else for the first
    one named after; one that a consumer gave, for none. A listing cannot know that a role ended:
    it never brings one back.
    """
    gone: set[uuid.UUID] = set()
    if not left:
        return gone
    given = [fact for fact in ordered if fact.brings_data and fact.body["kind"] != Kind.CONSUMER]
    named = [company for fact in given if (company := _company_digest(fact)) is not None]
    own: bytes | None = None
    for fact in given:
        company = _company_digest(fact)
        if fact.type != LISTING:
            own = company or own
        company = company or own or (named[0] if named else None)
        ended = left.get(company) if company is not None else None
        if ended is not None and (fact.type == LISTING or fact.time <= ended):
            gone.add(fact.fact_id)
    return gone


def role_ended(ordered: Sequence[Fact], left: Mapping[bytes, Moment]) -> bool:
    """R27: the newest company that the person acted for is one that was left since; what the
    person or an order said of it comes before what a listing did."""
    if not left:
        return False
    acted = [fact for fact in ordered if fact.brings_data and _company_digest(fact) is not None]
    if not acted:
        return False
    own = [fact for fact in acted if fact.type != LISTING]
    newest = (own or acted)[-1]
    company = _company_digest(newest)
    ended = left.get(company) if company is not None else None
    return ended is not None and (newest.type == LISTING or newest.time <= ended)
