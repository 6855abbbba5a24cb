"""How often what gets slower with the register may be done."""

import time

from workers.loop import at_most_often


def test_what_takes_long_is_done_seldom() -> None:
    assert at_most_often(2.0, time.monotonic()) == 2.0
    assert at_most_often(2.0, time.monotonic() - 1.0) >= 50.0
