"""What was measured over time, as numbers and as CSV."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

Point = tuple[float, float]
"""Seconds since the start, and the value then."""


@dataclass(slots=True)
class Record:
    """Every series by its name, in the order in which they came up."""

    series: dict[str, list[Point]] = field(default_factory=dict)

    def add(self, seconds: float, values: Iterable[tuple[str, float]]) -> None:
        """Add what was measured at one moment."""
        for name, value in values:
            self.series.setdefault(name, []).append((seconds, value))

    @property
    def seconds(self) -> float:
        """How long it went on."""
        return max((points[-1][0] for points in self.series.values()), default=0.0)

    def write(self, path: Path) -> None:
        """One line for each point: seconds, series, value."""
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(("seconds", "series", "value"))
            for name, points in self.series.items():
                lines.writerows((f"{at:.1f}", name, f"{value:g}") for at, value in points)
