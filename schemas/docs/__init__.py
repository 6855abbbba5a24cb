"""Generates `docs/schemas/<type>.json` and `docs/asyncapi.yaml` from the contract's models.

`python -m schemas.docs` writes them, `python -m schemas.docs --check` says which are stale
(`tests/unit/test_docs.py` does the same). The wording comes from `docs/contract.md` and the
models' docstrings, the examples from `docs/examples/<type>.json`, the topics from `topics`.
"""

import json
from pathlib import Path

from schemas.docs.asyncapi import document
from schemas.docs.events import ALL_TYPES, DOCS
from schemas.docs.json_schema import event_schema


def render() -> dict[Path, str]:
    """Every generated file's path and the text it should have."""
    files = {
        DOCS / "schemas" / f"{name}.json": json.dumps(
            event_schema(name), ensure_ascii=False, indent=2
        )
        + "\n"
        for name in ALL_TYPES
    }
    files[DOCS / "asyncapi.yaml"] = document()
    return files


def stale() -> list[Path]:
    """The generated files that are missing, differ, or no longer belong to any type."""
    wanted = render()
    differing = [
        path
        for path, text in wanted.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    leftover = [path for path in (DOCS / "schemas").glob("*.json") if path not in wanted]
    return differing + leftover


def write() -> list[Path]:
    """Bring the generated files up to date; returns those that were written or removed."""
    changed = stale()
    texts = render()
    for path in changed:
        if path in texts:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
        else:
            path.unlink()
    return changed
