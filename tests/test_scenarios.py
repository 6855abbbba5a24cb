"""The tables in `tests/scenarios`: what is sent, and what must have become of it."""

import re

import pytest

from tests.support.events import Json
from tests.support.scenarios import Scenario, differences, load, play
from tests.support.scenarios_checks import ASPECTS, CHECKS
from tests.support.scenarios_events import SCENARIOS, SWEEP, WHAT, WORDS

TABLES = load()

_BATCH_INDEPENDENT = frozenset(
    {"persons", "customers", "dead letters", "refused", "ban register", "answers", "due"}
)
"""A person who comes and goes within one batch leaves no tombstone, since nobody was told."""


def _needs_its_turn(row: Json) -> bool:
    """What comes at a moment of its own, or is asked of the register as it is just then."""
    return "arrives on day" in row or row.get("what") in {"disclosure", "screening"}


@pytest.mark.parametrize("scenario", TABLES, ids=lambda scenario: scenario.title)
def test_events_one_by_one(scenario: Scenario) -> None:
    assert differences(scenario, play(scenario)) == []


@pytest.mark.parametrize(
    "scenario",
    [table for table in TABLES if not any(_needs_its_turn(row) for row in table.events)],
    ids=lambda scenario: scenario.title,
)
def test_events_in_one_batch(scenario: Scenario) -> None:
    register = play(scenario, in_one_batch=True)
    assert differences(scenario, register, only=_BATCH_INDEPENDENT) == []


def test_titles_are_unique() -> None:
    titles = [table.title for table in TABLES]
    assert len(set(titles)) == len(titles)


def test_every_rule_on_what_is_held_has_a_scenario() -> None:
    named = {rule for table in TABLES for rule in table.rules}
    wanted = {
        *(f"R{number}" for number in range(1, 13)),
        *(f"R{number}" for number in range(20, 30)),
        *(f"R{number}" for number in range(30, 37)),
        *(f"R{number}" for number in (42, 43, 44)),
        *(f"R{number}" for number in range(50, 56)),
        *(f"R{number}" for number in range(60, 66)),
    }
    assert wanted <= named


def test_every_table_names_its_law_or_its_notice() -> None:
    texts = [path.read_text("utf-8") for path in SCENARIOS.glob("*.yaml")]
    for text in texts:
        for table in re.split(r"^- title:", text, flags=re.MULTILINE)[1:]:
            assert re.search(r"^  (law|notice): .+", table, re.MULTILINE), table.splitlines()[0]


def test_the_guide_explains_every_word() -> None:
    guide = (SCENARIOS / "README.md").read_text("utf-8")
    explained = {word.partition(":")[0] for word in re.findall(r"`([^`]+)`", guide)}
    assert {*WORDS, *WHAT, SWEEP, *CHECKS, *ASPECTS} <= explained
