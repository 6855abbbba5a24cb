"""Every reason for which a message becomes a dead letter names the field, and never its value.

R4, R10, R28, R53 to R55; the codes are those of `docs/publishing.md`. What needs the store
(`id_conflict`) or the topic (`unexpected_type`) is tested with those.
"""

import copy
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from register.rules.intake import Intake, intake
from schemas.cloudevents import CONTENT_TYPE, MAX_BYTES, decode
from schemas.docs.events import example
from schemas.inbound import INBOUND_TYPES
from schemas.problems import Unreadable
from tests.support import events
from tests.support.events import RECEIVED, Json, day
from tests.support.register import DIGESTER, read

SECRET = "kissanviikset"
CODE = "010594Y9032"
"""A personal identity code that is never given out."""
ORDER = events.order(
    day(1),
    events.business(
        email="maija@example.fi", phone="040 222 3344", address=events.address(), language="fi"
    ),
)
Path = tuple[str | int, ...]


def reason(event: Json) -> str:
    """Why an event is a dead letter."""
    with pytest.raises(Unreadable) as caught:
        read(event)
    return caught.value.reason


def changed(event: Json, path: str, value: Any) -> Json:
    """A copy with another value at a dotted path."""
    copied = copy.deepcopy(event)
    *steps, last = path.split(".")
    place: Any = copied
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    return copied


def without(event: Json, path: str) -> Json:
    """A copy without what stands at a dotted path."""
    copied = copy.deepcopy(event)
    *steps, last = path.split(".")
    place: Any = copied
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    del place[last]
    return copied


# The record


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null_value: value"),
        (b'"' + b"x" * MAX_BYTES + b'"', "too_large: value"),
        (b"", "malformed_json: value"),
        (b"\xff\xfe", "malformed_json: value"),
        (b"{", "malformed_json: value"),
        (b'{"a": NaN}', "malformed_json: value"),
        (b"[]", "wrong_type: value"),
        (b"17", "wrong_type: value"),
        (b"{}", "missing_field: type"),
    ],
)
def test_a_record_that_is_no_event(value: bytes | None, expected: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(value, [CONTENT_TYPE])
    assert caught.value.reason == expected


def test_a_header_that_is_no_text() -> None:
    headers = [("ce_type", b"order.placed"), ("ce_id", b"\xff"), ("ce_source", b"/x")]
    with pytest.raises(Unreadable) as caught:
        decode(b"{}", headers)
    assert caught.value.reason == "malformed_header: ce_*"


# The envelope and the fields


@pytest.mark.parametrize("name", ["id", "source", "time", "specversion", "type", "data"])
def test_a_missing_attribute(name: str) -> None:
    assert reason(without(ORDER, name)) == f"missing_field: {name}"


def test_an_event_about_a_person_without_a_subject() -> None:
    assert reason(without(ORDER, "subject")) == "missing_subject: subject"


def test_a_ban_that_names_nobody_and_nothing() -> None:
    """R7: it would bind nobody."""
    assert reason(events.ban(day(1), subject=None)) == "missing_subject: subject"
    named = {"kind": "consumer", "name": {"given": "Aino", "family": "Virtanen"}}
    assert reason(events.ban(day(1), {}, named, subject=None)) == "missing_subject: subject"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("type", SECRET, "unknown_type: type"),
        ("specversion", SECRET, "invalid_value: specversion"),
        ("id", "", "invalid_value: id"),
        ("id", 17, "wrong_type: id"),
        ("source", "x" * 256, "invalid_value: source"),
        ("time", 1_770_000_000, "wrong_type: time"),
        ("time", "1770000000", "invalid_value: time"),
        ("time", "0001-01-01T00:00:00+00:00", "invalid_value: time"),
        ("time", "2026-03-01T00:00:00", "time_without_offset"),
        ("time", "2026-03-01", "time_without_offset"),
        ("data.order_id", 17, "wrong_type: data.order_id"),
        ("data.order_id", "a\x00b", "invalid_value: value"),
        ("data.lines", [], "invalid_value: data.lines"),
        ("data.lines.0.quantity", 0, "invalid_value: data.lines.0.quantity"),
        ("data.lines.0.quantity", "1", "wrong_type: data.lines.0.quantity"),
        ("data.lines.0.price_cents", 19.9, "wrong_type: data.lines.0.price_cents"),
        ("data.party", [], "wrong_type: data.party"),
        ("data.party.kind", SECRET, "invalid_value: data.party.kind"),
        ("data.party.name", SECRET, "wrong_type: data.party.name"),
        ("data.party.language", SECRET, "invalid_value: data.party.language"),
        ("data.party.address.street", "", "invalid_value: data.party.address.street"),
        ("data.party.email", SECRET, "invalid_email: data.party.email"),
        ("data.party.phone", SECRET, "invalid_phone: data.party.phone"),
        ("data.party.phone", "0401234567 0507654321", "invalid_phone: data.party.phone"),
        (
            "data.party.company.business_id",
            SECRET,
            "invalid_business_id: data.party.company.business_id",
        ),
        ("data.contact_obtained_in_sale", "yes", "wrong_type: data.contact_obtained_in_sale"),
    ],
)
def test_a_field_that_is_not_as_it_should_be(path: str, value: object, expected: str) -> None:
    assert reason(changed(ORDER, path, value)) == expected


@pytest.mark.parametrize("path", ["data.order_id", "data.party", "data.lines", "data.party.kind"])
def test_a_required_field_that_is_not_there(path: str) -> None:
    assert reason(without(ORDER, path)) == f"missing_field: {path}"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.consent(day(1), {"channels": [SECRET]}), "invalid_value: data.scope.channels.0"),
        (events.consent(day(1), {"purposes": []}), "invalid_value: data.scope.purposes"),
        (events.lift(day(1), {"products": []}), "invalid_value: data.scope.products"),
        (
            events.signup(day(1), events.consumer(), {}, {"channels": []}),
            "invalid_value: data.consents.1.scope.channels",
        ),
        (events.left_company(day(1), SECRET), "invalid_business_id: data.business_id"),
        (
            events.signup(day(1), events.consumer(), {}, profiling={SECRET: [SECRET]}),
            "wrong_type: data.profiling",
        ),
        (
            events.ban(day(1), {}, {"kind": "consumer", "phone": SECRET}),
            "invalid_phone: data.party.phone",
        ),
    ],
)
def test_fields_of_other_types(event: Json, expected: str) -> None:
    assert reason(event) == expected


# The clock: R4

_AHEAD = RECEIVED + timedelta(minutes=5)


@pytest.mark.parametrize(
    "make",
    [
        lambda time: events.order(time, events.consumer()),
        lambda time: events.consent(time, {}),
        lambda time: events.signup(time, events.consumer(), {}),
        lambda time: events.lift(time),
        lambda time: events.profile(time, events.consumer()),
        lambda time: events.listing(time, events.business()),
        lambda time: events.cancellation(time),
    ],
)
def test_only_five_minutes_ahead_are_forgiven(make: Callable[[Any], Json]) -> None:
    """R4. They count from their receipt: dated ahead, a consent would beat the ban after it."""
    assert read(make(_AHEAD)).fact.time == RECEIVED
    assert reason(make(_AHEAD + timedelta(seconds=1))) == "clock_skew"


@pytest.mark.parametrize(
    "make",
    [
        lambda time: events.ban(time),
        lambda time: events.withdrawal(time, {}),
        lambda time: events.left_company(time),
    ],
)
@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(minutes=6), timedelta(days=900)])
def test_a_no_from_the_future_counts_from_its_receipt(
    make: Callable[[Any], Json], ahead: timedelta
) -> None:
    """R4."""
    assert read(make(RECEIVED + ahead)).fact.time == RECEIVED


@pytest.mark.parametrize("recipient", ["authority", "person"])
def test_who_is_no_partner_has_no_partner_id(recipient: str) -> None:
    """R63, R64: or the answer would go to that partner, whatever agreement it has."""
    asked = {"request_id": "D-1", "selection": {}, "recipient": recipient, "legal_basis": "law"}
    event = events.event("disclosure.requested", asked, day(1), source="/s", subject=None)
    assert read(event).event is not None
    event["data"]["partner_id"] = "p-1"
    assert reason(event) == "invalid_value: data.partner_id"


# No evidence: R10


def test_a_consent_without_wording_is_refused_and_keeps_nothing() -> None:
    """R10, R21: no dead letter, and no personal data."""
    party = events.consumer(email="aino@example.fi")
    for event in (
        events.consent(day(1), {}, party, wording=None),
        _unworded(events.signup(day(1), party, {}, {"channels": ["email"]})),
    ):
        arrived = read(event)
        assert arrived.refused is not None
        assert (arrived.refused.rule, arrived.refused.reason) == ("R10", "consent_without_evidence")
        assert arrived.fact.party is None
        assert (arrived.fact.body, arrived.fact.points) == ({}, ())
        assert (arrived.fact.names, arrived.fact.contacts) == ((), ())


def _unworded(event: Json) -> Json:
    return without(event, "data.consents.1.wording")


# Personal identity codes: R28


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of all texts in a JSON value."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))


EXAMPLES = [{**example(name), "time": day(1).isoformat()} for name in sorted(INBOUND_TYPES)]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event["type"])
def test_an_identity_code_in_any_field(event: Json) -> None:
    """R28: whatever the type, the field, and what stands around the code."""
    apart = {("type",), ("traceparent",), ("datacontenttype",)}  # the next test has them
    texts = [".".join(map(str, path)) for path in leaves(event) if path not in apart]
    assert len(texts) > 4
    for path in texts:
        found = reason(changed(event, path, f"x {CODE.lower()}"))
        assert CODE.lower() not in found.lower()
        # Where the field takes no free text at all, that may be said first.
        codes = ("personal_identity_code", "invalid_value", "wrong_type")
        assert found.partition(":")[0] in codes, path


@pytest.mark.parametrize(
    "path", ["id", "source", "subject", "traceparent", "datacontenttype", "data.party.email"]
)
def test_an_identity_code_in_free_text_is_called_by_its_name(path: str) -> None:
    """R28: the trace context too, since it is carried on to what the event causes."""
    event = {**ORDER, "traceparent": "00-0", "datacontenttype": "application/json"}
    assert reason(changed(event, path, CODE)) == f"personal_identity_code: {path}"


def test_an_identity_code_as_a_name_of_a_field_or_in_an_unknown_one() -> None:
    """R28: and the name that the sender made up is not repeated."""
    unknown = changed(ORDER, "data.party.remarks", {"deep": [CODE]})
    assert reason(unknown).startswith("personal_identity_code: data.party")
    named = events.signup(day(1), events.consumer(), {}, profiling={CODE: "x"})
    assert reason(named) == "personal_identity_code: data.profiling"


# Anything at all


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_unreadable(value: bytes) -> None:
    with pytest.raises(Unreadable):
        decode(value, [CONTENT_TYPE])


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def everywhere(value: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of everything in a JSON value."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from everywhere(item, (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from everywhere(item, (*path, number))


ANYWHERE = st.sampled_from(EXAMPLES).flatmap(
    lambda event: st.tuples(
        st.just(event), st.sampled_from([".".join(map(str, p)) for p in everywhere(event)])
    )
)


def taken(event: Json) -> Intake | None:
    """The event as the rules take it, written by another program; None for a dead letter."""
    text = json.dumps(event, allow_nan=True).encode()
    try:
        return intake(decode(text, [CONTENT_TYPE]), RECEIVED, DIGESTER)
    except Unreadable:
        return None


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(ANYWHERE, JSON_VALUES)
def test_any_value_anywhere_is_taken_or_unreadable(place: tuple[Json, str], value: Any) -> None:
    """Nothing else is raised; what is taken can be written down as JSON, as the store does."""
    arrived = taken(changed(*place, value))
    if arrived is not None:
        fact = arrived.fact
        assert orjson.loads(orjson.dumps(fact.body)) == fact.body
        assert orjson.loads(orjson.dumps(fact.party)) == fact.party


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (ORDER, "data.lines.0.quantity"),
        (ORDER, "data.lines.0.price_cents"),
        (
            events.signup(day(1), events.business(), profiling={"visits": 1}),
            "data.profiling.visits",
        ),
    ],
)
@pytest.mark.parametrize("number", [2**63, 10**30, -(10**30), float("inf"), 1e300 * 10])
def test_a_number_that_nothing_can_store(event: Json, path: str, number: float) -> None:
    """Taken in a form that can be written down, or a dead letter: never an error of ours."""
    arrived = taken(changed(event, path, number))
    if arrived is not None:
        orjson.dumps([arrived.fact.body, arrived.fact.party])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    ANYWHERE,
    st.sampled_from([SECRET, [SECRET], {SECRET: SECRET}, f"{SECRET}@", f"+358{SECRET}", {}]),
)
def test_no_reason_repeats_a_value(place: tuple[Json, str], value: Any) -> None:
    said = ""
    try:
        read(changed(*place, value))
    except Unreadable as error:
        said = f"{error.reason} {error!r}"
    assert SECRET not in said
