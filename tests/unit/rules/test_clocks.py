"""What a sender whose clock is fast says, in the order in which it said it (R4)."""

from datetime import datetime, timedelta

import pytest

from tests.support import events
from tests.support.events import WEBSHOP, day, scope
from tests.support.register import read
from tests.support.scenarios_events import CAST
from tests.support.scenarios_register import WholeRegister

FAST = timedelta(minutes=3)
NOW = day(1)


@pytest.mark.parametrize("said_at", [NOW + timedelta(minutes=1), NOW + timedelta(minutes=1) + FAST])
def test_a_ban_beats_the_consent_that_came_before_it(said_at: datetime) -> None:
    """R4: whether the ban's own sender has the right time, or is as fast as the consent's."""
    register = WholeRegister()
    register.deliver(events.order(day(0), CAST["aino"]), received=NOW)
    given = events.consent(NOW + FAST, scope("newsletter", "email automated_call"))
    register.deliver(given, received=NOW)
    register.deliver(events.ban(said_at, {}), received=NOW + timedelta(minutes=1))
    person = register.person("c-1", WEBSHOP)
    assert person is not None
    assert person["deny"]["newsletter"]["email"] == "banned"
    assert person["deny"]["newsletter"]["automated_call"] == "banned"


def test_what_is_dated_ahead_keeps_its_own_order() -> None:
    """R2, R4: the broker dates a whole batch alike."""
    dated = [NOW + timedelta(seconds=second) for second in (1, 2, 200, 300)]
    read_as = [
        read(events.billing(time), received=NOW).fact.time
        for time in (NOW - timedelta(milliseconds=1), *dated, NOW)
    ]
    *ahead, exact = read_as
    assert ahead == sorted(set(ahead))
    assert ahead[-1] == exact == NOW
    assert ahead[1] > NOW - timedelta(milliseconds=1)
