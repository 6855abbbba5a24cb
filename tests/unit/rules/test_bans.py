"""What stands in the ban register (R5, R7 to R9, R24)."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.rules.bans import Entry, binding_cells, entries_of, published, standing
from register.rules.cells import CELLS
from schemas.terms import PointKind
from tests.support import events
from tests.support.events import Json, day, scope
from tests.support.register import DIGESTER, read

PARTY = events.consumer(email="aino@example.fi", phone="040 123 4567", address=events.address())
BY_EMAIL: Json = {"kind": "consumer", "email": "aino@example.fi"}
EMAIL = DIGESTER.email("aino@example.fi").digest


def entries(*said: Json) -> list[Entry]:
    return [entry for event in said for entry in entries_of(read(event).fact)]


def under_email(*said: Json) -> list[Entry]:
    return [entry for entry in entries(*said) if entry.digest == EMAIL]


def placer_lifts(*said: Json) -> list[Entry]:
    """Lifts that stand under the identities that said them."""
    return [one for one in entries(*said) if one.kind is PointKind.IDENTITY and one.is_lift]


def shown(bans: Iterable[Entry]) -> list[Json]:
    return [published(ban) for ban in bans]


def row(since: float, covered: Json | None = None, *, collection: bool = False) -> Json:
    made: Json = {"scope": covered or {}, "since": day(since).isoformat()}
    return {**made, "collection": True} if collection else made


@pytest.mark.parametrize("make", [events.ban, events.withdrawal, events.lift])
def test_one_entry_per_point_named_and_one_for_the_identity(make: object) -> None:
    """R7."""
    assert callable(make)
    found = entries(make(day(1), {}, PARTY))
    assert {entry.kind for entry in found} == {"email", "phone", "post", "identity"}
    assert len({entry.digest for entry in found}) == 4


def test_an_anonymous_ban_stands_under_what_it_names() -> None:
    """R7, R8."""
    (entry,) = entries(events.ban(day(1), {}, BY_EMAIL, subject=None))
    assert (entry.kind, entry.placed_by) == (PointKind.EMAIL, None)


@pytest.mark.parametrize(
    "event",
    [
        events.order(day(1), PARTY),
        events.consent(day(1), {}, PARTY),
        events.profile(day(1), PARTY),
        events.listing(day(1), events.business(email="a@example.fi")),
        events.billing(day(1)),
    ],
)
def test_other_facts_write_nothing_into_the_ban_register(event: Json) -> None:
    """R23, R42."""
    assert entries(event) == []


def test_who_names_the_point_may_lift_any_ban_on_it() -> None:
    """R5(a)."""
    ban = events.ban(day(1), {}, BY_EMAIL, subject="c-1")
    lift = events.lift(day(2), {}, BY_EMAIL, subject="c-9")
    assert standing(under_email(ban, lift)) == []


def test_who_placed_the_ban_may_lift_it_without_naming_the_point() -> None:
    """R5(a), R7."""
    ban = events.ban(day(1), {}, BY_EMAIL, subject="c-1")
    assert standing(under_email(ban), placer_lifts(events.lift(day(2), subject="c-1"))) == []


def test_others_may_not() -> None:
    """R5(a)."""
    ban = events.ban(day(1), {}, BY_EMAIL, subject="c-1")
    stranger = placer_lifts(events.lift(day(2), subject="c-9"))
    assert shown(standing(under_email(ban), stranger)) == [row(1)]
    nobody = events.ban(day(1), {}, BY_EMAIL, subject=None)
    assert shown(standing(under_email(nobody), stranger)) == [row(1)]


@pytest.mark.parametrize(
    ("lifted", "stands"),
    [
        (events.lift(day(3), {}, BY_EMAIL), False),
        (events.lift(day(3), scope("offers", "email"), BY_EMAIL), False),
        (events.lift(day(3), scope("offers", "email", "tv"), BY_EMAIL), True),
        (events.lift(day(3), scope("newsletter"), BY_EMAIL), True),
        (events.lift(day(2), {}, BY_EMAIL), True),
        (events.lift(day(1), {}, BY_EMAIL), True),
    ],
)
def test_a_lift_must_be_newer_and_cover_the_ban(lifted: Json, stands: bool) -> None:
    """R5(a), R3."""
    ban = events.ban(day(2), scope("offers", "email"), BY_EMAIL)
    assert bool(standing(under_email(ban, lifted))) is stands


def test_collecting_stays_banned_until_a_lift_says_so() -> None:
    """R24."""
    ban = events.ban(day(1), scope("offers"), BY_EMAIL, collection=True, subject=None)

    def left(*lifts: Json) -> list[Json]:
        return shown(standing(under_email(ban, *lifts)))

    assert left() == [row(1, scope("offers"), collection=True)]
    assert left(events.lift(day(2), {}, BY_EMAIL)) == [row(1, {"purposes": []}, collection=True)]
    only_collection = events.lift(day(2), scope("newsletter"), BY_EMAIL, collection=True)
    assert left(only_collection) == [row(1, scope("offers"))]
    assert left(events.lift(day(2), {}, BY_EMAIL, collection=True)) == []
    assert left(events.lift(day(1), {}, BY_EMAIL, collection=True)) == left()


def test_of_a_ban_whose_marketing_part_is_lifted_nothing_binds() -> None:
    """R5(a), R24: what is left forbids collecting only."""
    ban = events.ban(day(1), {}, BY_EMAIL, collection=True, subject=None)
    (left,) = standing(under_email(ban, events.lift(day(2), {}, BY_EMAIL)))
    assert left.collection
    assert binding_cells(left) == 0


@given(st.permutations([*range(6)]))
def test_the_order_of_entries_is_nothing(order: list[int]) -> None:
    """R2."""
    said = under_email(
        events.ban(day(1), {}, BY_EMAIL, event_id="a"),
        events.ban(day(2), scope("offers"), BY_EMAIL, collection=True, event_id="b"),
        events.lift(day(2), {}, BY_EMAIL, event_id="c"),
        events.withdrawal(day(3), scope("newsletter"), BY_EMAIL, event_id="d"),
        events.lift(day(3), scope("offers newsletter"), BY_EMAIL, event_id="e"),
        events.ban(day(2), scope("", "sms"), BY_EMAIL, event_id="f"),
    )
    assert standing([said[number] for number in order]) == standing(said)


@pytest.mark.parametrize(
    ("party", "channels"),
    [
        (BY_EMAIL, {"email"}),
        ({"kind": "consumer", "phone": "040 123 4567"}, {"phone", "sms", "automated_call"}),
        ({"kind": "consumer", "address": events.address()}, {"post"}),
        (
            {"kind": "business", "company": {"business_id": events.COMPANY}},
            {"email", "sms", "automated_call", "phone", "post"},
        ),
    ],
)
def test_a_contact_point_carries_its_channels(party: Json, channels: set[str]) -> None:
    """R8, R9."""
    (ban,) = entries(events.ban(day(1), scope("newsletter"), party, subject=None))
    bound = {(p.value, c.value) for p, c, bit in CELLS if binding_cells(ban) & bit}
    assert bound == {("newsletter", channel) for channel in channels}


def test_a_scope_that_the_point_cannot_carry_binds_nothing() -> None:
    """R8."""
    (ban,) = entries(events.ban(day(1), scope("", "sms"), BY_EMAIL, subject=None))
    assert binding_cells(ban) == 0
