"""What a benchmark found: a figure, its yardstick of the same run, and what was aimed at."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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
    p999: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> "Latencies":
        """Sum them up; raises ValueError if there are none."""
        return cls(
            len(milliseconds),
            round(quantile(milliseconds, 0.5), 2),
            round(quantile(milliseconds, 0.99), 2),
            round(quantile(milliseconds, 0.999), 2),
            round(max(milliseconds, default=0.0), 2),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be: its value, or its ratio to the yardstick, at least or at most."""

    limit: float
    of_ratio: bool = False
    at_least: bool = False

    def reached(self, figure: "Figure") -> float:
        """How far the target is reached: 1 is met, 0.5 is half of the way, 2 twice as good."""
        number = figure.ratio if self.of_ratio else figure.value
        return number / self.limit if self.at_least else self.limit / number

    def text(self, unit: str) -> str:
        """As the table shows it."""
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.limit:g} ×" if self.of_ratio else f"{sign} {self.limit:g} {unit}"


def value_under(limit: float) -> Target:
    """The value itself stays under a limit."""
    return Target(limit)


def ratio_under(limit: float) -> Target:
    """At most so many times the yardstick."""
    return Target(limit, of_ratio=True)


def ratio_over(limit: float) -> Target:
    """At least so many times the yardstick."""
    return Target(limit, of_ratio=True, at_least=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number; `yardstick` is the same unit's number for what it is held against.

    Without a `target` it is told, not judged; `unjudged` says why where one was aimed at.
    """

    name: str
    unit: str
    value: float
    yardstick_name: str
    yardstick: float
    target: Target | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    unjudged: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        return None if self.target is None else self.target.reached(self) >= 1

    @property
    def ratio(self) -> float:
        """How many times the yardstick the figure is."""
        return self.value / self.yardstick

    @property
    def verdict(self) -> str:
        """In a word."""
        return {None: self.unjudged or "–", True: "yes", False: "NO"}[self.met]

    def as_json(self) -> dict[str, Any]:
        """Everything, with what follows from it."""
        return asdict(self) | {"ratio": round(self.ratio, 3), "met": self.met}


def table(figures: Sequence[Figure]) -> Table:
    """The figures for a person to read."""
    shown = Table("figure", "ours", "yardstick", "measured", "ratio", "target", "met")
    for figure in figures:
        shown.add_row(
            figure.name,
            f"{number(figure.value)} {figure.unit}",
            figure.yardstick_name,
            f"{number(figure.yardstick)} {figure.unit}",
            number(figure.ratio),
            "–" if figure.target is None else figure.target.text(figure.unit),
            figure.verdict,
        )
    return shown


def number(value: float) -> str:
    """Three digits that count, and no powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def append(name: str, machine: Machine, figures: Sequence[Figure], **extra: Any) -> Path:
    """Add one JSON line for this run to `bench/results/NAME.jsonl`; gives its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.jsonl"
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(machine),
        **extra,
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
        if figure.detail:
            told = f"{figure.name}: {json.dumps(figure.detail)}"
            console.print(told, highlight=False, markup=False)
