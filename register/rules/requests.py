"""Requests of data subjects: when they are due, and what a report holds (R60 to R62)."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from register.rules.bans import Entry, published
from register.rules.facts import (
    BILLING,
    CONSENT,
    LIFT,
    NOES,
    ORDER,
    SIGNUP,
    WITHDRAWAL,
    Fact,
    Identity,
    JsonDict,
)
from register.rules.fold import Order, PersonState
from register.rules.permissions import stands

ACCESS = "access.requested"
UNSIGNED = "unsigned"
OPEN_BILLING = "open_billing"
NOT_FOUND = "person_not_found"
AMBIGUOUS = "person_ambiguous"

_OPEN_BILLING = frozenset({"overdue", "in_collection"})
_SHOWN_WHOLE = NOES | {ORDER, BILLING, CONSENT, LIFT}
"""Types of which another section of a report shows the whole body."""

_SHOWN_ELSEWHERE = frozenset({"consents", "merged"})
"""What a log leaves out of the other types' bodies: a sign-up's consents have a section, and a
merge keeps digests of references, which say nothing to anybody."""


def due(received: datetime) -> datetime:
    """R61: one calendar month after receipt, on that month's last day at the latest."""
    year, month = divmod(received.year * 12 + received.month, 12)
    month += 1
    day = min(received.day, calendar.monthrange(year, month)[1])
    return received.replace(year=year, month=month, day=day)


def blocks_erasure(state: PersonState) -> bool:
    """R25: an invoice that is not settled."""
    return not _OPEN_BILLING.isdisjoint(state.billing)


def report(
    state: PersonState,
    facts: Sequence[Fact],
    others: Sequence[Entry],
    identities: Iterable[Identity],
    eligibility: JsonDict | None,
    disclosures: Sequence[JsonDict],
) -> JsonDict:
    """All that is held on a person (contract, `access.reported`).

    `others` are the bans that bind the person and that somebody else placed on a contact point
    of theirs, or a company on its contacts: shown without who did (GDPR art. 15(4)).
    """
    profile = dict(state.profile)
    parties = {fact.fact_id: fact.party for fact in state.live}
    ordered = sorted(facts, key=lambda fact: fact.order)
    return {
        "identity": [
            {"source": one.source, "subject": one.subject}
            for one in sorted(identities, key=lambda one: (one.source, one.subject))
        ],
        "company": profile.pop("company", None),
        "contact": profile,
        "orders": [_order(order) for order in state.orders],
        "billing": [_dated(fact, fact.body) for fact in ordered if fact.type == BILLING],
        "profiling": dict(state.profiling),
        "consents": list(_consents(state, ordered)),
        "bans": [*_bans(state, ordered), *map(_ban_of_others, others)],
        "eligibility": eligibility,
        "disclosures": list(disclosures),
        "sources": sorted({fact.source for fact in ordered}),
        "log": [_logged(fact, parties.get(fact.fact_id)) for fact in ordered],
    }


def _logged(fact: Fact, party: JsonDict | None) -> JsonDict:
    """What is still held of an event, what newer ones have replaced too, and where it came from
    (R60, GDPR art. 15(1)(g)); what another section shows of it is left to that."""
    body = {} if fact.type in _SHOWN_WHOLE else fact.body
    return {
        "source": fact.source,
        "id": fact.event_id,
        "type": fact.type,
        "time": fact.time.isoformat(),
        "received": fact.received.isoformat(),
        **{name: value for name, value in body.items() if name not in _SHOWN_ELSEWHERE},
        **({"holds": party} if party else {}),
    }


def _dated(fact: Fact, body: Mapping[str, Any]) -> JsonDict:
    return {"time": fact.time.isoformat(), "source": fact.source, "id": fact.event_id, **body}


def _order(order: Order) -> JsonDict:
    shown = _dated(order.fact, order.fact.body)
    shown["active"] = order.active
    if order.over is not None:
        shown["over"] = order.over.isoformat()
    return shown


def _consents(state: PersonState, ordered: Sequence[Fact]) -> Iterable[JsonDict]:
    standing = {
        id(consent.fact)
        for consent in state.permissions.consents
        if stands(consent, state.permissions.nos)
    }
    for fact in ordered:
        if fact.type == CONSENT:
            yield _dated(fact, {**fact.body, "stands": id(fact) in standing})
        elif fact.type == SIGNUP:
            for given in fact.body["consents"]:
                yield _dated(fact, {**given, "stands": id(fact) in standing})


def _ban_of_others(ban: Entry) -> JsonDict:
    shown = published(ban)
    return {"time": shown.pop("since"), **shown, "kind": ban.kind.value, "stands": True}


def _bans(state: PersonState, ordered: Sequence[Fact]) -> Iterable[JsonDict]:
    standing = {id(no.fact) for no in state.standing}
    for fact in ordered:
        if fact.type in NOES:
            kind = "withdrawal" if fact.type == WITHDRAWAL else "ban"
            yield _dated(fact, {**fact.body, "kind": kind, "stands": id(fact) in standing})
        elif fact.type == LIFT:
            yield _dated(fact, {**fact.body, "kind": "lift"})
