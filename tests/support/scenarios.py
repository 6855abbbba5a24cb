"""Reads the scenario tables and says where the register differs from them.

How a table is written stands in `tests/scenarios/README.md`; its events are made by
`scenarios_events`, its expectations looked at by `scenarios_checks`.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import yaml

from register.rules.settings import RuleSettings
from schemas.terms import Purpose
from tests.support.events import Json
from tests.support.scenarios_checks import CHECKS
from tests.support.scenarios_events import SCENARIOS, SWEEP, event_of, moment
from tests.support.scenarios_register import WholeRegister

_SETTINGS = {"access requires a signature": "access_requires_signature"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A table: what is sent, in order of arrival, and what must have become of it."""

    title: str
    rules: tuple[str, ...]
    agreements: tuple[str, ...]
    settings: RuleSettings
    events: tuple[Json, ...]
    then: Json


def load() -> list[Scenario]:
    """Every scenario of every table, file by file."""
    return [
        Scenario(
            title=f"{path.stem}: {table['title']}",
            rules=tuple(table["rules"]),
            agreements=tuple(table.get("agreements active", ())),
            settings=_settings(table.get("settings", {})),
            events=tuple(table["events"]),
            then=table["then"],
        )
        for path in sorted(SCENARIOS.glob("*.yaml"))
        for table in yaml.safe_load(path.read_text("utf-8"))
    ]


def _settings(chosen: dict[str, Any]) -> RuleSettings:
    return replace(RuleSettings(), **{_SETTINGS[words]: value for words, value in chosen.items()})


def play(scenario: Scenario, *, in_one_batch: bool = False) -> WholeRegister:
    """Deliver the events, in the order of the table; a sweep ends a batch."""
    purposes = (Purpose(purpose) for purpose in scenario.agreements)
    player = _Player(WholeRegister(purposes, scenario.settings))
    for number, row in enumerate(scenario.events, start=1):
        player.take(number, row)
        if not in_one_batch:
            player.deliver()
    player.deliver()
    return player.register


class _Player:
    """Hands a table's events to a register, and remembers the customer ids on the way."""

    def __init__(self, register: WholeRegister) -> None:
        self.register = register
        self._sent: dict[int, Json] = {}
        self._batch: list[Json] = []
        self._received: datetime | None = None
        self._ids: dict[int, dict[tuple[str, str], uuid.UUID | None]] = {}

    def take(self, number: int, row: Json) -> None:
        if row.get("what") == SWEEP:
            self.deliver()
            self.register.sweep(moment(row["day"]))
            return
        event = event_of(number, row, self._sent, self._customer_id)
        self._sent[number] = event
        self._batch.append(event)
        arrives = row.get("arrives on day")
        self._received = None if arrives is None else moment(arrives)

    def deliver(self) -> None:
        if not self._batch:
            return
        self.register.deliver(*self._batch, received=self._received)
        self._batch.clear()
        known = {
            (event["source"], event["subject"])
            for event in self._sent.values()
            if "subject" in event
        }
        self._ids[max(self._sent)] = {
            who: self.register.customer_id(who[1], who[0]) for who in known
        }

    def _customer_id(self, source: str, subject: str, after: int | None) -> uuid.UUID | None:
        if after is None:
            return self.register.customer_id(subject, source)
        return self._ids[after][source, subject]


def differences(
    scenario: Scenario, register: WholeRegister, *, only: frozenset[str] | None = None
) -> list[str]:
    """Where the register differs from the table, in words; empty where it does as it should.

    `only` names the parts of `then` to look at.
    """
    unknown = scenario.then.keys() - CHECKS.keys()
    assert not unknown, f"no such part of a table: {unknown}"
    found: list[str] = []
    for part, check in CHECKS.items():
        if only is None or part in only:
            found.extend(check(register, scenario.then.get(part)))
    return found
