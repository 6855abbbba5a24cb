"""When a batch that fails as in an outage is taken for the one that is at fault."""

from workers.patience import Patience


def test_it_ends_after_five_failures_with_a_register_that_works() -> None:
    patience = Patience(seconds=0)
    assert [patience.ends(register_works=True) for _ in range(5)] == [False] * 4 + [True]


def test_an_outage_in_between_starts_over() -> None:
    patience = Patience(seconds=0)
    works = [True] * 4 + [False] + [True] * 4
    assert not any(patience.ends(register_works=one) for one in works)
    assert patience.ends(register_works=True)


def test_it_does_not_end_before_its_time() -> None:
    patience = Patience(seconds=3600)
    assert not any(patience.ends(register_works=True) for _ in range(100))
