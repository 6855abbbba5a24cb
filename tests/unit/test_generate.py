"""The generator: the same seed says the same, and what it says is what channels say."""

import asyncio
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import phonenumbers
import pytest
from stdnum.fi import hetu, ytunnus

from ops.generate import Generator, Options, Published
from ops.generate.mix import MIX
from ops.generate.poison import INTAKE_CODES, POISONS, identity_code
from ops.generate.publish import paced
from schemas.cloudevents import decode
from schemas.problems import Unreadable
from topics import CONSENTS, INBOUND, ORDERS, TOPICS

START = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = Options(poison=True, agreements=True, screenings=True, requests=True)


def generator(seed: int = 7, **settings: Any) -> Generator:
    return Generator(seed, start=START, **settings)


@pytest.fixture(scope="module")
def stream() -> list[Published]:
    """6,000 of the channels' records."""
    return generator(customers=2_000).take(6_000)


@pytest.fixture(scope="module")
def mixed() -> list[Published]:
    """20,000 records of everything, poison too."""
    return generator(customers=2_000, options=EVERYTHING).take(20_000)


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for part in value.values() for text in texts(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in texts(part))


def parties(records: list[Published]) -> Iterator[dict[str, Any]]:
    """Every party of the healthy records."""
    for published in records:
        if published.dead_letter is None and published.event is not None:
            party = published.event["data"].get("party")
            if party is not None:
                yield party


def test_the_same_seed_gives_the_same_bytes(mixed: list[Published]) -> None:
    assert generator(customers=2_000, options=EVERYTHING).take(20_000) == mixed


def test_iterating_again_starts_anew() -> None:
    one = generator()
    assert one.take(50) == one.take(50)


def test_another_process_gives_the_same_bytes() -> None:
    command = [sys.executable, "-m", "ops.generate", "--dry-run", "--seed", "7", "--events", "40"]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    values = [orjson.loads(line)["value"].encode() for line in printed.splitlines()]
    expected = Generator(7, start=START, customers=10_000).take(40)
    assert values == [published.value for published in expected]


def test_another_seed_gives_other_events(stream: list[Published]) -> None:
    other = {_identity(published) for published in generator(seed=8).take(6_000)}
    assert not other & {_identity(published) for published in stream}


def test_runs_of_one_seed_share_persons_but_no_event() -> None:
    today = Generator(7, start=START, customers=100).take(500)
    tomorrow = Generator(7, start=START + timedelta(days=1), customers=100).take(500)
    assert {p.key for p in today} == {p.key for p in tomorrow}
    assert not {_identity(p) for p in today} & {_identity(p) for p in tomorrow}


def _identity(published: Published) -> tuple[str, str]:
    assert published.event is not None
    return published.event["source"], published.event["id"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"customers": 0}, "population"),
        ({"rate": 0.0}, "rate"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generator(**settings).take(1)


def test_a_start_needs_an_offset() -> None:
    with pytest.raises(ValueError, match="offset"):
        Generator(7, start=START.replace(tzinfo=None))


def test_a_population_of_one_goes_on() -> None:
    assert len(generator(customers=1).take(500)) == 500


def test_every_healthy_record_is_readable_and_on_its_topic(mixed: list[Published]) -> None:
    for published in mixed:
        if published.dead_letter is None:
            message = decode(published.value, published.headers)
            assert message.event.type in TOPICS[published.topic].types
            assert message.raw == published.event
            subject = message.event.subject
            assert published.key == (subject.encode() if subject is not None else None)


def test_each_poison_fails_as_marked(mixed: list[Published]) -> None:
    seen: Counter[str] = Counter()
    for published in mixed:
        code = published.dead_letter
        if code is None:
            continue
        seen[code] += 1
        if code in INTAKE_CODES:
            assert published.event is not None
            assert decode(published.value, published.headers).raw == published.event
        else:
            assert published.event is None
            with pytest.raises(Unreadable) as caught:
                decode(published.value, published.headers)
            assert caught.value.code == code
    assert set(seen) == {code for code, _ in POISONS} | {"id_conflict"}


def test_poison_comes_only_when_asked_for(stream: list[Published]) -> None:
    assert all(published.dead_letter is None for published in stream)


def test_an_id_conflict_repeats_an_id_with_another_body(mixed: list[Published]) -> None:
    bodies: dict[tuple[str, str], bytes | None] = {}
    conflicts = 0
    for published in mixed:
        if published.dead_letter == "id_conflict":
            conflicts += 1
            assert bodies[_identity(published)] != published.value
        elif published.event is not None:
            assert bodies.setdefault(_identity(published), published.value) == published.value
    assert conflicts > 0


def test_identity_codes_are_of_the_temporary_range() -> None:
    for number in range(200):
        code = identity_code(random.Random(number))
        assert hetu.is_valid(code, allow_temporary=True)
        assert not hetu.is_valid(code)


def test_emails_are_only_under_the_invented_domain(mixed: list[Published]) -> None:
    emails = {text for party in parties(mixed) for text in texts(party) if "@" in text}
    assert len(emails) > 500
    assert all(email.lower().endswith("@example.fi") for email in emails)
    for published in mixed:
        if published.dead_letter != "malformed_json":  # may be cut off within an address
            domains = set(re.findall(rb"@([\w.-]+)", (published.value or b"").lower()))
            assert domains <= {b"example.fi"}


def test_phones_and_business_ids_are_valid(mixed: list[Published]) -> None:
    for party in parties(mixed):
        if "phone" in party:
            assert phonenumbers.is_valid_number(phonenumbers.parse(party["phone"], "FI"))
        business_id = party.get("company", {}).get("business_id")
        if business_id is not None:
            assert ytunnus.is_valid(business_id)
            assert business_id.startswith("9")  # a range that is not given out


def test_both_modes_appear_on_every_channel_topic(mixed: list[Published]) -> None:
    modes = {
        (published.topic, any(name == "ce_type" for name, _ in published.headers))
        for published in mixed
        if published.dead_letter is None
    }
    for topic in INBOUND[:5]:
        assert {(topic.name, True), (topic.name, False)} <= modes


def test_the_mix_is_as_the_table_says(stream: list[Published]) -> None:
    assert sum(share for share, _ in MIX) == 1_000
    types = Counter(published.event["type"] for published in stream if published.event)
    shares = {name: count / len(stream) for name, count in types.items()}
    assert 0.28 < shares["order.placed"] < 0.45
    assert 0.06 < shares["ban.placed"] < 0.14
    assert 0.07 < shares["consent.granted"] < 0.15
    assert 0.05 < shares["signup.received"] < 0.2
    assert {topic.name for topic in INBOUND[:5]} == {published.topic for published in stream}


def test_switches_add_agreements_screenings_and_requests(
    stream: list[Published], mixed: list[Published]
) -> None:
    added = {published.topic for published in mixed} - {published.topic for published in stream}
    assert added == {"partner.agreements", "register.requests", "campaign.screenings"}


def test_what_concerns_everybody_can_come_more_seldom() -> None:
    seldom = Options(agreements=True, screenings=True, requests=True, seldom=50)
    often = {action: share for share, action in EVERYTHING.mix()}
    changed = {action.__name__ for share, action in seldom.mix() if share * 50 == often[action]}
    assert changed == {"agreement", "agreement_end", "disclosure"}
    assert {action for _, action in seldom.mix()} == often.keys()


def test_deliveries_are_repeated(stream: list[Published]) -> None:
    repeated = len(stream) - len({_identity(published) for published in stream})
    assert 0.01 < repeated / len(stream) < 0.03


def test_events_come_out_of_order_and_bans_may_lie_ahead(stream: list[Published]) -> None:
    late = ahead = 0
    for number, published in enumerate(stream):
        assert published.event is not None
        delivered = START + timedelta(seconds=number / 500)
        time = datetime.fromisoformat(published.event["time"])
        late += time < delivered - timedelta(minutes=1)
        if time > delivered:
            ahead += 1
            assert published.event["type"] == "ban.placed"
    assert 0.03 < late / len(stream) < 0.15
    assert ahead > 0


def test_persons_share_homes_and_contact_points(stream: list[Published]) -> None:
    names: dict[str, set[str]] = {}
    for party in parties(stream):
        if "name" in party and "email" in party and party["kind"] == "consumer":
            given = party["name"]["given"].strip().lower()
            names.setdefault(party["email"].lower(), set()).add(given)
    assert any(len(found) > 1 for found in names.values())


def test_one_person_appears_under_several_identities(stream: list[Published]) -> None:
    identities: dict[str, set[tuple[str, str]]] = {}
    for published in stream:
        assert published.event is not None
        email = published.event["data"].get("party", {}).get("email")
        if email and "subject" in published.event:
            found = identities.setdefault(email.lower(), set())
            found.add((published.event["source"], published.event["subject"]))
    assert sum(len(found) > 1 for found in identities.values()) > 20


def test_some_bans_come_before_the_person(stream: list[Published]) -> None:
    named: set[str] = set()
    before: set[str] = set()
    for published in stream:
        assert published.event is not None
        email = published.event["data"].get("party", {}).get("email", "").lower()
        if published.event["type"] == "ban.placed" and email not in named:
            before.add(email)
        elif email in before:
            named.add(email)
    assert before & named - {""}


def test_lifts_repeat_an_earlier_ban(stream: list[Published]) -> None:
    placed = [
        (published.event["source"], published.event.get("subject"), published.event["data"])
        for published in stream
        if published.event and published.event["type"] == "ban.placed"
    ]
    lifts = [p.event for p in stream if p.event and p.event["type"] == "ban.lifted"]
    assert lifts
    for event in lifts:
        assert (event["source"], event.get("subject"), event["data"]) in placed


async def test_pacing_keeps_the_rate_and_stops() -> None:
    record = Published(ORDERS.name, None, b"{}", (), None)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    taken = [published async for published in paced([record] * 21, 200.0, stop)]
    assert len(taken) == 21
    assert loop.time() - begun >= 0.1
    stop.set()
    assert [published async for published in paced([record], 0, stop)] == []


def test_contact_point_bans_name_no_person(stream: list[Published]) -> None:
    anonymous = [
        published.event
        for published in stream
        if published.topic == CONSENTS.name and published.event and published.key is None
    ]
    assert anonymous
    assert all("party" in event["data"] for event in anonymous)
