"""From a readable event to a fact: what is kept, and what is left out (R1, R7, R28, S7)."""

from typing import Any

import orjson
import pytest

from register.rules.cells import CELLS
from register.rules.digest import Digester
from register.rules.facts import parse_scope
from schemas.cloudevents import CONTENT_TYPE, decode
from schemas.terms import PointKind
from tests.support import events
from tests.support.events import Json, day, scope
from tests.support.register import DIGESTER, read

PARTY = events.consumer(
    email=" Aino@Example.fi ", phone="040 123 4567", address=events.address(), language="fi"
)


def cells(kept: Json) -> set[tuple[str, str]]:
    """The cells that a kept scope covers."""
    bits = parse_scope(kept).cells
    return {(purpose.value, channel.value) for purpose, channel, bit in CELLS if bits & bit}


# Duplicates and conflicts: R1


def test_a_redelivery_is_the_same_fact() -> None:
    """R1: also after a retry that writes the JSON otherwise, or in binary mode."""
    event = events.order(day(1), PARTY)
    first = read(event)
    turned: Json = {name: event[name] for name in reversed(event)}
    again = read(turned)
    headers = [(f"ce_{name}", event[name].encode()) for name in event if name != "data"]
    binary = decode(orjson.dumps(event["data"]), [*headers, ("content-type", b"application/json")])
    assert again.fact.fact_id == first.fact.fact_id
    assert again.body_digest == first.body_digest
    assert binary.raw["data"] == event["data"]


@pytest.mark.parametrize(
    "change",
    [
        {"time": day(2).isoformat()},
        {"subject": "c-2"},
        {"type": "profile.updated", "data": {"party": PARTY}},
        {"data": {"scope": {"channels": ["email"]}}},
    ],
)
def test_another_body_is_another_fact(change: Json) -> None:
    """R1: type, subject, time and data are the body."""
    event = events.ban(day(1))
    assert read({**event, **change}).fact.fact_id != read(event).fact.fact_id


def test_a_new_trace_is_no_other_body() -> None:
    """R1: a retry may come with a trace context of its own."""
    event = events.ban(day(1))
    assert read({**event, "traceparent": "00-1"}).body_digest == read(event).body_digest


# Personal data apart from the rest


def test_a_party_is_normalised_and_kept_apart() -> None:
    """R53, R54: mail goes to the address as given."""
    fact = read(events.order(day(1), PARTY)).fact
    assert fact.party is not None
    assert fact.party["email"] == "Aino@Example.fi"
    assert fact.party["phone"] == "+358401234567"
    assert "Aino" not in repr(fact.body)
    assert fact.brings_data


def test_unknown_fields_are_dropped_and_counted() -> None:
    """R28, S7."""
    party = {**PARTY, "hobby": "golf", "address": {**events.address(), "door": "B"}}
    message = decode(orjson.dumps(events.order(day(1), party)), [CONTENT_TYPE])
    assert message.dropped == 2
    fact = read(events.order(day(1), party)).fact
    assert "golf" not in repr(fact)
    assert fact.party is not None
    assert set(fact.party["address"]) == {"street", "postal_code", "city", "country"}


def test_a_consumer_has_no_company() -> None:
    """Contract: `company` is for businesses only."""
    party = {**PARTY, "company": {"business_id": events.COMPANY, "role": "CEO"}}
    fact = read(events.order(day(1), party)).fact
    assert fact.party is not None
    assert "company" not in fact.party
    assert all(point.kind is not PointKind.COMPANY for point in fact.points)


@pytest.mark.parametrize("make", [events.ban, events.withdrawal, events.lift])
def test_a_no_and_its_end_keep_digests_and_no_party(make: Any) -> None:
    """R7: of somebody unknown nothing else is held."""
    fact = read(make(day(1), {}, PARTY)).fact
    assert fact.party is None
    assert not fact.brings_data
    assert {point.kind for point in fact.points} == {"email", "phone", "post"}
    assert "example" not in repr(fact.body)


def test_a_ban_names_a_company_only_where_it_names_nothing_else() -> None:
    """R9."""
    company: Json = {"kind": "business", "company": {"business_id": events.COMPANY}}
    alone = read(events.ban(day(1), {}, company, subject=None)).fact
    assert [point.kind for point in alone.points] == ["company"]
    mailed = read(events.ban(day(1), {}, {**company, "email": "maija@example.fi"})).fact
    assert [point.kind for point in mailed.points] == ["email"]
    named = read(events.ban(day(1), {}, {**company, "name": {"given": "Maija"}})).fact
    assert named.points == ()


# Who is who: R50


def keys(party: Json) -> set[bytes]:
    return set(read(events.profile(day(1), party)).fact.match_keys)


def test_consumers_match_by_name_and_email_or_phone() -> None:
    """R50."""
    by_email, by_phone = {**PARTY, "phone": "050 765 4321"}, {**PARTY, "email": "other@example.fi"}
    assert keys(PARTY) & keys({**by_email, "name": {"given": "AINO", "family": "virtanen "}})
    assert keys(PARTY) & keys(by_phone)
    assert not keys(by_email) & keys(by_phone)
    assert not keys(PARTY) & keys({**PARTY, "name": {"given": "Ville", "family": "Virtanen"}})


def test_contacts_match_by_name_and_business_id_or_email() -> None:
    """R50."""
    contact = events.business(email="maija@example.fi", phone="040 222 3344")
    other_company = events.business(
        business_id=events.OTHER_COMPANY, phone="040 222 3344", email="m@example.fi"
    )
    assert not keys(contact) & keys(other_company)
    assert keys(contact) & keys({**other_company, "email": "MAIJA@example.fi"})
    assert keys(contact) & keys(events.business(email="m@example.fi"))


def test_another_kind_or_half_a_name_matches_nobody() -> None:
    """R50."""
    contact = {**PARTY, "kind": "business"}
    assert not keys(PARTY) & keys(contact)
    assert keys({**PARTY, "name": {"given": "Aino"}}) == set()
    assert keys({name: value for name, value in PARTY.items() if name != "name"}) == set()


# Scopes


def test_a_list_that_is_left_out_means_all_marketing() -> None:
    """Contract: all purposes means all but `service_notice`."""
    body = read(events.ban(day(1))).fact.body
    everything = {(purpose.value, channel.value) for purpose, channel, _ in CELLS}
    assert cells(body["scope"]) == {one for one in everything if one[0] != "service_notice"}


def test_an_empty_list_in_a_ban_means_all() -> None:
    """R5: a mistake may only suppress."""
    empty: Json = {"purposes": [], "channels": [], "products": []}
    assert read(events.ban(day(1), empty)).fact.body["scope"] == {}


def test_products_are_compared_by_case_and_outer_spaces() -> None:
    body = read(events.ban(day(1), {"products": [" TV ", "tv", "Broadband"]})).fact.body
    assert body["scope"]["products"] == ["broadband", "tv"]


@pytest.mark.parametrize("make", [events.ban, events.withdrawal])
@pytest.mark.parametrize("channels", ["email", "email sms", "post"])
def test_a_no_covers_exactly_the_cells_it_names(make: Any, channels: str) -> None:
    """R6. A no to disclosure is a no by any channel, since there is only one (R34)."""
    said = scope("newsletter disclosure", channels)
    kept = read(make(day(1), said)).fact.body["scope"]
    named = {("newsletter", channel) for channel in channels.split()}
    assert cells(kept) - {("disclosure", "post")} == named


def test_a_digest_needs_the_deployments_secret() -> None:
    """R7: nobody can look an address up in the published ban register without it."""
    other = Digester(b"another secret of the tests")
    assert other.email("aino@example.fi") != DIGESTER.email("aino@example.fi")
    with pytest.raises(ValueError, match="16 bytes"):
        Digester(b"short")
