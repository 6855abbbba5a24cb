"""Every rule, and every obligation that software can serve, has a test that names it.

The scanner reads this file too, so the ids that it makes up here do not exist in the rules,
and those that do are put together at run time.
"""

from datetime import date

import pytest

from ops.traceability import gaps, is_stale, read_sources
from ops.traceability.gaps import gaps as find_gaps
from ops.traceability.scan import Test as Found
from ops.traceability.scan import python_tests, scenarios
from ops.traceability.sources import Obligation, Pending, Rule, Served, Sources


def test_everything_is_mapped_and_tested() -> None:
    assert gaps(read_sources()) == [], "name the rule in a test; see docs/traceability.toml"


def test_no_rule_waits_for_its_tests() -> None:
    assert read_sources().pending == {}


def test_the_page_is_fresh() -> None:
    assert not is_stale(), "run: make docs"


def test_the_documents_are_read_whole() -> None:
    """All fifty obligations, and as many rules as docs/rules.md has rows."""
    sources = read_sources()
    assert list(sources.obligations) == [f"S{number}" for number in range(1, 51)]
    assert len(sources.rules) > 40
    assert all(rule.text for rule in sources.rules.values())


PYTHON = '''
"""About R90."""

CASES = [("R91", 1)]

# R92 in a comment above.
@pytest.mark.parametrize("case", CASES)
def test_one(case):
    assert case


def helper():
    """R93 stands in no test, but in the file."""


class TestGroup:
    async def test_r94_in_the_name(self):
        """And R95; not XR96, R970 or R0."""
'''


def test_python_files_name_by_name_docstring_and_comment() -> None:
    assert list(python_tests("tests/test_x.py", PYTHON)) == [
        Found("tests/test_x.py", "", frozenset({"R90", "R91", "R93"})),
        Found("tests/test_x.py", "test_one", frozenset({"R92"})),
        Found("tests/test_x.py", "test_r94_in_the_name", frozenset({"R94", "R95"})),
    ]


SCENARIOS = """
- name: one
  rules: [R90, S90]
  cells: {note: R91}
- name: two
---
scenarios:
  - title: three
    rules: [R92]
"""


def test_scenarios_name_by_their_list() -> None:
    assert list(scenarios("tests/x.yaml", SCENARIOS)) == [
        Found("tests/x.yaml", "one", frozenset({"R90", "S90"})),
        Found("tests/x.yaml", "three", frozenset({"R92"})),
    ]


def sources(**changed: object) -> Sources:
    """One obligation, one rule that serves it, one test."""
    made: dict[str, object] = {
        "obligations": {"S90": Obligation("S90", "1", "text")},
        "rules": {"R90": Rule("R90", "text")},
        "served": {"S90": Served(("R90",), "", "")},
        "pending": {},
        "tests": (Found("tests/test_x.py", "test_one", frozenset({"R90"})),),
    }
    return Sources(**{**made, **changed})  # type: ignore[arg-type]


def test_nothing_is_missing_where_everything_is_tested() -> None:
    assert find_gaps(sources()) == []


PENDING = {"R90": Pending("R90", date(2026, 1, 1), "later")}


@pytest.mark.parametrize(
    ("changed", "gap"),
    [
        ({"tests": ()}, "R90 has no test that names it"),
        ({"tests": ()}, "S90 has no test that names it or one of its rules"),
        ({"served": {}}, "S90 is not in docs/traceability.toml"),
        ({"obligations": {}}, "S90 of docs/traceability.toml is not in docs/obligations.md"),
        ({"rules": {}}, "S90 names R90, which docs/rules.md does not have"),
        ({"served": {"S90": Served((), "", "")}}, "S90 says neither rules nor how it is served"),
        (
            {"served": {"S90": Served(("R90",), "", "a room")}},
            "S90 has rules and is marked as out of software's reach",
        ),
        (
            {"pending": PENDING},
            "R90 has tests now: take it out of `pending` in docs/traceability.toml",
        ),
    ],
)
def test_a_gap_is_found(changed: dict[str, object], gap: str) -> None:
    assert gap in find_gaps(sources(**changed))


def test_what_is_pending_is_no_gap() -> None:
    assert find_gaps(sources(tests=(), pending=PENDING)) == []


def test_what_software_cannot_serve_needs_no_test() -> None:
    served = {"S90": Served((), "", "a room")}
    rules: dict[str, Rule] = {}
    assert find_gaps(sources(served=served, rules=rules, tests=())) == []
