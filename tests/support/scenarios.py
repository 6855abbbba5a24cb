"""Reads the scenario tables and says where the register differs from them.

How a table is written stands in `tests/scenarios/README.md`. Words for `what` and parts of
`then` live in `WHAT` and `CHECKS`: a new kind of event or expectation is one more entry.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from schemas.terms import Basis, Purpose
from tests.support import events
from tests.support.compare import denied_cells
from tests.support.events import Json, day
from tests.support.naive_facts import CELLS, CHANNELS, MARKETING
from tests.support.register import DIGESTER, MemoryRegister, cell

SCENARIOS = Path(__file__).parents[1] / "scenarios"
_CAST: dict[str, Json] = yaml.safe_load((SCENARIOS / "cast.yml").read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A table: what is sent, in order of arrival, and what must have become of it."""

    title: str
    rules: tuple[str, ...]
    agreements: tuple[str, ...]
    events: tuple[Json, ...]
    then: Json


def load() -> list[Scenario]:
    """Every scenario of every table, file by file."""
    return [
        Scenario(
            title=f"{path.stem}: {table['title']}",
            rules=tuple(table["rules"]),
            agreements=tuple(table.get("agreements active", ())),
            events=tuple(table["events"]),
            then=table["then"],
        )
        for path in sorted(SCENARIOS.glob("*.yaml"))
        for table in yaml.safe_load(path.read_text("utf-8"))
    ]


def play(scenario: Scenario, *, in_one_batch: bool = False) -> MemoryRegister:
    """Deliver the events, in the order of the table."""
    register = MemoryRegister(Purpose(purpose) for purpose in scenario.agreements)
    written = _written(scenario.events)
    if in_one_batch:
        register.deliver(*(event for event, _ in written))
    else:
        for event, received in written:
            register.deliver(event, received=received)
    return register


def differences(
    scenario: Scenario, register: MemoryRegister, *, only: frozenset[str] | None = None
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


# What is sent


def _written(rows: tuple[Json, ...]) -> list[tuple[Json, datetime | None]]:
    written: list[tuple[Json, datetime | None]] = []
    for number, row in enumerate(rows, start=1):
        arrives = row.get("arrives on day")
        event = _event(number, row, [one for one, _ in written])
        written.append((event, None if arrives is None else day(arrives)))
    return written


def _event(number: int, row: Json, earlier: list[Json]) -> Json:
    if "again" in row:
        repeated: int = row["again"]
        return earlier[repeated - 1]
    unknown = row.keys() - WORDS
    assert not unknown, f"event {number}: no such word: {unknown}"
    source, subject = _identity(row.get("by", "campaign tool"))
    event_id = row.get("with the id of", number)
    envelope = {"source": source, "subject": subject, "event_id": f"event-{event_id}"}
    event = WHAT[row["what"]](day(row["day"]), row, envelope)
    if "offset" in row:
        event["time"] = event["time"].removesuffix("+00:00") + (row["offset"] or "")
    return event


WORDS = frozenset(
    {
        "day",
        "arrives on day",
        "offset",
        "what",
        "by",
        "with the id of",
        "party",
        "order",
        "buys",
        "opt-out offered",
        "contact got in the sale",
        "scope",
        "agrees to",
        "wording",
        "collection",
        "company",
        "status",
    }
)

_SOURCES = {
    "webshop": events.WEBSHOP,
    "app": events.APP,
    "callcentre": "/channels/callcentre",
    "directory": events.DIRECTORY,
    "campaign tool": "/campaign-tools/example",
}


def _identity(words: str) -> tuple[str, str | None]:
    """`webshop c-1`: the source and its reference; a source alone names nobody."""
    if words in _SOURCES:
        return _SOURCES[words], None
    name, subject = words.rsplit(" ", 1)
    return _SOURCES[name], subject


def _party(row: Json) -> Json | None:
    """`aino`, or `{like: aino, email: ..., without: [...]}`, or the fields themselves."""
    given = row.get("party")
    if given is None or isinstance(given, str):
        return dict(_CAST[given]) if given else None
    base = _CAST[given["like"]] if "like" in given else {}
    left_out = given.get("without", ())
    party = {**base, **given}
    return {
        name: value
        for name, value in party.items()
        if name not in ("like", "without") and name not in left_out
    }


def _order(time: datetime, row: Json, envelope: Json) -> Json:
    return events.order(
        time,
        _party(row) or {},
        " ".join(row["buys"]),
        row.get("order", "order-1"),
        obtained=row.get("contact got in the sale", True),
        offered=row.get("opt-out offered", True),
        **envelope,
    )


def _signup(time: datetime, row: Json, envelope: Json) -> Json:
    made = events.signup(time, _party(row) or {}, *row.get("agrees to", ()), **envelope)
    if row.get("wording") == "none":
        for given in made["data"]["consents"]:
            del given["wording"]
    return made


def _consent(time: datetime, row: Json, envelope: Json) -> Json:
    wording = row.get("wording", "text-1")
    return events.consent(
        time, row["scope"], _party(row), None if wording == "none" else wording, **envelope
    )


def _ban_or_lift(made: Callable[..., Json]) -> Callable[[datetime, Json, Json], Json]:
    return lambda time, row, envelope: made(
        time,
        row.get("scope", {}),
        _party(row),
        collection=row.get("collection", False),
        **envelope,
    )


def _end(made: Callable[..., Json]) -> Callable[[datetime, Json, Json], Json]:
    return lambda time, row, envelope: made(time, row.get("order", "order-1"), **envelope)


WHAT: dict[str, Callable[[datetime, Json, Json], Json]] = {
    "order": _order,
    "cancellation": _end(events.cancellation),
    "contract end": _end(events.contract_end),
    "billing": lambda time, row, envelope: events.billing(time, row["status"], **envelope),
    "sign-up": _signup,
    "consent": _consent,
    "withdrawal": lambda time, row, envelope: events.withdrawal(
        time, row.get("scope", {}), _party(row), **envelope
    ),
    "ban": _ban_or_lift(events.ban),
    "lift": _ban_or_lift(events.lift),
    "profile": lambda time, row, envelope: events.profile(time, _party(row) or {}, **envelope),
    "left company": lambda time, row, envelope: events.left_company(
        time, row["company"], **envelope
    ),
    "listing": lambda time, row, envelope: events.listing(time, _party(row) or {}, **envelope),
}


# What must have become of it


def _persons(register: MemoryRegister, wanted: Json | None) -> Iterator[str]:
    for words, expected in (wanted or {}).items():
        source, subject = _identity(words)
        assert subject is not None
        held = register.person(subject, source)
        if expected == "nothing held":
            if held is not None:
                yield f"{words}: something is held"
        elif held is None:
            yield f"{words}: nothing is held"
        else:
            for difference in _person(register, held, expected, (source, subject)):
                yield f"{words}: {difference}"


def _person(
    register: MemoryRegister, held: Json, expected: Json, who: tuple[str, str]
) -> Iterator[str]:
    unknown = expected.keys() - ASPECTS.keys() - {"same person as", "another person than"}
    assert not unknown, f"no such aspect of a person: {unknown}"
    for aspect, check in ASPECTS.items():
        if aspect in expected:
            yield from check(held, expected[aspect])
    own = register.customer_id(who[1], who[0])
    for words in expected.get("same person as", ()):
        if _customer_id(register, words) != own:
            yield f"is not one person with {words}"
    for words in expected.get("another person than", ()):
        if _customer_id(register, words) == own:
            yield f"is one person with {words}"


def _customer_id(register: MemoryRegister, words: str) -> object:
    source, subject = _identity(words)
    assert subject is not None
    return register.customer_id(subject, source)


def _cells(held: Json, expected: Json) -> Iterator[str]:
    for (purpose, channel), code in _wanted_cells(expected).items():
        found = cell(held, purpose, channel)
        if found != code:
            yield f"{purpose} by {channel}: {found}, not {code}"
        if (code in set(Basis)) != (channel in held["allow"].get(purpose, {})):
            yield f"{purpose} by {channel}: {found} on the wrong side"


def _wanted_cells(expected: Json) -> dict[tuple[str, str], str]:
    """The cells that a table names; a row for one purpose beats `marketing`."""
    wanted: dict[tuple[str, str], str] = {}
    for rows in sorted(expected.items(), key=lambda row: row[0] != "marketing"):
        purposes = MARKETING if rows[0] == "marketing" else rows[0].split(", ")
        for purpose in purposes:
            for channel, code in _row(purpose, rows[1]).items():
                wanted[purpose, channel] = code
    assert wanted.keys() <= set(CELLS), f"no such cell: {wanted.keys() - set(CELLS)}"
    return wanted


def _row(purpose: str, codes: Any) -> dict[str, str]:
    """One code for all channels, five codes in the order of the channels, or some by name."""
    channels = [channel for named, channel in CELLS if named == purpose]
    if isinstance(codes, str):
        return dict.fromkeys(channels, codes)
    if isinstance(codes, list):
        assert len(codes) == len(CHANNELS), f"{purpose}: five codes, one per channel"
        return dict(zip(CHANNELS, codes, strict=True))
    return dict(codes)


def _equal(name: str, find: Callable[[Json], Any]) -> Callable[[Json, Any], Iterator[str]]:
    def check(held: Json, expected: Any) -> Iterator[str]:
        if find(held) != expected:
            yield f"{name}: {find(held)}, not {expected}"

    return check


def _denied_products(held: Json, expected: Any) -> Iterator[str]:
    wanted = denied_cells({"products": {"denied": expected}})
    found = denied_cells(held)
    if found != wanted:
        yield f"denied products: {set(found) ^ set(wanted)} on one side only"


ASPECTS: dict[str, Callable[[Json, Any], Iterator[str]]] = {
    "audience": _equal("audience", lambda held: str(held["audience"])),
    "contact": _equal("contact", lambda held: sorted(held["contact"])),
    "contact values": _equal("contact", lambda held: held["contact"]),
    "soft opt-in": _equal("soft opt-in", lambda held: list(held["products"]["soft_opt_in"])),
    "denied products": _denied_products,
    "cells": _cells,
}


def _refused(register: MemoryRegister, wanted: Any) -> Iterator[str]:
    found = [(one.event_id, one.rule, one.reason) for one in register.refused]
    expected = [(f"event-{row['event']}", row["rule"], row["reason"]) for row in wanted or ()]
    if found != expected:
        yield f"refused: {found}, not {expected}"


def _dead(register: MemoryRegister, wanted: Any) -> Iterator[str]:
    found = [(one.event_id, one.reason) for one in register.dead]
    expected = [(f"event-{row['event']}", row["reason"]) for row in wanted or ()]
    if found != expected:
        yield f"dead letters: {found}, not {expected}"


def _tombstones(register: MemoryRegister, wanted: int | None) -> Iterator[str]:
    found = sum(data is None for data in register.messages.values())
    if found != (wanted or 0):
        yield f"tombstones: {found}, not {wanted or 0}"


def _customers(register: MemoryRegister, wanted: int | None) -> Iterator[str]:
    if wanted is not None and len(register.latest()) != wanted:
        yield f"customers: {len(register.latest())}, not {wanted}"


def _ban_register(register: MemoryRegister, wanted: Json | None) -> Iterator[str]:
    for words, rows in (wanted or {}).items():
        expected = [] if rows == "nothing" else [_ban(row) for row in rows]
        found = register.under(_digest(words))
        if sorted(map(repr, found)) != sorted(map(repr, expected)):
            yield f"ban register, {words}: {found}, not {expected}"


def _ban(row: Json) -> Json:
    shown: Json = {"scope": row["scope"], "since": _moment(row["since"])}
    if row.get("collection"):
        shown["collection"] = True
    return shown


def _moment(since: Any) -> str:
    """`day 3`."""
    if isinstance(since, str) and since.startswith("day "):
        return day(float(since.removeprefix("day "))).isoformat()
    raise AssertionError(f"no such moment: {since}")


def _digest(words: str) -> bytes:
    kind, _, value = words.partition(" ")
    if kind == "email":
        return DIGESTER.email(value).digest
    if kind == "phone":
        return DIGESTER.phone(value).digest
    if kind == "company":
        return DIGESTER.company(value).digest
    if kind == "address":
        return DIGESTER.address(**_CAST[value]["address"]).digest
    source, subject = _identity(words)
    assert subject is not None
    return DIGESTER.identity(source, subject)


CHECKS: dict[str, Callable[[MemoryRegister, Any], Iterator[str]]] = {
    "persons": _persons,
    "customers": _customers,
    "refused": _refused,
    "dead letters": _dead,
    "tombstones": _tombstones,
    "ban register": _ban_register,
}
"""Refusals, dead letters and tombstones that a table does not name must not be there."""
