"""The contracts that were released: copies of docs/schemas as they were then."""

import json
import shutil
from pathlib import Path

from schemas.compat import Break, Direction, Json, breaks
from schemas.docs.events import DOCS
from schemas.inbound import INBOUND_TYPES

RELEASED = DOCS.parent / "tests" / "data" / "contract"
_TODAY = DOCS / "schemas"


def versions() -> list[Path]:
    """A folder for each released contract."""
    return sorted(path for path in RELEASED.iterdir() if path.is_dir())


def load(folder: Path) -> dict[str, Json]:
    """The schemas of a contract by the type of event."""
    return {
        path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def broken_by_today(released: Path) -> list[str]:
    """What today's contract breaks of a released one: a line each, with the path."""
    today = load(_TODAY)
    lines = []
    for kind, old in load(released).items():
        direction = Direction.INBOUND if kind in INBOUND_TYPES else Direction.OUTBOUND
        found = (
            breaks(old, today[kind], direction)
            if kind in today
            else [Break("", "the type is gone")]
        )
        whom = "senders" if direction is Direction.INBOUND else "readers"
        lines += [
            f"{kind}: {one.path}: {one.what} (breaks {whom} of {released.name})" for one in found
        ]
    return lines


def release(version: str) -> Path:
    """Keep today's contract as a released one; raises `FileExistsError` if there is one."""
    return Path(shutil.copytree(_TODAY, RELEASED / version))
