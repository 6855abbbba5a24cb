"""The contract fits those who were built against an older one; what would not is found."""

from pathlib import Path
from typing import Any

import pytest

from schemas.compat import Break, Direction, breaks
from schemas.compat.__main__ import ADVICE
from schemas.compat.released import broken_by_today, load, versions
from schemas.docs.events import ALL_TYPES

INBOUND, OUTBOUND = Direction.INBOUND, Direction.OUTBOUND

KIND = {"title": "Kind", "type": "string", "enum": ["a", "b"]}
OLD: dict[str, Any] = {
    "$defs": {"Kind": KIND},
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 100},
        "kind": {"$ref": "#/$defs/Kind"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "offered": {"type": "boolean", "default": True},
        "count": {"type": "integer", "minimum": 1},
        "time": {"type": "string", "format": "date-time"},
        "lines": {
            "type": "array",
            "maxItems": 10,
            "items": {"type": "object", "properties": {"sku": {"type": "string"}}},
        },
        "cells": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Kind"}},
    },
}


def _with(**fields: Any) -> dict[str, Any]:
    return {**OLD, "properties": {**OLD["properties"], **fields}}


def _without(name: str) -> dict[str, Any]:
    fields = {key: field for key, field in OLD["properties"].items() if key != name}
    return {**OLD, "properties": fields}


def _lines(items: dict[str, Any], most: int = 10) -> dict[str, Any]:
    return {"type": "array", "maxItems": most, "items": items}


def _kind(*values: str) -> dict[str, Any]:
    return {**KIND, "enum": list(values)}


TEXT = {"type": "string"}
WIDER: list[tuple[str, dict[str, Any]]] = [
    ("kind", _with(kind=_kind("a", "b", "c"))),
    ("kind", _with(kind=TEXT)),
    ("cells.*", _with(cells={"type": "object", "additionalProperties": _kind("a", "b", "c")})),
    ("note", _with(note={"anyOf": [TEXT, {"type": "null"}, {"type": "integer"}]})),
    ("id", _with(id={"anyOf": [OLD["properties"]["id"], {"type": "null"}]})),
    ("id", _with(id={"type": "string", "minLength": 1, "maxLength": 200})),
    ("id", _with(id={"type": "string", "maxLength": 100})),
    ("count", _with(count={"type": "number", "minimum": 1})),
    ("count", _with(count={"type": "integer", "minimum": 0})),
    ("time", _with(time=TEXT)),
    ("id", {**OLD, "required": []}),
    ("lines", _with(lines=_lines({"type": "object", "properties": {"sku": TEXT}}, most=11))),
]
"""More than before: a sender does not mind, a reader does."""

NARROWER: list[tuple[str, dict[str, Any]]] = [
    ("kind", _with(kind=_kind("a"))),
    ("cells.*", _with(cells={"type": "object", "additionalProperties": _kind("a")})),
    ("note", _with(note=TEXT)),
    ("id", _with(id={"type": "string", "minLength": 2, "maxLength": 100})),
    ("id", _with(id={"type": "string", "minLength": 1, "maxLength": 50})),
    ("id", _with(id={"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^x"})),
    ("note", {**OLD, "required": ["id", "note"]}),
    ("lines", _with(lines=_lines({"type": "object", "properties": {"sku": TEXT}}, most=9))),
    (
        "lines[].sku",
        _with(lines=_lines({"type": "object", "properties": {"sku": {**TEXT, "maxLength": 5}}})),
    ),
    (
        "lines[].sku",
        _with(lines=_lines({"type": "object", "properties": {"sku": TEXT}, "required": ["sku"]})),
    ),
]
"""Less than before: a reader does not mind, a sender does."""

BREAKS_BOTH: list[tuple[str, dict[str, Any]]] = [
    ("note", _without("note")),
    ("kind", _with(kind=_kind("x", "y"))),
    ("count", _with(count=TEXT)),
    ("lines[].sku", _with(lines=_lines({"type": "object", "properties": {"code": TEXT}}))),
    ("lines", _with(lines={"type": "object"})),
]

HARMLESS: list[dict[str, Any]] = [
    OLD,
    _with(more=TEXT),
    _with(lines=_lines({"type": "object", "properties": {"sku": TEXT, "more": TEXT}})),
    _with(kind={**KIND, "description": "said in other words"}),
    _with(kind=KIND),
    _with(note={"anyOf": [{"type": "null"}, TEXT]}),
]


def _paths(new: dict[str, Any], direction: Direction) -> list[str]:
    return [one.path for one in breaks(OLD, new, direction)]


@pytest.mark.parametrize(("path", "new"), WIDER)
def test_more_than_before(path: str, new: dict[str, Any]) -> None:
    assert _paths(new, OUTBOUND) == [path]
    assert _paths(new, INBOUND) == []


@pytest.mark.parametrize(("path", "new"), NARROWER)
def test_less_than_before(path: str, new: dict[str, Any]) -> None:
    assert _paths(new, INBOUND) == [path]
    assert _paths(new, OUTBOUND) == []


@pytest.mark.parametrize(("path", "new"), BREAKS_BOTH)
def test_another_thing_than_before(path: str, new: dict[str, Any]) -> None:
    assert set(_paths(new, INBOUND)) == {path}
    assert set(_paths(new, OUTBOUND)) == {path}


@pytest.mark.parametrize("new", HARMLESS)
@pytest.mark.parametrize("direction", Direction)
def test_what_only_adds_is_harmless(new: dict[str, Any], direction: Direction) -> None:
    assert breaks(OLD, new, direction) == []


def test_what_a_sender_leaves_out_goes_on_meaning_the_same() -> None:
    new = _with(offered={"type": "boolean", "default": False})
    assert breaks(OLD, new, INBOUND) == [Break("offered", "default: true became false")]
    assert breaks(OLD, new, OUTBOUND) == []


def test_an_enum_that_is_documented_as_open_may_grow() -> None:
    new = _with(kind=_kind("a", "b", "c"))
    assert breaks(OLD, new, OUTBOUND) == [Break("kind", 'a new value: "c"')]
    assert breaks(OLD, new, OUTBOUND, open_enums={"Kind"}) == []


def test_a_difference_is_told_from_before_to_now() -> None:
    longer = _with(id={"type": "string", "minLength": 1, "maxLength": 200})
    assert breaks(OLD, longer, OUTBOUND) == [Break("id", "maxLength: 100 became 200")]
    assert breaks(longer, OLD, INBOUND) == [Break("id", "maxLength: 200 became 100")]


@pytest.mark.parametrize("released", versions(), ids=lambda path: path.name)
def test_the_contract_fits_what_was_released(released: Path) -> None:
    broken = broken_by_today(released)
    assert not broken, "\n".join([*broken, ADVICE])


@pytest.mark.parametrize("released", versions(), ids=lambda path: path.name)
def test_a_released_contract_is_whole(released: Path) -> None:
    """Its types are all still there, and each of its schemas can be read."""
    assert load(released).keys() <= ALL_TYPES.keys()
    for kind, schema in load(released).items():
        assert breaks(schema, schema, OUTBOUND) == [], kind
