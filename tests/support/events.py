"""What channels say in the tests of the rules: CloudEvents as dicts, without server or clock."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

WEBSHOP = "/channels/webshop"
APP = "/channels/app"
DIRECTORY = "/directories/example"

COMPANY, OTHER_COMPANY = "0112038-9", "1234567-1"
"""Business ids with right check digits (R55)."""

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)
RECEIVED = datetime(2026, 12, 1, tzinfo=UTC)
"""When events arrive, unless a test says otherwise: later than every day that tests use."""

_numbers = itertools.count(1)


def day(number: float) -> datetime:
    """A day of the tests' calendar; a part of a number is a part of the day."""
    return FIRST_DAY + timedelta(days=number - 1)


def event(
    kind: str,
    data: Json,
    time: datetime,
    subject: str | None = "c-1",
    source: str = WEBSHOP,
    event_id: str | None = None,
) -> Json:
    """A CloudEvent, with an id of its own unless one is given."""
    made: Json = {
        "specversion": "1.0",
        "id": event_id or f"evt-{next(_numbers)}",
        "source": source,
        "type": kind,
        "time": time.isoformat(),
        "data": data,
    }
    if subject is not None:
        made["subject"] = subject
    return made


def consumer(given: str = "Aino", family: str = "Virtanen", **parts: Any) -> Json:
    """A consumer as a party; `parts` are the contact points."""
    return {"kind": "consumer", "name": {"given": given, "family": family}, **parts}


def business(
    given: str = "Aino",
    family: str = "Virtanen",
    business_id: str | None = COMPANY,
    role: str | None = "IT manager",
    **parts: Any,
) -> Json:
    """A business contact as a party."""
    company = {"business_id": business_id, "role": role}
    return {
        "kind": "business",
        "name": {"given": given, "family": family},
        "company": {name: value for name, value in company.items() if value is not None},
        **parts,
    }


def address(street: str = "Mikonkatu 16") -> Json:
    """A postal address in Mikkeli."""
    return {"street": street, "postal_code": "50100", "city": "Mikkeli", "country": "FI"}


def scope(purposes: str = "", channels: str = "", products: str = "") -> Json:
    """A scope out of words: `scope("newsletter offers", "email")`; nothing named means all."""
    lists = {"purposes": purposes, "channels": channels, "products": products}
    return {name: words.split() for name, words in lists.items() if words}


def order(
    time: datetime,
    party: Json,
    categories: str = "broadband",
    order_id: str = "order-1",
    *,
    obtained: bool = True,
    offered: bool = True,
    **envelope: Any,
) -> Json:
    """`order.placed` of one product in each category."""
    lines = [
        {"product": f"{category}-basic", "category": category, "quantity": 1, "price_cents": 1990}
        for category in categories.split()
    ]
    data: Json = {"order_id": order_id, "party": party, "lines": lines}
    if not obtained:
        data["contact_obtained_in_sale"] = False
    if not offered:
        data["marketing_opt_out_offered"] = False
    return event("order.placed", data, time, **envelope)


def cancellation(time: datetime, order_id: str = "order-1", **envelope: Any) -> Json:
    """`order.cancelled`."""
    return event("order.cancelled", {"order_id": order_id}, time, **envelope)


def contract_end(time: datetime, order_id: str = "order-1", **envelope: Any) -> Json:
    """`contract.ended`."""
    return event("contract.ended", {"order_id": order_id}, time, **envelope)


def billing(
    time: datetime, status: str = "overdue", invoice: str | None = None, **envelope: Any
) -> Json:
    """`billing.status-changed`, of one invoice or of all."""
    data = {"status": status} if invoice is None else {"status": status, "invoice_ref": invoice}
    return event("billing.status-changed", data, time, **envelope)


def signup(
    time: datetime,
    party: Json,
    *consents: Json,
    profiling: Json | None = None,
    **envelope: Any,
) -> Json:
    """`signup.received`; `consents` are scopes, each agreed to with wording."""
    data: Json = {
        "party": party,
        "form": "newsletter",
        "consents": [{"scope": agreed, "wording": "text-1"} for agreed in consents],
    }
    if profiling is not None:
        data["profiling"] = profiling
    return event("signup.received", data, time, **envelope)


def consent(
    time: datetime,
    agreed: Json,
    party: Json | None = None,
    wording: str | None = "text-1",
    **envelope: Any,
) -> Json:
    """`consent.granted`."""
    data: Json = {"scope": agreed}
    if party is not None:
        data["party"] = party
    if wording is not None:
        data["wording"] = wording
    return event("consent.granted", data, time, **envelope)


def withdrawal(time: datetime, withdrawn: Json, party: Json | None = None, **envelope: Any) -> Json:
    """`consent.withdrawn`."""
    return event("consent.withdrawn", _no(withdrawn, party), time, **envelope)


def ban(
    time: datetime,
    banned: Json | None = None,
    party: Json | None = None,
    *,
    collection: bool = False,
    **envelope: Any,
) -> Json:
    """`ban.placed`, on all marketing unless a scope is given."""
    return event("ban.placed", _no(banned or {}, party, collection=collection), time, **envelope)


def lift(
    time: datetime,
    lifted: Json | None = None,
    party: Json | None = None,
    *,
    collection: bool = False,
    **envelope: Any,
) -> Json:
    """`ban.lifted`, of all marketing unless a scope is given."""
    return event("ban.lifted", _no(lifted or {}, party, collection=collection), time, **envelope)


def _no(covered: Json, party: Json | None, *, collection: bool = False) -> Json:
    data: Json = {"scope": covered}
    if party is not None:
        data["party"] = party
    if collection:
        data["collection"] = True
    return data


def profile(time: datetime, party: Json, profiling: Json | None = None, **envelope: Any) -> Json:
    """`profile.updated`."""
    data: Json = {"party": party}
    if profiling is not None:
        data["profiling"] = profiling
    return event("profile.updated", data, time, **envelope)


def left_company(time: datetime, business_id: str = COMPANY, **envelope: Any) -> Json:
    """`contact.left-company`."""
    return event("contact.left-company", {"business_id": business_id}, time, **envelope)


def listing(time: datetime, party: Json, **envelope: Any) -> Json:
    """`prospect.listed` by a directory."""
    data: Json = {"party": party, "listed_in": "A directory", "origin": "directory"}
    envelope.setdefault("source", DIRECTORY)
    return event("prospect.listed", data, time, **envelope)
