"""What an access report holds (R60, S35)."""

from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

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


def test_the_example_is_what_is_written() -> None:
    """The documented answer is the answer to the documented events."""
    register = MemoryRegister()
    for kind in ("order.placed", "consent.granted", "ban.placed", "access.requested"):
        said = example(kind)
        register.deliver(said, received=datetime.fromisoformat(said["time"]))
    report = orjson.loads(orjson.dumps(register.answers[-1].report))
    assert report == example("access.reported")["data"]["report"]
