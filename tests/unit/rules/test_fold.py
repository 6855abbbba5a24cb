"""A person's facts folded into a state: who, what is held, what stands (R2 to R6, R20 to R27)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.rules.admission import admits
from register.rules.cells import CELLS
from register.rules.facts import Fact
from register.rules.fold import PersonState, fold
from register.rules.ground import CollectionBan
from register.rules.permissions import Consent, alive_cells, freed_cells
from schemas.terms import Denial
from tests.support import events
from tests.support.events import Json, day, scope
from tests.support.register import DIGESTER, read

PARTY = events.consumer(email="aino@example.fi", phone="040 123 4567")
NEWSLETTER = scope("newsletter", "email")
ORDER = events.order(day(1), PARTY)
SIGNUP = events.signup(day(1), PARTY, NEWSLETTER)


def fact(event: Json) -> Fact:
    return read(event).fact


def state(*given_events: Json) -> PersonState:
    return fold([fact(event) for event in given_events])


def refusal(
    earlier: list[Json], event: Json, bans: dict[bytes, CollectionBan] | None = None
) -> str:
    refused = admits([fact(one) for one in earlier], fact(event), bans or {})
    return "" if refused is None else f"{refused.rule} {refused.reason}"


def cells_of(bits: int) -> set[tuple[str, str]]:
    return {(purpose.value, channel.value) for purpose, channel, bit in CELLS if bits & bit}


# Order of facts: R2 and R3

MIXED = [
    fact(event)
    for event in (
        ORDER,
        events.consent(day(2), NEWSLETTER),
        events.withdrawal(day(2), NEWSLETTER),
        events.ban(day(2), scope("", "sms")),
        events.lift(day(2)),
        events.profile(day(2), {**PARTY, "email": "new@example.fi"}),
        events.cancellation(day(2)),
    )
]


@given(st.permutations(MIXED))
def test_the_state_is_the_same_in_every_order(facts: list[Fact]) -> None:
    """R2: equal times included."""
    assert fold(facts) == fold(MIXED)


def test_equal_times_are_ranked() -> None:
    """R3: ban, withdrawal, lift, and then everything else."""
    types = [one.type for one in sorted(MIXED[1:5], key=lambda one: one.order)]
    assert types == ["consent.granted", "ban.lifted", "consent.withdrawn", "ban.placed"]


# The relationship: R20


def test_a_relationship_begins_and_ends_with_orders() -> None:
    """R20."""
    assert state(ORDER).is_customer
    assert not state(SIGNUP).is_customer
    for end in (events.cancellation(day(3)), events.contract_end(day(3))):
        former = state(ORDER, end)
        assert former.is_former
        assert former.former_since == day(3)
        again = events.order(day(4), PARTY, order_id="order-2")
        assert state(ORDER, end, again).is_customer


def test_an_order_of_the_same_number_elsewhere_is_another() -> None:
    """R20: `order_id` is unique within its source."""
    assert state(ORDER, events.cancellation(day(3), source=events.APP)).is_customer


# Who may be held: R12, R21 to R24


@pytest.mark.parametrize(
    "event",
    [
        events.consent(day(1), {}),
        events.withdrawal(day(1), {}),
        events.ban(day(1), {}, PARTY),
        events.lift(day(1)),
        events.cancellation(day(1)),
        events.contract_end(day(1)),
    ],
)
def test_facts_without_data_make_no_person(event: Json) -> None:
    """R12."""
    assert not state(event).present


def test_a_consumer_prospect_needs_a_consent_first() -> None:
    """R21."""
    assert refusal([], events.signup(day(1), PARTY)) == "R21 no_prior_consent"
    assert refusal([], SIGNUP) == ""
    profile = events.profile(day(3), PARTY)
    assert refusal([], profile) == "R21 no_prior_consent"
    assert refusal([events.consent(day(2), NEWSLETTER)], profile) == ""
    assert refusal([events.consent(day(4), NEWSLETTER)], profile) == "R21 no_prior_consent"
    assert refusal([], ORDER) == ""
    assert refusal([ORDER], profile) == ""


def test_a_consent_that_was_taken_back_is_no_ground() -> None:
    """R21, R22, R3."""
    profile = events.profile(day(3), PARTY)
    given_before = events.consent(day(2), NEWSLETTER)
    for no in (events.withdrawal(day(2), NEWSLETTER), events.ban(day(3))):
        assert refusal([given_before, no], profile) == "R21 no_prior_consent"
    assert refusal([given_before, events.ban(day(4))], profile) == ""


def test_a_consent_that_covers_no_cell_is_no_ground() -> None:
    """R21, R34: `disclosure` is by post alone."""
    nothing = scope("disclosure", "email")
    assert refusal([], events.signup(day(1), PARTY, nothing)) == "R21 no_prior_consent"


def test_the_last_consent_takes_the_data_with_it() -> None:
    """R22: judged by time."""
    gone = state(SIGNUP, events.withdrawal(day(2), NEWSLETTER))
    assert not gone.present
    assert [one.type for one in gone.dead] == ["signup.received"]
    kept = state(
        SIGNUP, events.consent(day(1), scope("offers")), events.withdrawal(day(2), NEWSLETTER)
    )
    assert kept.present


def test_what_comes_after_the_gap_is_held_and_what_was_before_is_not() -> None:
    """R22."""
    back = events.signup(day(3), events.consumer(phone="050 765 4321"), NEWSLETTER)
    again = state(SIGNUP, events.withdrawal(day(2), {}), back)
    assert again.present
    assert again.profile["phone"] == "+358507654321"
    assert "email" not in again.profile


def test_listings_are_for_business_contacts() -> None:
    """R23."""
    consumer = {**PARTY, "kind": "consumer"}
    assert refusal([], events.listing(day(1), consumer)) == "R23 consumer_listing"
    contact = events.listing(day(2), events.business(), source=events.WEBSHOP)
    assert refusal([ORDER], contact) == "R23 consumer_listing"
    assert refusal([], contact) == ""


def test_a_collection_ban_turns_listings_away() -> None:
    """R23, R24: standing, or newer than the listing."""
    contact = events.business(email="maija@example.fi")
    under = DIGESTER.email("maija@example.fi").digest
    listing = events.listing(day(3), contact)
    for ban, expected in (
        (CollectionBan(latest=day(2), stands=True), "R23 collection_banned"),
        (CollectionBan(latest=day(2), stands=False), ""),
        (CollectionBan(latest=day(3), stands=False), "R23 collection_banned"),
        (CollectionBan(latest=day(4), stands=False), "R23 collection_banned"),
    ):
        assert refusal([], listing, {under: ban}) == expected
    own = events.ban(day(2), {}, collection=True)
    assert refusal([own], listing) == "R23 collection_banned"
    assert (
        refusal([own, events.lift(day(3), collection=True)], events.listing(day(4), contact)) == ""
    )
    assert refusal([own, events.lift(day(3))], events.listing(day(4), contact)) != ""


@pytest.mark.parametrize(
    ("later", "banned"),
    [
        (events.lift(day(3), scope("", "email"), collection=True), False),
        (events.lift(day(3)), True),
        (events.lift(day(2), collection=True), True),
        (events.order(day(3), PARTY), False),
        (events.order(day(2), PARTY), True),
        (events.signup(day(3), PARTY, NEWSLETTER), False),
        (events.consent(day(3), {}), True),
        (events.profile(day(3), PARTY), True),
        (events.billing(day(3)), True),
    ],
)
def test_what_ends_a_collection_ban(later: Json, banned: bool) -> None:
    """R24."""
    assert state(events.ban(day(2), {}, collection=True), later).collection_banned is banned


# What is held: R23, R27


def test_the_newest_word_on_each_field_counts() -> None:
    """Contract: what is given replaces what is held."""
    new = events.profile(day(2), {"kind": "consumer", "email": "new@example.fi"})
    late = events.profile(
        day(1.5), {"kind": "consumer", "email": "old@example.fi", "language": "sv"}
    )
    held = state(ORDER, new, late).profile
    assert (held["email"], held["phone"], held["language"]) == (
        "new@example.fi",
        "+358401234567",
        "sv",
    )


def test_a_listing_gives_way_to_the_persons_own_word() -> None:
    """R23."""
    own = events.signup(day(1), events.business(email="maija@example.fi"))
    listed = events.listing(day(2), events.business(email="info@example.fi", phone="040 222 3344"))
    held = state(own, listed).profile
    assert (held["email"], held["phone"]) == ("maija@example.fi", "+358402223344")


def test_profiling_comes_from_the_persons_own_events() -> None:
    """R29, S11: field by field, the newest word."""
    first = events.signup(day(1), PARTY, NEWSLETTER, profiling={"visits": 1, "likes": "tv"})
    second = events.profile(day(2), PARTY, {"visits": 2})
    assert state(first, second).profiling == {"visits": 2, "likes": "tv"}


def test_the_role_goes_with_its_contact_points() -> None:
    """R27."""
    joined = events.signup(day(1), events.business(email="maija@example.fi"))
    left = events.left_company(day(2))
    ended = state(joined, left)
    assert ended.role_ended
    assert not {"email", "company"} & ended.profile.keys()
    new = events.profile(
        day(3), events.business(business_id=events.OTHER_COMPANY, email="m@example.fi")
    )
    moved = state(joined, left, new)
    assert not moved.role_ended
    assert moved.profile["email"] == "m@example.fi"


def test_leaving_another_company_ends_nothing() -> None:
    """R27."""
    joined = events.signup(day(1), events.business(email="maija@example.fi"))
    assert not state(joined, events.left_company(day(2), events.OTHER_COMPANY)).role_ended
    assert not state(joined, events.left_company(day(0.5))).role_ended
    assert state(joined, events.left_company(day(1))).role_ended, "of equal times, leaving counts"


# Bans and consents: R5


def test_only_a_newer_covering_lift_ends_a_ban() -> None:
    """R5(a), R3."""
    ban = events.ban(day(2), scope("offers", "email"))
    for lifted, stands in (
        (events.lift(day(3)), False),
        (events.lift(day(3), scope("offers newsletter", "email sms")), False),
        (events.lift(day(2)), True),
        (events.lift(day(1)), True),
        (events.lift(day(3), scope("newsletter")), True),
        (events.lift(day(3), scope("offers", "sms")), True),
        (events.lift(day(3), scope("offers", "email", "tv")), True),
    ):
        assert bool(state(ORDER, ban, lifted).standing) is stands


def test_a_lift_for_products_ends_product_bans() -> None:
    """R5(a)."""
    ban = events.ban(day(2), scope("", "", "tv"))
    assert not state(ban, events.lift(day(3))).standing
    assert not state(ban, events.lift(day(3), scope("", "", "tv mobile"))).standing
    assert state(ban, events.lift(day(3), scope("", "", "mobile"))).standing


def test_a_ban_and_a_withdrawal_keep_their_reasons() -> None:
    """R6."""
    folded = state(events.ban(day(1)), events.withdrawal(day(2), NEWSLETTER))
    assert [no.reason for no in folded.standing] == [Denial.BANNED, Denial.WITHDRAWN]


def consents(*given_events: Json) -> tuple[Consent, ...]:
    return state(*given_events).permissions.consents


def test_a_consent_frees_only_cells_it_names() -> None:
    """R5(b)."""
    freed = {
        words: cells_of(freed_cells(day(1), None, consents(events.consent(day(2), agreed))))
        for words, agreed in {
            "both": scope("newsletter", "email"),
            "two": scope("newsletter offers", "email"),
            "purpose": scope("newsletter"),
            "channel": scope("", "email"),
            "open": scope(),
            "product": scope("newsletter", "email", "tv"),
        }.items()
    }
    assert freed["both"] == {("newsletter", "email")}
    assert freed["two"] == {("newsletter", "email"), ("offers", "email")}
    assert not any(freed[words] for words in ("purpose", "channel", "open", "product"))


def test_a_consent_of_the_same_time_or_older_frees_nothing() -> None:
    """R5(b), R3."""
    given_then = consents(events.consent(day(2), NEWSLETTER))
    assert freed_cells(day(2) - timedelta(microseconds=1), None, given_then)
    assert not freed_cells(day(2), None, given_then)
    assert not freed_cells(day(3), None, given_then)


def test_a_product_ban_is_freed_by_naming_the_product() -> None:
    """R5(b)."""
    assert not freed_cells(day(1), "tv", consents(events.consent(day(2), NEWSLETTER)))
    named = consents(events.consent(day(2), scope("offers", "email", "tv mobile")))
    assert cells_of(freed_cells(day(1), "tv", named)) == {("offers", "email")}


def test_what_takes_a_consent() -> None:
    """R3, R6: a no of the same time or newer, and only in its scope."""

    def left(no: Json) -> set[tuple[str, str]]:
        folded = state(events.consent(day(2), scope("newsletter offers", "email")), no)
        return cells_of(alive_cells(folded.permissions.consents[0], folded.permissions.nos))

    both = {("newsletter", "email"), ("offers", "email")}
    assert left(events.ban(day(1))) == both
    assert left(events.ban(day(2))) == set()
    assert left(events.withdrawal(day(3), scope("newsletter"))) == {("offers", "email")}
    assert left(events.ban(day(3), scope("", "sms"))) == both
    assert left(events.ban(day(3), scope("", "", "tv"))) == both
