"""Events as evidence of an outcome: source, id, times, and their own words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from register.rules.decide import Binding
from register.rules.explain.case import Case, KnownEntry
from register.rules.facts import SIGNUP, Fact, JsonDict, parse_scope
from register.rules.permissions import Consent, No
from schemas.terms import PointKind


class Role(StrEnum):
    """What an event has to do with an outcome."""

    DECIDES = "decides"
    """The outcome rests on it."""
    SET_ASIDE = "set_aside"
    """A ban or withdrawal that a newer consent ended in this cell (R5b)."""
    FALLS_SHORT = "falls_short"
    """Stands, but does not reach this cell."""
    ENDED = "ended"
    """Carried the cell once."""
    ENDED_BY = "ended_by"
    """Ended what carried it."""
    KEPT = "kept"
    """Is kept of somebody of whom no personal data is held."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An event behind an outcome.

    `under` is set for a ban of others: the kind of contact point, or the company, under which
    it stands for whoever uses it (R8, R9). `source`, `event_id`, `type` and `received` are None
    where the ban is all that is left of the event, since its person has been erased. `details`
    are the event's words: scope, wording, evidence, order and the like, never contact data.
    """

    role: Role
    time: datetime
    source: str | None
    event_id: str | None
    type: str | None
    received: datetime | None
    under: PointKind | None
    details: JsonDict

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from others, whatever its role."""
        return (self.source, self.event_id, self.time, self.under, str(self.details))


_WORDS = (
    "scope",
    "wording",
    "evidence",
    "recorded_by",
    "collection",
    "order_id",
    "contact_obtained_in_sale",
    "marketing_opt_out_offered",
    "form",
    "listed_in",
    "origin",
    "business_id",
    "request_id",
    "partner_id",
    "purposes",
)
"""What of an event's body is told; of an order's lines only the product groups."""


def of_fact(role: Role, fact: Fact, under: PointKind | None = None) -> Evidence:
    """An event in a role."""
    details = {name: fact.body[name] for name in _WORDS if name in fact.body}
    if "lines" in fact.body:
        details["categories"] = sorted({line["category"] for line in fact.body["lines"]})
    return Evidence(
        role, fact.time, fact.source, fact.event_id, fact.type, fact.received, under, details
    )


def of_consent(role: Role, consent: Consent) -> Evidence:
    """The consent's own scope and wording, of which a sign-up may have several (R10, R21)."""
    found = of_fact(role, consent.fact)
    if consent.fact.type != SIGNUP:
        return found
    given = next(
        one for one in consent.fact.body["consents"] if parse_scope(one["scope"]) == consent.scope
    )
    return replace(found, details={**found.details, **given})


def of_ban(role: Role, ban: Binding, case: Case) -> Evidence:
    """A ban that binds the person: their own, or another's under what they use."""
    if isinstance(ban.by, No):
        return of_fact(role, ban.by.fact)
    return of_line(role, next(line for line in case.others if line.entry is ban.by))


def of_line(role: Role, line: KnownEntry) -> Evidence:
    """A line of the ban register."""
    entry = line.entry
    if line.fact is not None:
        return replace(of_fact(role, line.fact, entry.kind), time=entry.since)
    details = {"scope": entry.scope_data}
    return Evidence(role, entry.since, None, None, None, None, entry.kind, details)


def unique(events: Iterable[Evidence]) -> Iterator[Evidence]:
    """Each event once, in the first role that it has."""
    seen: set[tuple[object, ...]] = set()
    for event in events:
        if event.key not in seen:
            seen.add(event.key)
            yield event
