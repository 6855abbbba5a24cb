"""What the register knew at a past time, and why a cell was then as it was (R60)."""

from register.rules.explain import Missing, person_at, remains, why
from schemas.terms import Basis, Channel, Denial, Purpose
from tests.support import events
from tests.support.events import Json, consumer, day, scope
from tests.support.explained import (
    AGREED,
    AINO,
    BOUGHT,
    PLACED_BAN,
    agreement_ended,
    newsletter,
    others_ban,
    signed,
)
from tests.support.known import case_of, known_of
from tests.support.register import DIGESTER

ELSEWHERE: Json = {"source": events.APP, "subject": "a-1"}


def test_facts_count_from_their_receipt() -> None:
    """R2, R11: a ban dated early and received late was not known in between."""
    known = known_of([(BOUGHT, day(1)), (AGREED, day(5)), (PLACED_BAN, day(20))])
    assert newsletter(case_of(known, at=day(4))).outcome is Basis.SOFT_OPT_IN
    assert newsletter(case_of(known, at=day(19))).outcome is Basis.CONSENT
    assert newsletter(case_of(known, at=day(20))).outcome is Denial.BANNED
    assert newsletter(case_of(known)).outcome is Denial.BANNED


def test_before_the_first_event_nothing_was_known() -> None:
    """R12: nobody was held."""
    found = newsletter(case_of(known_of([(BOUGHT, day(3))]), at=day(2)))
    assert (found.outcome, found.missing) == (Denial.UNKNOWN, Missing.DATA)


def test_bans_of_others_count_from_their_receipt() -> None:
    """R8: under a contact point likewise."""
    ban = others_ban({"kind": "consumer", "email": "aino@example.fi"})
    known = known_of([(BOUGHT, day(1)), (ban, day(8))])
    assert newsletter(case_of(known, at=day(7))).outcome is Basis.SOFT_OPT_IN
    assert newsletter(case_of(known, at=day(8))).outcome is Denial.BANNED


def test_a_lift_counts_from_its_receipt() -> None:
    """R5: the ban stood until the lift came, and bound what it binds."""
    party: Json = {"kind": "consumer", "email": "aino@example.fi"}
    lifted = events.lift(day(5), None, party, subject="c-2")
    known = known_of([(BOUGHT, day(1)), (others_ban(party), day(4)), (lifted, day(9))])
    assert newsletter(case_of(known, at=day(8))).outcome is Denial.BANNED
    assert newsletter(case_of(known, at=day(9))).outcome is Basis.SOFT_OPT_IN


def test_agreements_count_from_their_receipt() -> None:
    """R33, R34: signed, then ended."""
    known = known_of([(BOUGHT, day(1)), (signed(1), day(3)), (agreement_ended(5), day(8))])
    told = {
        number: why(case_of(known, at=day(number)), Purpose.DISCLOSURE, Channel.POST).outcome
        for number in (2, 4, 8)
    }
    assert told == {
        2: Denial.NO_AGREEMENT,
        4: Basis.CUSTOMER_RELATIONSHIP,
        8: Denial.NO_AGREEMENT,
    }


def test_who_was_merged_later_was_two_persons_then() -> None:
    """R51: the ban of the one did not bind the other before they were found to be one."""
    apart = events.order(day(1), consumer(email="other@example.fi"), **ELSEWHERE)
    banned = events.ban(day(2), event_id="banned elsewhere", **ELSEWHERE)
    found_out = events.profile(day(9), AINO, **ELSEWHERE)
    known = known_of([(BOUGHT, day(1)), (apart, day(1)), (banned, day(2)), (found_out, day(9))])
    assert len(known.identities) == 2
    assert newsletter(case_of(known, at=day(8))).outcome is Basis.SOFT_OPT_IN
    assert newsletter(case_of(known, at=day(9))).outcome is Denial.BANNED
    assert newsletter(case_of(known)).outcome is Denial.BANNED


def test_who_was_merged_by_hand_was_two_persons_before() -> None:
    """R52: by the receipt of the order to merge."""
    banned = events.ban(day(2), event_id="banned elsewhere", **ELSEWHERE)
    merge = events.event(
        "merge.ordered",
        {
            "request_id": "m-1",
            "keep": {"source": events.WEBSHOP, "subject": "c-1"},
            "merge": [ELSEWHERE],
            "ordered_by": "customer service",
        },
        day(9),
        subject=None,
        source="/channels/customer-service",
    )
    known = known_of([(BOUGHT, day(1)), (banned, day(2)), (merge, day(9))])
    assert newsletter(case_of(known, at=day(8))).outcome is Basis.SOFT_OPT_IN
    assert newsletter(case_of(known, at=day(9))).outcome is Denial.BANNED


def test_a_customer_id_means_who_it_meant_then() -> None:
    """R51: the id of the merged record, before the merge."""
    apart = events.order(day(2), consumer(email="other@example.fi"), **ELSEWHERE)
    found_out = events.profile(day(9), AINO, **ELSEWHERE)
    known = known_of([(BOUGHT, day(1)), (apart, day(2)), (found_out, day(9))])
    merged_id = DIGESTER.customer_id(DIGESTER.identity(events.APP, "a-1"), 0)
    case = person_at(known, DIGESTER, day(5), merged_id)
    assert case.state.profile["email"] == "other@example.fi"


def test_data_erased_since_cannot_be_shown() -> None:
    """R22: what was agreed to and said no to is still told, what it allowed is not."""
    joined = events.signup(day(1), AINO, scope("newsletter"), event_id="signed up")
    left = events.withdrawal(day(5), scope(), event_id="taken back")
    known = known_of([(joined, day(1)), (left, day(5))])
    then = case_of(known, at=day(3))
    assert not then.is_whole
    assert newsletter(then).outcome is None
    assert [event.event_id for event in remains(then)] == ["signed up"]
    now = case_of(known)
    assert now.is_whole
    assert newsletter(now).outcome is Denial.ERASED


def test_facts_erased_since_cannot_be_shown() -> None:
    """R25: an erasure takes the facts too; who asked for it when is still told."""
    erase = events.event(
        "erasure.requested", {"request_id": "r-1", "party": AINO}, day(9), event_id="erase"
    )
    known = known_of([(BOUGHT, day(1)), (AGREED, day(5)), (erase, day(9))])
    then = case_of(known, at=day(6))
    assert newsletter(then).outcome is None
    assert [fact.event_id for fact in then.erased_by] == ["erase"]
