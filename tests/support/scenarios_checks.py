"""What must have become of the events of a scenario table: the parts of its `then`.

How they are written stands in `tests/scenarios/README.md`. A new kind of expectation is one
more entry of `CHECKS`, or of `ASPECTS` where it is one person's.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from register.rules.requests import due
from schemas.terms import Basis
from tests.support.compare import denied_cells
from tests.support.events import Json
from tests.support.naive_facts import CELLS, CHANNELS, MARKETING
from tests.support.register import DIGESTER, cell
from tests.support.scenarios_events import CAST, identity, moment, party_of
from tests.support.scenarios_register import WholeRegister


def _persons(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
    for words, expected in (wanted or {}).items():
        source, subject = identity(words)
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
    register: WholeRegister, held: Json, expected: Json, who: tuple[str, str]
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


def _customer_id(register: WholeRegister, words: str) -> object:
    source, subject = identity(words)
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


def _refused(register: WholeRegister, wanted: Any) -> Iterator[str]:
    found = [(one.event_id, one.rule, one.reason) for one in register.refused]
    expected = [(f"event-{row['event']}", row["rule"], row["reason"]) for row in wanted or ()]
    if found != expected:
        yield f"refused: {found}, not {expected}"


def _dead(register: WholeRegister, wanted: Any) -> Iterator[str]:
    found = [(one.event_id, one.reason) for one in register.dead]
    expected = [(f"event-{row['event']}", row["reason"]) for row in wanted or ()]
    if found != expected:
        yield f"dead letters: {found}, not {expected}"


def _tombstones(register: WholeRegister, wanted: int | None) -> Iterator[str]:
    found = sum(data is None for data in register.messages.values())
    if found != (wanted or 0):
        yield f"tombstones: {found}, not {wanted or 0}"


def _customers(register: WholeRegister, wanted: int | None) -> Iterator[str]:
    if wanted is not None and len(register.latest()) != wanted:
        yield f"customers: {len(register.latest())}, not {wanted}"


def _ban_register(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
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
        return moment(float(since.removeprefix("day "))).isoformat()
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
        return DIGESTER.address(**CAST[value]["address"]).digest
    source, subject = identity(words)
    assert subject is not None
    return DIGESTER.identity(source, subject)


def _answers(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
    found = dict.fromkeys(register.open_requests, "open")
    for answer in register.answers:
        found[answer.intake.fact.event_id] = answer.reason or "done"
    expected = {f"event-{number}": outcome for number, outcome in (wanted or {}).items()}
    if found != expected:
        yield f"answers: {found}, not {expected}"


def _due(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
    received = {one.intake.fact.event_id: one.intake.fact.received for one in register.answers}
    for number, expected in (wanted or {}).items():
        found = due(received[f"event-{number}"])
        if found != moment(expected):
            yield f"due: event {number}: {found}, not {expected}"


def _reports(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
    reports = {one.intake.fact.event_id: one.report for one in register.answers}
    for number, sections in (wanted or {}).items():
        report = reports.get(f"event-{number}")
        if report is None:
            yield f"reports: event {number}: none"
            continue
        for section, expected in sections.items():
            found = _held_in(report[section])
            if found != expected:
                yield f"reports: event {number}, {section}: {found}, not {expected}"


def _held_in(section: Any) -> Any:
    """How many lines, or which fields."""
    if isinstance(section, list):
        return len(section)
    return sorted(section or ())


def _disclosures(register: WholeRegister, wanted: Any) -> Iterator[str]:
    found = [(one.event_id, one.to, list(one.people)) for one in register.handed]
    expected = [
        (f"event-{row['asked by']}", row["to"], _people(row["people"])) for row in wanted or ()
    ]
    if not _same(found, expected):
        yield f"disclosures: {found}, not {expected}"


def _recalls(register: WholeRegister, wanted: Any) -> Iterator[str]:
    found = [(one.partner_id, one.person, one.reason) for one in register.taken_back]
    expected = [
        (row["from"], person, row["reason"])
        for row in wanted or ()
        for person in _people(row["people"])
    ]
    if not _same(found, expected):
        yield f"recalls: {found}, not {expected}"


def _people(given: Iterable[Any]) -> list[Json]:
    """Exactly a name and an address, of members of the cast (R43)."""
    parties = [party_of(one) for one in given]
    return [{"name": party["name"], "address": party["address"]} for party in parties]


def _same(found: Iterable[Any], expected: Iterable[Any]) -> bool:
    return sorted(map(_sortable, found)) == sorted(map(_sortable, expected))


def _sortable(value: Any) -> Any:
    """The order of people, and of the fields of one, says nothing."""
    if isinstance(value, dict):
        return repr(sorted((name, _sortable(part)) for name, part in value.items()))
    if isinstance(value, list):
        return repr(sorted(map(_sortable, value)))
    if isinstance(value, tuple):
        return repr([_sortable(part) for part in value])
    return repr(value)


def _screenings(register: WholeRegister, wanted: Json | None) -> Iterator[str]:
    for number, expected in (wanted or {}).items():
        found = [_verdict(one) for one in register.screened[f"event-{number}"]]
        if found != expected:
            yield f"screenings: event {number}: {found}, not {expected}"


def _verdict(decision: Json) -> str:
    """`consent`, `banned`, or `soft_opt_in for broadband, tv`."""
    code = str(decision["basis"] if decision["allowed"] else decision["reason"])
    assert decision["allowed"] == (code in set(Basis)), f"{code} on the wrong side"
    groups = decision.get("products", ())
    return f"{code} for {', '.join(groups)}" if groups else code


CHECKS: dict[str, Callable[[WholeRegister, Any], Iterator[str]]] = {
    "persons": _persons,
    "customers": _customers,
    "refused": _refused,
    "dead letters": _dead,
    "tombstones": _tombstones,
    "ban register": _ban_register,
    "answers": _answers,
    "due": _due,
    "reports": _reports,
    "disclosures": _disclosures,
    "recalls": _recalls,
    "screenings": _screenings,
}
"""Refusals, dead letters, tombstones, answers, disclosures and recalls that a table does not
name must not be there."""
