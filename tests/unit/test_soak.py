"""The soak's pure parts: what grows, and the pictures of it."""

import random
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.soak.chart import sparkline, svg
from bench.soak.growth import ENOUGH, Tolerance, judge, second_half, slope
from bench.soak.reading import TOLERANCES
from bench.soak.report import sentences, verdicts
from bench.soak.series import Point, Record

TOLERANCE = Tolerance(amount=8, share=0.05)


def _grows(points: list[Point], tolerance: Tolerance = TOLERANCE) -> bool:
    (verdict,) = judge({"x": points}, {"x": tolerance})
    return verdict.grows


def _points(*values: float) -> list[Point]:
    return [(5.0 * number, value) for number, value in enumerate(values)]


def test_what_warms_up_and_then_stays_does_not_grow() -> None:
    assert not _grows(_points(*range(60, 120, 2), *[120.0] * 40))


def test_what_goes_on_growing_does() -> None:
    assert _grows(_points(*[100 + number * 0.5 for number in range(100)]))


def test_noise_and_spikes_are_no_growth() -> None:
    rng = random.Random(1)
    values = [100 + rng.uniform(-5, 5) for _ in range(100)]
    values[95] = 4_000.0
    values[60] = 0.0
    assert not _grows(_points(*values))


def test_a_leak_beneath_noise_is_found() -> None:
    rng = random.Random(2)
    assert _grows(_points(*[100 + number * 0.4 + rng.uniform(-5, 5) for number in range(100)]))


def test_what_shrinks_does_not_grow() -> None:
    assert not _grows(_points(*range(1_000, 900, -1)))


def test_the_tolerance_is_an_amount_or_a_share_of_the_level() -> None:
    slowly = _points(*[1_000 + number * 0.4 for number in range(100)])
    assert not _grows(slowly, Tolerance(8, 0.05))
    assert _grows(slowly, Tolerance(8, 0.01))


def test_of_too_few_points_nothing_is_said() -> None:
    points = _points(*range(ENOUGH))
    assert judge({"x": points}, {"x": TOLERANCE, "y": TOLERANCE}) == []


def test_the_second_half_is_of_the_time_not_of_the_points() -> None:
    assert second_half([(0, 1), (1, 1), (2, 1), (60, 5), (100, 6)]) == [(60, 5), (100, 6)]


def test_a_slope_is_per_second() -> None:
    assert slope([(0, 0), (10, 20), (20, 40)]) == 2
    assert slope([(0, 7)]) == 0


@pytest.mark.parametrize("grows", [True, False])
def test_the_end_of_a_report(grows: bool) -> None:
    record = Record()
    for number in range(100):
        memory = 100.0 + (number if grows else 0)
        record.add(5.0 * number, [(name, memory) for name in TOLERANCES])
    told = sentences(verdicts(record), record)
    assert len(told) == len(TOLERANCES)
    assert all(sentence.startswith("GROWS" if grows else "steady") for sentence in told[:2])
    assert "too short" in sentences([], Record())[0]


def test_a_line_of_blocks() -> None:
    assert sparkline(_points(0, 1, 2, 3, 4, 5, 6, 7)) == "▁▂▃▄▅▆▇█"
    assert sparkline(_points(0, 0)) == "▁▁"
    assert len(sparkline(_points(*range(1_000)), width=40)) == 40


def test_the_picture_is_svg_with_a_chart_for_each_series() -> None:
    picture = svg({"a & b": _points(1, 2, 3), "c": _points(0)}, frozenset({"c"}))
    root = ElementTree.fromstring(picture)
    lines = root.findall(".//{*}polyline")
    assert [line.get("stroke") for line in lines] == ["#06c", "#c00"]
    assert "a & b: last 3, most 3" in "".join(root.itertext())


def test_the_numbers_are_kept_as_csv(tmp_path: Path) -> None:
    record = Record()
    record.add(0.0, [("lag, records", 1.0)])
    record.add(5.04, [("lag, records", 2.5)])
    record.write(tmp_path / "numbers.csv")
    lines = (tmp_path / "numbers.csv").read_text(encoding="utf-8").splitlines()
    assert lines == ["seconds,series,value", '0.0,"lag, records",1', '5.0,"lag, records",2.5']
