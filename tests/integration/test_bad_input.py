"""A record that cannot be read becomes exactly one dead letter, and harms nobody else.

All cases are published at once, each between two healthy orders of the same partition, so that
the worker meets them in the midst of its batches. The tests then look at what came of each.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from ops.generate.poison import identity_code
from schemas.cloudevents import CONTENT_TYPE, MAX_BYTES
from tests.conftest import RunningStack
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import READ, Deployment, deployed
from tests.integration.support.events import (
    Json,
    ago,
    ban,
    binary,
    event,
    order,
    signup,
    structured,
)
from tests.integration.support.model import assert_nothing_lost, data_of, dead_place
from topics import (
    CONSENTS,
    DEAD_LETTERS,
    ELIGIBILITY,
    ORDERS,
    OUTBOUND,
    PROFILES,
    PROSPECTS,
    SIGNUPS,
)

Place = tuple[str, int, int]

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

CODE = identity_code(random.Random(1))
"""A personal identity code of the range that is never given out."""
SECRET_TEXT = "salaisuus"
"""Stands in values that are wrong: no reason may repeat it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A record, and the reason of the dead letter that it must become."""

    name: str
    reason: str
    record: Outgoing


def spoilt(name: str, reason: str, spoil: Callable[[Json], None]) -> Case:
    """An order that `spoil` has changed."""
    whole = order(f"bad-{name}")
    spoil(whole)
    return Case(name, reason, structured(ORDERS.name, whole))


def raw(name: str, reason: str, value: bytes | None, topic: str = ORDERS.name) -> Case:
    """A record whose value is not even an event."""
    return Case(name, reason, Outgoing(topic, f"bad-{name}".encode(), value, (CONTENT_TYPE,)))


def on(name: str, reason: str, topic: str, event: Json) -> Case:
    """An event that is not an order, or one where it does not belong."""
    return Case(name, reason, structured(topic, event))


def put(path: str, value: Any) -> Callable[[Json], None]:
    """Sets the field at a dotted path; numbers stand for places in a list."""

    def change(whole: Json) -> None:
        *way, last = path.split(".")
        part: Any = whole
        for name in way:
            part = part[int(name)] if isinstance(part, list) else part.setdefault(name, {})
        part[last] = value

    return change


def drop(path: str) -> Callable[[Json], None]:
    """Takes the field at a dotted path away."""

    def change(whole: Json) -> None:
        *way, last = path.split(".")
        part: Any = whole
        for name in way:
            part = part[int(name)] if isinstance(part, list) else part[name]
        del part[last]

    return change


def padded(size: int, subject: str) -> Outgoing:
    """A valid order whose value is exactly so many bytes long."""
    record = structured(ORDERS.name, order(subject))
    assert record.value is not None
    return replace(record, value=record.value + b" " * (size - len(record.value)))


def escaped(text: str) -> bytes:
    """The text as a JSON string of nothing but \\u escapes."""
    return b'"' + b"".join(b"\\u%04x" % ord(character) for character in text) + b'"'


def rewritten(name: str, reason: str, old: bytes, new: bytes) -> Case:
    """An order with a part of its JSON text replaced."""
    record = structured(ORDERS.name, order(f"bad-{name}"))
    assert record.value is not None
    assert old in record.value
    return Case(name, reason, replace(record, value=record.value.replace(old, new)))


def in_header(name: str, reason: str, header: tuple[str, bytes]) -> Case:
    """An order in binary mode with one header replaced."""
    record = binary(ORDERS.name, order(f"bad-{name}"))
    headers = [one for one in record.headers if one[0] != header[0]]
    return Case(name, reason, replace(record, headers=[*headers, header]))


def business(name: str, business_id: str) -> Case:
    """An order of a company with that business id."""
    company = {"business_id": business_id, "name": "Esimerkki Oy", "role": "CEO"}
    whole = order(f"bad-{name}")
    whole["data"]["party"] |= {"kind": "business", "company": company}
    reason = "invalid_business_id: data.party.company.business_id"
    return on(name, reason, ORDERS.name, whole)


def profiled(name: str, reason: str, profiling: Json) -> Case:
    """A sign-up that tells these things of the person."""
    whole = signup(f"bad-{name}")
    whole["data"]["profiling"] = profiling
    return on(name, reason, SIGNUPS.name, whole)


def code_in(name: str, path: str, field: str | None = None) -> Case:
    """An order with a personal identity code in a field."""
    reason = f"personal_identity_code: {field or path}"
    return spoilt(name, reason, put(path, f"{SECRET_TEXT} {CODE}"))


HALF_AN_EVENT = structured(ORDERS.name, order("bad-half")).value or b""
SCREENING = event(
    "screening.requested",
    "bad-screening",
    {
        "screening_id": "s1",
        "campaign_id": "c1",
        "purpose": "offers",
        "channel": "email",
        "recipients": [{"ref": "r1", "email": f"{SECRET_TEXT}@example.fi"}],
    },
)
EMPTY_SCOPE = event(
    "consent.granted", "bad-empty-scope", {"scope": {"purposes": []}, "wording": "w"}
)
SUBJECTLESS = {name: value for name, value in order("bad-subjectless").items() if name != "subject"}
EVIDENT = ban("bad-evidence")
EVIDENT["data"]["evidence"] = f"call of 3 May, {CODE}, noted by hand"

CASES: tuple[Case, ...] = (
    # no JSON, or no event
    raw("half", "malformed_json: value", HALF_AN_EVENT[:100]),
    raw("empty", "malformed_json: value", b""),
    raw("no-utf-8", "malformed_json: value", HALF_AN_EVENT.replace(b"Aino", b"A\xefno")),
    raw("lone-surrogate", "malformed_json: value", HALF_AN_EVENT.replace(b"Aino", b"\\ud800")),
    raw("list", "wrong_type: value", b"[" + HALF_AN_EVENT + b"]"),
    raw("text", "wrong_type: value", b'"salaisuus"'),
    raw("null", "wrong_type: value", b"null"),
    raw("null-value", "null_value: value", None),
    Case("too-large", "too_large: value", padded(MAX_BYTES + 1, "bad-too-large")),
    # missing fields
    spoilt("no-id", "missing_field: id", drop("id")),
    spoilt("no-source", "missing_field: source", drop("source")),
    spoilt("no-type", "missing_field: type", drop("type")),
    spoilt("no-time", "missing_field: time", drop("time")),
    spoilt("no-data", "missing_field: data", drop("data")),
    spoilt("no-order-id", "missing_field: data.order_id", drop("data.order_id")),
    spoilt("no-kind", "missing_field: data.party.kind", drop("data.party.kind")),
    spoilt("no-category", "missing_field: data.lines.0.category", drop("data.lines.0.category")),
    on("no-subject", "missing_subject: subject", ORDERS.name, SUBJECTLESS),
    # wrong types and values
    spoilt("quantity", "wrong_type: data.lines.0.quantity", put("data.lines.0.quantity", "1")),
    spoilt("party", "wrong_type: data.party", put("data.party", SECRET_TEXT)),
    spoilt("e-mails", "wrong_type: data.party.email", put("data.party.email", [SECRET_TEXT])),
    spoilt("numbered", "wrong_type: id", put("id", 12345)),
    spoilt("robot", "invalid_value: data.party.kind", put("data.party.kind", SECRET_TEXT)),
    spoilt("no-lines", "invalid_value: data.lines", put("data.lines", [])),
    spoilt("version", "invalid_value: specversion", put("specversion", "0.3")),
    on("empty-scope", "invalid_value: data.scope.purposes", CONSENTS.name, EMPTY_SCOPE),
    rewritten("huge", "invalid_value: data.lines.0.price_cents", b"2490", b"1" + b"0" * 30),
    rewritten("deep", "malformed_json: value", b"2490", b"[" * 400 + b"]" * 400),
    # types and topics
    spoilt("teleported", "unknown_type: type", put("type", "order.teleported")),
    on("wrong-topic", "unexpected_type: type", CONSENTS.name, order("bad-wrong-topic")),
    on("wrong-door", "unexpected_type: type", ORDERS.name, SCREENING),
    on("listed-as-order", "unexpected_type: type", PROSPECTS.name, signup("bad-listed")),
    # contact points
    spoilt("phone", "invalid_phone: data.party.phone", put("data.party.phone", "+35840")),
    spoilt(
        "two-phones",
        "invalid_phone: data.party.phone",
        put("data.party.phone", "0401234567 / 0501234567"),
    ),
    spoilt("words", "invalid_phone: data.party.phone", put("data.party.phone", SECRET_TEXT)),
    spoilt("e-mail", "invalid_email: data.party.email", put("data.party.email", SECRET_TEXT)),
    business("check-digit", "0112038-8"),
    business("no-business", SECRET_TEXT),
    on(
        "left-nowhere",
        "invalid_business_id: data.business_id",
        PROFILES.name,
        event("contact.left-company", "bad-left", {"business_id": "0112038-8"}),
    ),
    # personal identity codes (R28)
    code_in("code-name", "data.party.name.given"),
    code_in("code-product", "data.lines.0.product", "data.lines.product"),
    code_in("code-unknown-field", "data.party.ssn", "data.party"),
    code_in("code-subject", "subject"),
    code_in("code-id", "id"),
    code_in("code-source", "source"),
    code_in("code-trace", "traceparent"),
    profiled("code-key", "personal_identity_code: data.profiling", {f"is {CODE}": True}),
    profiled("code-value", "personal_identity_code: data.profiling", {"note": f"is {CODE}"}),
    on("code-evidence", "personal_identity_code: data.evidence", CONSENTS.name, EVIDENT),
    rewritten(
        "code-escaped", "personal_identity_code: data.party.name.given", b'"Aino"', escaped(CODE)
    ),
    # NUL, which no text of PostgreSQL holds
    rewritten("nul", "invalid_value: value", b'"Aino"', escaped("Ai\0no")),
    in_header("nul-header", "invalid_value: value", ("ce_subject", b"bad\0nul")),
    # headers
    in_header("no-text", "malformed_header: ce_*", ("ce_id", b"evt-\xff")),
    in_header("no-version", "invalid_value: specversion", ("ce_specversion", b"0.3")),
    # times
    spoilt("no-offset", "time_without_offset", put("time", "2026-03-01T12:00:00")),
    spoilt("skew", "clock_skew", put("time", ago(days=-2))),
    spoilt("no-date", "wrong_type: time", put("time", SECRET_TEXT)),
    spoilt("year-one", "invalid_value: time", put("time", "0001-01-01T00:00:00+14:00")),
)


CUSTOMER = order("conflict")
OTHER_ORDER = order("conflict", id=CUSTOMER["id"], time=ago(minutes=30))
BAN = ban("conflict", {"channels": ["post"]})
OTHER_BAN = ban("conflict", {"channels": ["email"]}, id=BAN["id"])
# One key, so one partition: they are read in this order.
CONFLICTING = (
    structured(ORDERS.name, CUSTOMER),
    structured(ORDERS.name, OTHER_ORDER),
    structured(ORDERS.name, CUSTOMER),
    structured(ORDERS.name, BAN),
    structured(ORDERS.name, OTHER_BAN),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it all.

    `places` says where each case's record was received, `conflicting` the same of
    `CONFLICTING`; `dead` holds the dead letters by where they were received, `healthy` the
    subjects of the healthy orders.
    """

    deployment: Deployment
    places: dict[str, Place]
    conflicting: Sequence[Place]
    dead: dict[Place, list[Incoming]]
    healthy: Sequence[str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def outcome(
    stack: RunningStack, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Outcome]:
    """Publish every case among its neighbours, start a worker, wait until it is through."""
    healthy = ["just-fits"]
    records = [padded(MAX_BYTES, "just-fits")]
    for case in CASES:
        names = [f"before-{case.name}", f"after-{case.name}"]
        before, after = (
            replace(structured(ORDERS.name, order(name)), key=case.record.key) for name in names
        )
        healthy += names
        records += [before, case.record, after]
    folder = tmp_path_factory.mktemp("bad-input")
    async with deployed(stack, template_database, folder) as deployment:
        places = await deployment.publish([*records, *CONFLICTING])
        await deployment.start_worker()
        await deployment.drained()
        yield Outcome(
            deployment,
            {case.name: places[2 + 3 * number] for number, case in enumerate(CASES)},
            places[len(records) :],
            by_place(await deployment.dead_letters()),
            healthy,
        )


def by_place(dead: Sequence[Incoming]) -> dict[Place, list[Incoming]]:
    """Dead letters by where they were received."""
    found: dict[Place, list[Incoming]] = {}
    for record in dead:
        found.setdefault(dead_place(record), []).append(record)
    return found


def header(record: Incoming, name: str) -> str:
    """The header as text; fails unless there is exactly one."""
    (value,) = [value for given, value in record.headers if given == name]
    assert value is not None
    return value.decode()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_becomes_one_dead_letter(outcome: Outcome, case: Case) -> None:
    """As received: bytes, key and headers; and where it was and why it could not be read."""
    place = outcome.places[case.name]
    (letter,) = outcome.dead[place]
    assert (letter.key, letter.value) == (case.record.key, case.record.value)
    assert list(letter.headers[: len(case.record.headers)]) == list(case.record.headers)
    added = [name for name, _ in letter.headers[len(case.record.headers) :]]
    assert added == ["dlq-reason", "dlq-topic", "dlq-partition", "dlq-offset"]
    assert header(letter, "dlq-reason") == case.reason
    assert (header(letter, "dlq-topic"), int(header(letter, "dlq-partition"))) == place[:2]
    assert int(header(letter, "dlq-offset")) == place[2]


async def test_nothing_else_became_a_dead_letter(outcome: Outcome) -> None:
    """The neighbours, among them a value of exactly the longest length, are all customers."""
    assert set(outcome.dead) == {
        *outcome.places.values(),
        *(outcome.conflicting[number] for number in (1, 4)),
    }
    records = await outcome.deployment.read(ELIGIBILITY.name)
    known = Counter(data_of(record)["identities"][0]["subject"] for record in records)
    assert {subject for subject in known if subject != "conflict"} == set(outcome.healthy)


async def test_no_reason_and_no_log_repeats_a_value(outcome: Outcome) -> None:
    (worker,) = outcome.deployment.workers
    told = [header(letter, "dlq-reason") for letters in outcome.dead.values() for letter in letters]
    for text in (worker.log, *told):
        for private in (SECRET_TEXT, CODE, "example.fi", "+35840", "Aino"):
            assert private not in text


async def test_personal_identity_codes_go_nowhere_else(outcome: Outcome) -> None:
    """R28: neither what is published nor the register holds one."""
    others = [topic.name for topic in OUTBOUND if topic.name != DEAD_LETTERS.name]
    for record in await outcome.deployment.read(*others):
        for part in (record.key, record.value, *(value for _, value in record.headers)):
            assert CODE.encode() not in (part or b"")
    async with connected(outcome.deployment.database_url) as connection:
        for table in ("event_key", "fact", "fact_party", "identity", "customer", "dead_letter"):
            text = await connection.fetchval(
                f"select string_agg(t::text, '') from {table} t where t::text like $1", f"%{CODE}%"
            )
            assert text is None, table


async def test_another_body_under_a_known_id_is_a_conflict(outcome: Outcome) -> None:
    """R1: the later body is dead-lettered; the first stands, and may be repeated."""
    (letter,) = outcome.dead[outcome.conflicting[1]]
    assert letter.value == CONFLICTING[1].value
    assert header(letter, "dlq-reason") == "id_conflict"


async def test_a_conflicting_ban_applies_all_the_same(outcome: Outcome) -> None:
    """R1: of two bans under one id both bind."""
    (letter,) = outcome.dead[outcome.conflicting[4]]
    assert header(letter, "dlq-reason") == "id_conflict"
    records = await outcome.deployment.read(ELIGIBILITY.name)
    told = [data_of(record) for record in records]
    last = [data for data in told if data["identities"][0]["subject"] == "conflict"][-1]
    assert last["deny"]["newsletter"]["email"] == "banned"
    assert last["deny"]["newsletter"]["post"] == "banned"
    assert last["deny"]["newsletter"]["sms"] != "banned"


async def test_all_else_is_as_if_the_bad_input_had_not_been_there(outcome: Outcome) -> None:
    await assert_nothing_lost(outcome.deployment)


async def test_read_again_they_make_no_second_dead_letter(outcome: Outcome) -> None:
    """Every record is delivered once more; nothing at all is written. The last test here."""
    deployment = outcome.deployment
    (worker,) = deployment.workers
    everything = [topic.name for topic in OUTBOUND]
    before = [record.place for record in await deployment.read(*everything)]
    assert worker.stop()[0] == 0
    await deployment.start_over()
    again = await deployment.start_worker()
    await deployment.drained()
    delivered = again.metric("register_batch_records_sum")
    assert delivered == len(await deployment.read(*READ))
    assert again.metric("register_events_total", outcome="applied") == 0
    assert sorted(record.place for record in await deployment.read(*everything)) == sorted(before)
