"""Which series grow that should not: an honest rule that a person can check on the plot.

Over the second half of a run, when everything is warm, the slope is the median of the slopes
between any two points, which a few spikes do not move. What a series gained by it in that half
has to stay within a tolerance: an amount, or a share of its level if that is more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from bench.soak.series import Point

ENOUGH = 10
"""Points in the second half, without which nothing is said."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a series may gain in half a run."""

    amount: float
    share: float

    def of(self, level: float) -> float:
        """In the series' own unit."""
        return max(self.amount, self.share * level)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a series gained in the second half, what it was allowed to, and its level there."""

    name: str
    level: float
    gained: float
    allowed: float

    @property
    def grows(self) -> bool:
        """Whether it should not have."""
        return self.gained > self.allowed


def judge(
    series: Mapping[str, Sequence[Point]], tolerances: Mapping[str, Tolerance]
) -> list[Verdict]:
    """A verdict on each series that has a tolerance, and points enough."""
    return [
        _judged(name, half, tolerance)
        for name, tolerance in tolerances.items()
        if len(half := second_half(series.get(name, ()))) >= ENOUGH
    ]


def second_half(points: Sequence[Point]) -> list[Point]:
    """The points after the middle of the time."""
    if not points:
        return []
    middle = (points[0][0] + points[-1][0]) / 2
    return [point for point in points if point[0] >= middle]


def slope(points: Sequence[Point]) -> float:
    """The median slope between any two points (Theil and Sen), per second."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2) if b[0] > a[0]]
    return median(slopes) if slopes else 0.0


def _judged(name: str, half: Sequence[Point], tolerance: Tolerance) -> Verdict:
    level = median(value for _, value in half)
    gained = slope(half) * (half[-1][0] - half[0][0])
    return Verdict(name, level, gained, tolerance.of(level))
