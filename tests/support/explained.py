"""What the tests of explanations share: two persons, what they said, and an agreement."""

from register.rules.explain import Case, Role, Why, why
from schemas.terms import Channel, Purpose
from tests.support import events
from tests.support.events import Json, business, consumer, day, scope

AINO = consumer(email="aino@example.fi", phone="040 123 4567", address=events.address())
MAIJA = business(email="maija@example.fi", phone="050 765 4321", address=events.address())
AGREEMENT = {
    "partner_id": "p-1",
    "name": "Kumppani Oy",
    "region": "EEA",
    "purposes": ["disclosure", "partner_marketing"],
}
BOUGHT = events.order(day(1), AINO, event_id="bought")
LISTED = events.listing(day(1), MAIJA, subject="c-1", source=events.WEBSHOP, event_id="listed")
ENDED = events.contract_end(day(9), event_id="ended")
AGREED = events.consent(day(5), scope("newsletter", "email"), event_id="agreed")
PLACED_BAN = events.ban(day(6), scope("newsletter", "email"), event_id="banned")


def signed(number: float = 1) -> Json:
    return events.event(
        "agreement.signed", AGREEMENT, day(number), subject="p-1", event_id="signed"
    )


def agreement_ended(number: float) -> Json:
    data = {"partner_id": "p-1"}
    return events.event("agreement.ended", data, day(number), subject="p-1", event_id="parted")


def ids(found: Why, role: Role = Role.DECIDES) -> list[str | None]:
    return [event.event_id for event in found.events if event.role is role]


def newsletter(case: Case) -> Why:
    return why(case, Purpose.NEWSLETTER, Channel.EMAIL)


def others_ban(party: Json, banned: Json | None = None) -> Json:
    return events.ban(day(4), banned, party, subject="c-2", event_id="of others")
