"""The plan of `make faults`: the same seed deals the same faults, and none is left out."""

from itertools import islice

import pytest

from tests.faults.harness.plan import DECK, SHORT, Card, Fault, Kind, Step, plan


def dealt(seed: int, count: int, deck: tuple[Card, ...] = DECK) -> list[Fault]:
    return list(islice(plan(seed, deck), count))


def test_a_seed_deals_the_same_faults_again() -> None:
    assert dealt(7, 200) == dealt(7, 200)


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    assert dealt(7, 200)[:50] == dealt(7, 50)


def test_another_seed_deals_others() -> None:
    assert dealt(7, 50) != dealt(8, 50)


@pytest.mark.parametrize("deck", [DECK, SHORT], ids=["whole", "short"])
def test_every_card_is_dealt_before_any_is_dealt_again(deck: tuple[Card, ...]) -> None:
    faults = dealt(3, 2 * len(deck), deck)
    for half in (faults[: len(deck)], faults[len(deck) :]):
        assert sorted(map(str, (one.card for one in half))) == sorted(map(str, deck))


def test_a_hundred_faults_hold_each_kind_and_end_workers_at_each_step() -> None:
    faults = dealt(11, 100)
    assert {one.card.kind for one in faults} == set(Kind)
    ended = {(one.card.step, one.card.how) for one in faults if one.card.kind is Kind.KILL}
    assert ended == {(step, how) for step in (None, *Step) for how in ("SIGKILL", "SIGTERM")}


def test_a_frozen_worker_sleeps_longer_than_its_session() -> None:
    asleep = [one.seconds for one in dealt(5, 500) if one.card.kind is Kind.FREEZE]
    assert min(asleep) > 6.0


def test_numbers_and_picks_are_in_their_ranges() -> None:
    faults = dealt(2, 300)
    assert [one.number for one in faults] == list(range(1, 301))
    assert all(0.0 <= one.pick < 1.0 for one in faults)


def test_a_fault_says_what_it_is() -> None:
    card = Card(Kind.KILL, Step.COMMIT, "SIGKILL")
    fault = Fault(1, card, pick=0.25, seconds=1.0, pause=0.0, alone=True)
    assert str(fault) == "worker ends SIGKILL at commit (pick 0.25, 1.0 s)"
