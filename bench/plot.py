"""How far each figure reaches its target: a plot for a terminal, and the same as SVG."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from bench.figures import Figure, number

LOW, HIGH = 0.05, 20.0
"""The ends of the logarithmic axis; what lies beyond is drawn at the end."""

_WIDTH = 48
_BAR, _ROW, _LABELS, _AXIS = 14, 22, 470, 380


def position(reached: float) -> float:
    """Where on the axis, from 0 to 1; the target itself is where 1.0 lies."""
    bounded = min(HIGH, max(LOW, reached))
    return math.log(bounded / LOW) / math.log(HIGH / LOW)


def judged(figures: Sequence[Figure]) -> list[tuple[Figure, float]]:
    """The figures that have a target, with how far they reach it."""
    return [(one, one.target.reached(one)) for one in figures if one.target is not None]


def as_text(figures: Sequence[Figure]) -> str:
    """One line a figure; `|` is the target."""
    shown = judged(figures)
    if not shown:
        return ""
    label = max(len(one.name) for one, _ in shown)
    mark = round(position(1.0) * _WIDTH)
    lines = [f"{'':{label}}  {'reached: target = |':>{mark + 1}}"]
    for one, reached in shown:
        bar = list("█" * round(position(reached) * _WIDTH) + " " * _WIDTH)[: _WIDTH + 1]
        bar[mark] = "|" if bar[mark] == " " else "╋"
        lines.append(f"{one.name:{label}}  {''.join(bar)} {number(reached)} {one.verdict}")
    return "\n".join(lines)


def as_svg(figures: Sequence[Figure], title: str) -> str:
    """The same as a small picture."""
    shown = judged(figures)
    height = _ROW * (len(shown) + 2)
    target = _LABELS + position(1.0) * _AXIS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LABELS + _AXIS + 60}"'
        f' height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="16" font-weight="bold">{escape(title)}</text>',
    ]
    for row, (one, reached) in enumerate(shown):
        top = _ROW * (row + 1) + 6
        length = max(1.0, position(reached) * _AXIS)
        colour = "#2a7f62" if one.met else "#b5402f"
        parts += [
            f'<text x="{_LABELS - 8}" y="{top + 11}" text-anchor="end">{escape(one.name)}</text>',
            f'<rect x="{_LABELS}" y="{top}" width="{length:.0f}" height="{_BAR}" fill="{colour}"/>',
            f'<text x="{_LABELS + length + 4:.0f}" y="{top + 11}">{number(reached)}</text>',
        ]
    parts += [
        f'<line x1="{target:.0f}" x2="{target:.0f}" y1="{_ROW}" y2="{height - _ROW}"'
        ' stroke="black" stroke-dasharray="4 3"/>',
        f'<text x="{target:.0f}" y="{height - 6}" text-anchor="middle">target (log axis)</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def write_svg(path: Path, figures: Sequence[Figure], title: str) -> None:
    """Write the picture beside the results."""
    path.write_text(as_svg(figures, title), encoding="utf-8")
