"""What a benchmark found: a figure, its bar, and the yardstick measured in the same run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import Machine
from ops.demo.clock import quantile

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds of `count` single measurements."""

    count: int
    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Latencies":
        """Sum them up; raises ValueError if there are none."""
        return cls(
            len(milliseconds),
            round(quantile(milliseconds, 0.5), 2),
            round(quantile(milliseconds, 0.99), 2),
            round(max(milliseconds, default=0.0), 2),
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, lower being better.

    `bar` is what it must stay under, in its own unit; `yardstick` is the same unit's number
    for the least that any implementation would have to do.
    """

    name: str
    unit: str
    value: float
    bar: float
    yardstick_name: str
    yardstick: float
    detail: dict[str, Any]

    @property
    def met(self) -> bool:
        """Whether the bar is met."""
        return self.value < self.bar

    @property
    def ratio(self) -> float:
        """How many times the yardstick the figure is."""
        return self.value / self.yardstick

    def as_json(self) -> dict[str, Any]:
        """Everything, with what follows from it."""
        return asdict(self) | {"ratio": round(self.ratio, 2), "met": self.met}


def table(figures: Sequence[Figure]) -> Table:
    """The figures for a person to read."""
    shown = Table("figure", "measured", "bar", "met", "yardstick", "measured", "ratio")
    for figure in figures:
        shown.add_row(
            figure.name,
            f"{figure.value:.1f} {figure.unit}",
            f"< {figure.bar:.0f} {figure.unit}",
            "yes" if figure.met else "NO",
            figure.yardstick_name,
            f"{figure.yardstick:.2f} {figure.unit}",
            f"{figure.ratio:.1f}",
        )
    return shown


def append(name: str, machine: Machine, figures: Sequence[Figure]) -> Path:
    """Add one JSON line for this run to `bench/results/NAME.jsonl`; gives its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.jsonl"
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "figures": [figure.as_json() for figure in figures],
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return path


def report(console: Console, machine: Machine, figures: Sequence[Figure]) -> None:
    """Print the machine, the table and each figure's detail."""
    console.print(machine.line(), highlight=False)
    console.print(table(figures))
    for figure in figures:
        console.print(f"{figure.name}: {json.dumps(figure.detail)}", highlight=False, markup=False)
