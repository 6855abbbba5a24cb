"""Clauses of R3, R43, R61 to R65 that no table can hold."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.rules.agreements import active
from register.rules.disclosures import Disclosed, Job, Selection, handed_over, person, recalls
from register.rules.requests import due
from register.rules.snapshot import PersonRow
from schemas.terms import Audience, Denial, Recipient
from tests.integration.store.said import ended, signed
from tests.support.events import Json, address, day
from tests.support.register import read

NAME: Json = {"given": "Aino", "family": "Virtanen"}
PERSON = uuid.UUID(int=1)


def row(denial: Denial | None = None, **changed: object) -> PersonRow:
    """A person as decided, with a name and an address unless something else is given."""
    given_fields: dict[str, object] = {
        "person_id": PERSON,
        "points": (b"digest",),
        "exact_email": b"digest",
        "consented_products": {},
        "former_since": None,
        "audience": Audience.CONSUMER_CUSTOMER,
        "bought": frozenset({"broadband"}),
        "disclosure_denial": denial,
        "refuses_disclosure": False,
        "name": NAME,
        "address": address(),
        "rectified": False,
        "found_by": b"",
        "changed": False,
        **changed,
    }
    return PersonRow(**given_fields)  # type: ignore[arg-type]


def job(recipient: Recipient) -> Job:
    """A disclosure of everybody."""
    everybody = Selection(None, None, None)
    received = datetime(2026, 12, 1, tzinfo=UTC)
    return Job(
        uuid.UUID(int=2), "/s", "e", "D-1", recipient, "p-1", everybody, received, None, 1, 1
    )


@given(
    name=st.none() | st.just(NAME),
    where=st.none() | st.builds(address, st.sampled_from(["Uusikatu 3", "Torikatu 3"])),
)
def test_r43_a_disclosed_person_has_exactly_a_name_and_an_address(
    name: Json | None, where: Json | None
) -> None:
    """Who lacks one of them is not disclosed."""
    shown = person(row(name=name, address=where))
    if name is None or where is None:
        assert shown is None
    else:
        assert shown == {"name": name, "address": where}


@pytest.mark.parametrize("denial", list(Denial))
def test_a_partner_gets_nobody_whose_cell_is_denied(denial: Denial) -> None:
    """R63; R64: what denies the cell is no matter to an authority, or to the person."""
    assert handed_over(job(Recipient.PARTNER), [row(denial)]) == []
    for recipient in (Recipient.AUTHORITY, Recipient.PERSON):
        assert len(handed_over(job(recipient), [row(denial)])) == 1


@pytest.mark.parametrize("denial", [None, *Denial])
@pytest.mark.parametrize("refuses", [True, False])
def test_only_a_no_recalls(denial: Denial | None, refuses: bool) -> None:
    """R65: a ban on disclosure, whatever else denies it; not the end of an agreement or of a
    relationship."""
    line = Disclosed(uuid.UUID(int=3), PERSON, "p-1", NAME, address())
    decided = row(denial, refuses_disclosure=refuses)
    found = [one.reason for one in recalls([line], {PERSON: decided})]
    assert found == (["banned"] if refuses else [])


def test_a_rectification_of_something_else_recalls_nothing() -> None:
    """R62, R65: only where the name or the address is another than the partner's."""
    line = Disclosed(uuid.UUID(int=3), PERSON, "p-1", NAME, address())
    assert recalls([line], {PERSON: row(rectified=True)}) == []
    moved = row(rectified=True, address=address("Uusikatu 3"))
    assert [one.reason for one in recalls([line], {PERSON: moved})] == ["rectified"]


def test_nobody_else_is_recalled() -> None:
    """R65: a batch that does not touch the person says nothing of them."""
    line = Disclosed(uuid.UUID(int=3), PERSON, "p-1", NAME, address())
    assert recalls([line], {uuid.UUID(int=9): None}) == []


@given(st.dates(min_value=date(2026, 1, 1), max_value=date(2120, 12, 31)))
def test_r61_a_month_by_the_calendar(received: date) -> None:
    """The same day of the next month, or that month's last."""
    moment = datetime(received.year, received.month, received.day, 13, 5, tzinfo=UTC)
    end = due(moment)
    assert (end.year * 12 + end.month) - (received.year * 12 + received.month) == 1
    assert (end.hour, end.minute) == (13, 5)
    next_day_is_first = (end + timedelta(days=1)).day == 1
    assert end.day == received.day or (end.day < received.day and next_day_is_first)


@pytest.mark.parametrize("number", range(10))
def test_at_equal_times_the_end_of_an_agreement_counts(number: int) -> None:
    """R3, R63: whatever their ids and in whatever order they come."""
    partner = f"p-{number}"
    facts = [read(signed(day(2), partner)).fact, read(ended(day(2), partner)).fact]
    assert active(facts) == active(reversed(facts)) == {}
