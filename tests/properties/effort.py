"""How hard the property tests try.

A CI run tries four tenths of the examples, so that it stays under a quarter of an hour;
`HYPOTHESIS_PROFILE=long` tries thirty times as many as each test says.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
_FACTOR = 30.0 if _LONG else 0.4
patient = pytest.mark.timeout(7200 if _LONG else 300)
"""Marks what takes its time."""


def examples(number: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Try this many examples, or as many times that as the profile says."""
    effort = steps(number)

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        tried: Any = effort(test)
        timed: Callable[..., None] = patient(tried)
        return timed

    return decorate


def steps(number: int, count: int = 1) -> settings:
    """This many runs of a state machine, of so many steps each; likewise."""
    return settings(
        max_examples=max(1, round(number * _FACTOR)),
        stateful_step_count=count,
        derandomize=not _LONG,  # CI tries the same examples each time; the long profile, new ones
        deadline=None,  # the model is slow on purpose, and CI machines differ
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
