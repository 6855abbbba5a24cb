"""What the page is made of: obligations, rules, the mapping between them, the tests."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ops.traceability.scan import Test, scan

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MAPPING = DOCS / "traceability.toml"


@dataclass(frozen=True, slots=True)
class Obligation:
    """A row of `docs/obligations.md`."""

    id: str
    section: str
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of `docs/rules.md`."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """How an obligation is served; `not_software` is the reason where software cannot."""

    rules: tuple[str, ...]
    how: str
    not_software: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A rule whose tests are still to come: since when, and why."""

    rule: str
    since: date
    reason: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything the page is made of; mappings are in the order of the documents."""

    obligations: Mapping[str, Obligation]
    rules: Mapping[str, Rule]
    served: Mapping[str, Served]
    pending: Mapping[str, Pending]
    tests: tuple[Test, ...]

    def tests_of(self, name: str) -> list[Test]:
        """The tests that name a rule or an obligation."""
        return [test for test in self.tests if name in test.names]

    def serving(self, rule: str) -> list[str]:
        """The obligations that a rule serves."""
        return [name for name, served in self.served.items() if rule in served.rules]


def read_sources() -> Sources:
    """Read all of it; raises `KeyError` or `TOMLDecodeError` for a mapping that is malformed."""
    data = tomllib.loads(MAPPING.read_text(encoding="utf-8"))
    return Sources(
        obligations={row[0]: Obligation(*row[:3]) for row in _rows("obligations.md", "S", 3)},
        rules={row[0]: Rule(row[0], row[1]) for row in _rows("rules.md", "R", 2)},
        served={name: _served(entry) for name, entry in data["obligation"].items()},
        pending={
            entry["rule"]: Pending(entry["rule"], entry["since"], entry["reason"])
            for entry in data.get("pending", ())
        },
        tests=tuple(scan(ROOT / "tests")),
    )


def _served(entry: Mapping[str, Any]) -> Served:
    unknown = entry.keys() - {"rules", "how", "not_software"}
    if unknown:
        raise KeyError(f"docs/traceability.toml: unknown key {sorted(unknown)[0]}")
    return Served(
        tuple(entry.get("rules", ())), entry.get("how", ""), entry.get("not_software", "")
    )


def _rows(page: str, letter: str, cells: int) -> list[list[str]]:
    """The rows of a page's tables whose first cell is an id such as S32 or R7.

    A `\\|` inside a cell does not end it.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.findall(rf"^\| ({letter}\d+) \|(.*)\|$", text, re.MULTILINE)
    return [
        [name, *(cell.strip() for cell in re.split(r"(?<!\\)\|", rest)[: cells - 1])]
        for name, rest in found
    ]
