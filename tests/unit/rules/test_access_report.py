"""What an access report holds (R60, S35)."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from register.rules.facts import MERGE
from tests.integration.store import said
from tests.support import events
from tests.support.events import Json, consumer, day, scope
from tests.support.register import MemoryRegister

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
SHARED = consumer("Aino", "Virtanen", email="koti@example.fi")


def example(kind: str) -> Json:
    """A whole event of the documentation."""
    parsed: Json = orjson.loads((EXAMPLES / f"{kind}.json").read_bytes())
    return parsed


def reported(register: MemoryRegister, party: Json) -> dict[str, Any]:
    """The report that an access request gets now."""
    asked = {"request_id": "req-1", "party": party, "in_writing": True, "signed": True}
    register.deliver(events.event("access.requested", asked, day(100)))
    report = register.answers[-1].report
    assert report is not None
    return report


def test_bans_of_others_are_shown_without_who_placed_them() -> None:
    """R8, R60: a ban under a shared address binds, so whoever it binds may know of it."""
    register = MemoryRegister()
    register.deliver(
        events.order(day(1), SHARED),
        events.ban(
            day(2),
            scope("offers", "email"),
            consumer("Eero", email="koti@example.fi"),
            subject="c-2",
        ),
        events.ban(day(3), scope("campaign", "email")),
    )
    own, other = reported(register, SHARED)["bans"]
    assert own["scope"] == scope("campaign", "email")
    assert own["kind"] == "ban"
    assert other == {
        "time": day(2).isoformat(),
        "scope": scope("offers", "email"),
        "kind": "email",
        "stands": True,
    }


def test_the_log_tells_where_data_came_from() -> None:
    """R60, GDPR art. 15(1)(g): the form of a sign-up, the directory of a listing."""
    register = MemoryRegister()
    party = events.business(email="maija@example.fi")
    register.deliver(
        events.listing(day(1), party),
        events.signup(day(2), party),
    )
    listed, signed_up = reported(register, party)["log"]
    assert {"listed_in", "origin"} < listed.keys()
    assert signed_up["form"] == "newsletter"


def values(held: Any) -> Iterator[Any]:
    """Every text, number and flag in what is held."""
    if isinstance(held, dict | list):
        for part in held.values() if isinstance(held, dict) else held:
            yield from values(part)
    else:
        yield held


def test_what_newer_words_replaced_is_shown_as_long_as_it_is_held() -> None:
    """R60, S35: a former name, an old address or answer, and what a correction put right."""
    register = MemoryRegister()
    old = consumer("Aino", "Lahti", email="vanha@example.fi", address=events.address("Vanhatie 1"))
    register.deliver(
        events.signup(day(1), old, scope("newsletter"), profiling={"hobby": "chess"}),
        events.profile(day(2), {**SHARED, "phone": "040 111 2233"}, profiling={"hobby": "skiing"}),
        said.rectification(day(3), SHARED, {"phone": "040 765 4321"}),
    )
    report = reported(register, SHARED)
    signed_up, updated, corrected = report["log"]
    assert signed_up["holds"] == {**old, "profiling": {"hobby": "chess"}}
    assert updated["holds"]["phone"] == "+358401112233"
    assert corrected["holds"] == {"kind": "consumer", "phone": "+358407654321"}
    assert report["contact"]["phone"] == "+358407654321"
    assert report["profiling"] == {"hobby": "skiing"}


def test_all_that_the_facts_hold_stands_in_the_report() -> None:
    """R60, S35: whatever an event said, but for the digests of whom a merge made one."""
    register = MemoryRegister()
    maija = events.business("Maija", "Korhonen", email="maija@example.fi")
    old = {**maija, "email": "vanha@example.fi"}
    register.deliver(
        events.listing(day(1), maija),
        events.signup(day(2), old, scope("newsletter", "email"), profiling={"pets": 2}),
        events.order(day(3), maija),
        events.contract_end(day(4), "order-0"),
        events.billing(day(5), "overdue", "invoice-1"),
        events.left_company(day(6)),
        events.withdrawal(day(7), scope("offers")),
        events.ban(day(8), scope("campaign"), collection=True),
        events.lift(day(9), scope("campaign")),
        said.merge(day(10), (events.WEBSHOP, "c-1"), (events.DIRECTORY, "c-1")),
        said.rectification(day(11), maija, {"language": "sv"}),
    )
    shown = set(values(reported(register, maija)))
    for fact in register.facts.values():
        body = {name: value for name, value in fact.body.items() if name != "merged"}
        assert set(values([body, fact.party or {}])) <= shown, fact.type
    assert {"order-0", events.COMPANY, "vanha@example.fi", "service desk", "R-1"} < shown


def test_who_ordered_a_merge_is_shown() -> None:
    """R52, R60."""
    register = MemoryRegister()
    register.deliver(
        events.order(day(1), SHARED),
        said.merge(day(2), (events.WEBSHOP, "c-1"), (events.APP, "a-1")),
    )
    _, merged = reported(register, SHARED)["log"]
    assert (merged["type"], merged["ordered_by"]) == (MERGE, "service desk")
    assert not {"merged", "holds"} & merged.keys()


def test_what_may_no_longer_be_held_is_not_shown() -> None:
    """R22, R60: nor where it goes in the batch that brings the request."""
    register = MemoryRegister()
    asked = {"request_id": "req-1", "party": SHARED, "in_writing": True, "signed": True}
    register.deliver(
        events.signup(day(1), {**SHARED, "email": "vanha@example.fi"}, scope("newsletter")),
        events.withdrawal(day(2), scope("newsletter")),
        events.signup(day(3), SHARED, scope("newsletter")),
        events.event("access.requested", asked, day(4)),
    )
    report = register.answers[-1].report
    assert report is not None
    assert ["holds" in line for line in report["log"]] == [False, False, True]


def test_the_example_is_what_is_written() -> None:
    """The documented answer is the answer to the documented events."""
    register = MemoryRegister()
    for kind in ("order.placed", "consent.granted", "ban.placed", "access.requested"):
        said = example(kind)
        register.deliver(said, received=datetime.fromisoformat(said["time"]))
    report = orjson.loads(orjson.dumps(register.answers[-1].report))
    assert report == example("access.reported")["data"]["report"]
