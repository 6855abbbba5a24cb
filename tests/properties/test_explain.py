"""What `explain` shows is what the register says, now and at every past moment."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from register.rules.cells import CELLS
from register.rules.explain import Case, Role, why
from schemas.terms import Basis, Denial
from tests.properties.effort import examples
from tests.properties.strategies import LISTED, PERSONAS, worlds
from tests.support.events import RECEIVED, Json
from tests.support.known import case_of, known_of
from tests.support.register import MemoryRegister, cell

_LACKING = frozenset(
    {
        Denial.NO_CONSENT,
        Denial.NOT_A_CUSTOMER,
        Denial.NO_AGREEMENT,
        Denial.ROLE_UNKNOWN,
        Denial.NO_CONTACT_POINT,
    }
)
"""Reasons that need no event: something is missing."""


def received(events: list[Json]) -> list[tuple[Json, datetime]]:
    """The events, a second apart."""
    return [(one, RECEIVED + timedelta(seconds=n)) for n, one in enumerate(events)]


def assert_explained(case: Case) -> None:
    """Every outcome has a rule, and stands on an event or lacks something."""
    for purpose, channel, _ in CELLS:
        found = why(case, purpose, channel)
        assert found.rules
        deciding = [event for event in found.events if event.role is Role.DECIDES]
        if isinstance(found.outcome, Basis) or found.outcome not in _LACKING:
            assert deciding, found
        else:
            assert found.missing is not None


@examples(100)
@given(worlds())
def test_now_it_shows_what_the_register_says(events: list[Json]) -> None:
    """R2, R30 to R36: the same outcome in every cell, and each of them with its evidence."""
    register = MemoryRegister()
    register.deliver(*events)
    for persona in (*PERSONAS, *LISTED):
        message = register.person(persona.subject, persona.source)
        if message is None:
            continue
        known = known_of(received(events), persona.subject, persona.source)
        case = case_of(known, persona.subject, persona.source)
        assert_explained(case)
        for purpose, channel, _ in CELLS:
            assert why(case, purpose, channel).outcome == cell(message, purpose, channel)


@examples(100)
@given(worlds(), st.integers(0, 14))
def test_at_a_past_moment_it_shows_what_the_register_said_then(
    events: list[Json], count: int
) -> None:
    """R2, R51: what had arrived by then, whoever was known to be one person then. Not for data
    that has been erased since, and not under bans that another's data left there when it went
    (R22, R24): when exactly is not kept."""
    then = MemoryRegister()
    then.deliver(*events[:count])
    moment = RECEIVED + timedelta(seconds=count - 1)
    for persona in (*PERSONAS, *LISTED):
        known = known_of(received(events), persona.subject, persona.source)
        if not known.identities:
            continue
        case = case_of(known, persona.subject, persona.source, moment)
        message = then.person(persona.subject, persona.source)
        derived = any(line.entry.derived_by for line in case.others)
        if derived or not case.is_whole:
            continue
        if message is None:
            assert case.decision is None
            continue
        for purpose, channel, _ in CELLS:
            assert why(case, purpose, channel).outcome == cell(message, purpose, channel)
