"""Events of numbered persons: whoever knows the number can name the person again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.generate.published import CAMPAIGN_TOOL, WEBSHOP, Published, Source, record
from topics import CONSENTS, ORDERS, SCREENINGS

PRODUCTS = (("fibre-100", "broadband"), ("mobile-5g", "mobile"), ("tv-basic", "tv"))


def order(run: str, number: int, note: str = "") -> Published:
    """A person orders; a `note` tells one order of theirs from another."""
    party = {
        "kind": "consumer",
        "name": {"given": "Testi", "family": f"Asiakas {number}"},
        "email": email(run, number),
        "phone": f"+35844{number % 10**7:07}",
    }
    product, category = PRODUCTS[number % len(PRODUCTS)]
    line = {"product": product, "category": category, "quantity": 1, "price_cents": 2490}
    data = {"order_id": f"order-{run}.{number}{note}", "party": party, "lines": [line]}
    # A minute back, so that a ban right after it is the later of the two by any clock.
    return _event(
        ORDERS.name, "order.placed", run, number, data, shift=timedelta(minutes=-1), note=note
    )


def consent(run: str, number: int, note: str = "") -> Published:
    """A person agrees to a newsletter by e-mail."""
    scope = {"purposes": ["newsletter"], "channels": ["email"]}
    data = {"scope": scope, "wording": "2025-09"}
    return _event(CONSENTS.name, "consent.granted", run, number, data, note=note)


def ban(run: str, number: int, note: str = "") -> Published:
    """A person forbids all marketing."""
    return _event(CONSENTS.name, "ban.placed", run, number, {"scope": {}}, note=note)


def sms_ban(run: str, number: int, note: str = "") -> Published:
    """A person forbids one channel, so that others can still change."""
    data = {"scope": {"channels": ["sms"]}}
    return _event(CONSENTS.name, "ban.placed", run, number, data, note=note)


def screening(run: str, name: str, recipients: list[dict[str, str]]) -> Published:
    """A campaign tool asks about recipients."""
    data = {
        "screening_id": name,
        "campaign_id": name,
        "purpose": "newsletter",
        "channel": "email",
        "recipients": recipients,
    }
    event = _envelope("screening.requested", f"{run}.{name}", CAMPAIGN_TOOL, timedelta(0))
    return record(SCREENINGS.name, CAMPAIGN_TOOL, {**event, "subject": name, "data": data}, name)


def email(run: str, number: int) -> str:
    """The person's address."""
    return f"asiakas.{run}.{number}@example.fi"


def orders(run: str, first: int, count: int) -> Iterator[Published]:
    """First orders of so many persons."""
    return (order(run, number) for number in range(first, first + count))


def event_id(published: Published) -> bytes:
    """The event's id, as `bench.arrivals.cause_id` gives it."""
    told: str = (published.event or {})["id"]
    return told.encode()


def _event(
    topic: str,
    event_type: str,
    run: str,
    number: int,
    data: dict[str, Any],
    *,
    shift: timedelta = timedelta(0),
    note: str = "",
) -> Published:
    subject = f"{run}.{number}"
    event = _envelope(event_type, f"{subject}{note}", WEBSHOP, shift)
    return record(topic, WEBSHOP, {**event, "subject": subject, "data": data}, subject)


def _envelope(event_type: str, name: str, source: Source, shift: timedelta) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{event_type}-{name}",
        "source": source.uri,
        "type": event_type,
        "time": (datetime.now(UTC) + shift).isoformat(),
    }
