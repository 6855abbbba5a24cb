"""From the register notice to the tests: `docs/traceability.md`.

Obligations (`docs/obligations.md`) → rules (`docs/rules.md`) by `docs/traceability.toml`, which
people write; rules → tests by looking for the rules' ids in `tests/`. `python -m
ops.traceability` writes the page, `--check` says whether it is stale or something is untested
(`tests/unit/test_traceability.py` does the same).
"""

from ops.traceability.gaps import gaps
from ops.traceability.page import PAGE, render
from ops.traceability.sources import read_sources

__all__ = ["PAGE", "gaps", "is_stale", "read_sources", "render", "write"]


def is_stale() -> bool:
    """Whether the committed page differs from what its sources say."""
    return not PAGE.exists() or PAGE.read_text(encoding="utf-8") != render(read_sources())


def write() -> bool:
    """Bring the page up to date; returns whether it was stale."""
    stale = is_stale()
    if stale:
        PAGE.write_text(render(read_sources()), encoding="utf-8")
    return stale
