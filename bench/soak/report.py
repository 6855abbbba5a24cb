"""The soak as it goes on, and what is said of it in the end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from bench.soak.chart import sparkline, svg
from bench.soak.growth import ENOUGH, Verdict, judge, second_half
from bench.soak.reading import TOLERANCES
from bench.soak.series import Point, Record

DETAIL = ": "
"""Stands in the names of series about a single table."""
_TABLE = ": table, MB"
_BIGGEST = 12


def overview(record: Record) -> Table:
    """Every series that is not about a single table, as it went so far."""
    shown = Table("series", "from the start", "first", "now", "most")
    for name, points in record.series.items():
        if DETAIL not in name:
            shown.add_row(name, sparkline(points), *_numbers(points))
    return shown


def line(record: Record) -> str:
    """The same in a line, for a log."""
    last = {name: points[-1][1] for name, points in record.series.items() if DETAIL not in name}
    told = ", ".join(f"{name} {value:.4g}" for name, value in last.items())
    return f"{record.seconds:5.0f} s  {told}"


def tables(record: Record) -> Table:
    """The biggest tables, and what became of them."""
    shown = Table("table", "MB", "indexes, MB", "dead rows", "most dead rows")
    sizes = {
        name.removesuffix(_TABLE): points[-1][1]
        for name, points in record.series.items()
        if name.endswith(_TABLE)
    }
    names = sorted(sizes, key=lambda name: -sizes[name])
    for name in names[:_BIGGEST]:
        table, indexes, dead = (
            record.series[name + part] for part in (_TABLE, ": indexes, MB", ": dead rows")
        )
        shown.add_row(name, _became(table), _became(indexes), *_numbers(dead)[1:])
    return shown


def verdicts(record: Record) -> list[Verdict]:
    """On all that must not grow."""
    return judge(record.series, TOLERANCES)


def sentences(found: Sequence[Verdict], record: Record) -> list[str]:
    """The end of the report."""
    if not found:
        return [f"too short to say what grows: {ENOUGH} measurements in the second half are needed"]
    minutes = _span(record) / 60
    told = [
        f"{'GROWS' if one.grows else 'steady'}: {one.name}: {one.gained:+.3g} in the last "
        f"{minutes:.0f} min, at a level of {one.level:.4g} (up to {one.allowed:.3g} is let pass)"
        for one in found
    ]
    missing = TOLERANCES.keys() - {one.name for one in found}
    return told + [f"not measured often enough: {name}" for name in sorted(missing)]


def write(record: Record, found: Sequence[Verdict], folder: Path) -> tuple[Path, Path]:
    """The numbers and the picture; gives where they are."""
    name = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    numbers, picture = folder / f"{name}.csv", folder / f"{name}.svg"
    record.write(numbers)
    grow = frozenset(one.name for one in found if one.grows)
    picture.write_text(svg(record.series, grow), encoding="utf-8")
    return numbers, picture


def _numbers(points: Sequence[Point]) -> tuple[str, str, str]:
    values = [value for _, value in points]
    return (f"{values[0]:.4g}", f"{values[-1]:.4g}", f"{max(values):.4g}")


def _became(points: Sequence[Point]) -> str:
    return f"{points[0][1]:.3g} → {points[-1][1]:.3g}"


def _span(record: Record) -> float:
    half = second_half(next(iter(record.series.values())))
    return half[-1][0] - half[0][0]
