"""Series as pictures: a line of blocks for a terminal, an SVG of small charts for a file."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from bench.soak.series import Point

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _COLUMNS = 320, 110, 3
_PAD, _TITLE = 10, 20


def sparkline(points: Sequence[Point], width: int = 40) -> str:
    """A series of no negative values, from zero up, in at most `width` characters."""
    count = min(width, len(points))
    cuts = [len(points) * number // count for number in range(count + 1)]
    means = [
        sum(value for _, value in points[start:end]) / (end - start)
        for start, end in pairwise(cuts)
    ]
    top = max(means) or 1.0
    return "".join(_BLOCKS[round(mean / top * (len(_BLOCKS) - 1))] for mean in means)


def svg(series: Mapping[str, Sequence[Point]], marked: frozenset[str]) -> str:
    """Every series in a chart of its own, from zero up; those that are `marked` in red."""
    rows = -(-len(series) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * (_HEIGHT + _TITLE)
    charts = "".join(
        _chart(name, points, number, red=name in marked)
        for number, (name, points) in enumerate(series.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{charts}</svg>\n"
    )


def _chart(name: str, points: Sequence[Point], number: int, *, red: bool) -> str:
    left = number % _COLUMNS * _WIDTH
    top = number // _COLUMNS * (_HEIGHT + _TITLE)
    wide, high = _WIDTH - 2 * _PAD, _HEIGHT - _PAD
    most = max(value for _, value in points) or 1.0
    long = points[-1][0] - points[0][0] or 1.0
    corners = " ".join(
        f"{_PAD + (at - points[0][0]) / long * wide:.1f},{_TITLE + high - value / most * high:.1f}"
        for at, value in points
    )
    color = "#c00" if red else "#06c"
    return (
        f'<g transform="translate({left},{top})">'
        f'<text x="{_PAD}" y="14">{escape(name)}: last {points[-1][1]:.4g}, most {most:.4g}</text>'
        f'<rect x="{_PAD}" y="{_TITLE}" width="{wide}" height="{high}" fill="none" stroke="#ccc"/>'
        f'<line x1="{_PAD + wide / 2}" x2="{_PAD + wide / 2}" y1="{_TITLE}" y2="{_TITLE + high}" '
        f'stroke="#ccc" stroke-dasharray="3"/>'
        f'<polyline points="{corners}" fill="none" stroke="{color}"/></g>'
    )
