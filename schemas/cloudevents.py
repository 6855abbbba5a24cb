"""CloudEvents 1.0 over Kafka: structured and binary mode in, structured mode out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import ValidationError

from schemas.inbound import INBOUND, INBOUND_TYPES, AnyInbound
from schemas.party import Address, Company, Name, Party
from schemas.problems import Unreadable

MAX_BYTES = 1_000_000
"""A record's value may be this long; a longer one is a dead letter."""

STRUCTURED = b"application/cloudevents+json"
CONTENT_TYPE = ("content-type", STRUCTURED)

Headers = Sequence[tuple[str, bytes | None]]

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_OFFSETLESS = re.compile(r"\d{4}-\d\d-\d\d([Tt ][\d:.]+)?", re.ASCII)
_YEARS = (1900, 2200)
_NO_TEXT = re.compile("[\udc80-\udcff]")
"""Bytes of a header's name that are no UTF-8, as they come out of the client (PEP 383)."""

_ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time", "traceparent")
_PARTY_PARTS: dict[str, frozenset[str]] = {
    "name": frozenset(Name.model_fields),
    "address": frozenset(Address.model_fields),
    "company": frozenset(Company.model_fields),
}
_PARTY_FIELDS = frozenset(Party.model_fields)
# Values of these may be named by the person, so a path never goes below them.
_OPEN_FIELDS = frozenset({"profiling"})


@dataclass(frozen=True, slots=True)
class Message:
    """A readable event, with what the models drop.

    `raw` is the event as parsed JSON; `dropped` counts unknown `party` fields (S7).
    """

    event: AnyInbound
    raw: dict[str, Any]
    dropped: int


def decode(value: bytes | None, headers: Headers) -> Message:
    """Read one record.

    Raises `Unreadable` with the code and, where a field is to blame, its path.
    """
    if value is None:
        raise Unreadable("null_value", "value")
    if len(value) > MAX_BYTES:
        raise Unreadable("too_large", "value")
    if any(_NO_TEXT.search(name) for name, _ in headers):
        raise Unreadable("malformed_header", "name")
    attributes = _binary_attributes(headers)
    raw = _parse(value)
    if attributes is not None:
        raw = {**attributes, "data": raw}
        value = _written(raw)
    elif not isinstance(raw, dict):
        raise Unreadable("wrong_type", "value")
    if b"\\u0000" in value:  # PostgreSQL stores no NUL in a text
        raise Unreadable("invalid_value", "value")
    try:
        event = INBOUND.validate_json(value)
    except ValidationError as error:
        raise _unreadable(error, raw) from None
    _check_time(raw["time"], event.time)
    return Message(event, raw, _count_dropped(raw["data"].get("party")))


def encode(event: dict[str, Any]) -> bytes:
    """Write an event of the service's own in structured mode; send it with `CONTENT_TYPE`."""
    return orjson.dumps(event)


def _check_time(text: str, time: datetime) -> None:
    """RFC 3339, in years that every system between here and the database can hold."""
    if not _RFC3339.fullmatch(text) or not _YEARS[0] <= time.year <= _YEARS[1]:
        raise Unreadable("invalid_value", "time")


def _binary_attributes(headers: Headers) -> dict[str, str] | None:
    named = {name.lower(): value for name, value in headers if value is not None}
    if named.get("content-type", b"").startswith(STRUCTURED) or "ce_type" not in named:
        return None
    try:
        return {name: named[f"ce_{name}"].decode() for name in _ATTRIBUTES if f"ce_{name}" in named}
    except UnicodeDecodeError:
        raise Unreadable("malformed_header", "ce_*") from None


def _parse(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Unreadable("malformed_json", "value") from None


def _written(event: dict[str, Any]) -> bytes:
    """The event in structured mode; what is nested deeper than that takes is no event."""
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:
        raise Unreadable("malformed_json", "value") from None


def _unreadable(error: ValidationError, raw: dict[str, Any]) -> Unreadable:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind = first["type"]
    if kind == "union_tag_invalid":
        return Unreadable("unknown_type", "type")
    if kind == "union_tag_not_found":
        return Unreadable("missing_field", "type")
    if kind == "timezone_aware":
        return Unreadable("time_without_offset")
    field = _path(first["loc"])
    if field == "time" and _OFFSETLESS.fullmatch(str(raw.get("time"))):
        return Unreadable("time_without_offset")
    if kind == "missing":
        return Unreadable("missing_field", field)
    if kind.endswith(("_type", "_parsing")) or kind == "is_instance_of":
        return Unreadable("wrong_type", field)
    if kind.startswith("json_"):
        return Unreadable("malformed_json", "value")
    return Unreadable("invalid_value", field)


def _path(location: tuple[int | str, ...]) -> str:
    """Path of a field, without the union's tag and without names that a sender may invent."""
    parts: list[str] = []
    for part in location:
        if not parts and part in INBOUND_TYPES:
            continue
        parts.append(str(part))
        if part in _OPEN_FIELDS:
            break
    return ".".join(parts)


def _count_dropped(party: Any) -> int:
    if not isinstance(party, dict):
        return 0
    dropped = len(party.keys() - _PARTY_FIELDS)
    for name, known in _PARTY_PARTS.items():
        part = party.get(name)
        if isinstance(part, dict):
            dropped += len(part.keys() - known)
    return dropped
