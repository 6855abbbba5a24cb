"""Whether a contract still fits those who were built against an older one.

A sender can still send all that it could, and a reader can take all that comes. So, of two JSON
Schemas, what is *given* has to fit what is *taken*: inbound, senders give by the older one and
the service takes by the newer; outbound, the service gives by the newer one and readers take by
the older. A field that whoever takes it does not know is passed over.

`python -m schemas.compat` compares the contract with every one that was released.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]

OPEN_ENUMS: frozenset[str] = frozenset()
"""Enums (by `title`) whose readers are told in docs/consuming.md to expect more values."""

_UPPER = frozenset({"maxLength", "maxItems", "maximum", "exclusiveMaximum"})
_LOWER = frozenset({"minLength", "minItems", "minimum", "exclusiveMinimum"})
_INSIDE = {"items": "[]", "additionalProperties": ".*", "propertyNames": ".(key)"}
_TYPES: Mapping[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
_ANY = frozenset(_TYPES.values())
_COMPARED = frozenset({"type", "const", "enum", "properties", "required", "anyOf", "oneOf"})
_WORDING = frozenset({"title", "description", "examples", "default", "$schema", "$id", "$defs"})


class Direction(StrEnum):
    """Who sends: channel systems to the service, or the service to its readers."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class Break:
    """What does not fit any more, and where: `data.party.kind`."""

    path: str
    what: str


def breaks(
    old: Json, new: Json, direction: Direction, open_enums: Collection[str] = OPEN_ENUMS
) -> list[Break]:
    """What the newer schema breaks for those who were built against the older one."""
    inbound = direction is Direction.INBOUND
    old, new = _inlined(old, old.get("$defs", {})), _inlined(new, new.get("$defs", {}))
    given, taken = (old, new) if inbound else (new, old)
    unfit = _Comparison(inbound, open_enums).differing(given, taken, "")
    return list(dict.fromkeys([*_removed(old, new, ""), *unfit]))


def _inlined(schema: Any, definitions: Json) -> Any:
    """The schema with what it refers to in its place."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        return _inlined(definitions[reference.removeprefix("#/$defs/")], definitions)
    return {
        key: value if key in ("const", "enum", *_WORDING) else _inlined(value, definitions)
        for key, value in schema.items()
        if key != "discriminator"
    }


def _alternatives(schema: Json) -> list[Json]:
    """What a schema allows, one by one."""
    either = schema.get("anyOf") or schema.get("oneOf")
    return [one for part in either for one in _alternatives(part)] if either else [schema]


def _removed(old: Json, new: Json, path: str) -> Iterator[Break]:
    """No field is ever dropped or renamed, in neither direction."""
    before, now = _fields(old), _fields(new)
    for name, field in before.items():
        if name in now:
            yield from _removed(field, now[name], _join(path, name))
        else:
            yield Break(_join(path, name), "the field is gone")
    for key in ("items", "additionalProperties"):
        for a in _alternatives(old):
            for b in _alternatives(new):
                if isinstance(a.get(key), dict) and isinstance(b.get(key), dict):
                    yield from _removed(a[key], b[key], path + _INSIDE[key])


def _fields(schema: Json) -> dict[str, Json]:
    return {
        name: field
        for one in _alternatives(schema)
        for name, field in one.get("properties", {}).items()
    }


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Looks for what is given and not taken; `inbound`: what is given is the older contract."""

    inbound: bool
    open_enums: Collection[str]

    def differing(self, given: Json, taken: Json, path: str) -> Iterator[Break]:
        """Each alternative that is given has to fit one that is taken."""
        for one in _alternatives(given):
            accepted = _alternatives(taken)
            alike = [other for other in accepted if _types(one) & _types(other)]
            tries = [list(self._one(one, other, path)) for other in alike or accepted]
            yield from min(tries, key=len)

    def _one(self, given: Json, taken: Json, path: str) -> Iterator[Break]:
        if not _types(given) <= _types(taken):
            yield self._break(path, "type", given.get("type"), taken.get("type"))
            return
        yield from self._values(given, taken, path)
        yield from self._bounds(given, taken, path)
        for name in sorted(set(taken.get("required", ())) - set(given.get("required", ()))):
            what = "a new required field" if self.inbound else "no longer always there"
            yield Break(_join(path, name), what)
        fields = taken.get("properties", {})
        for name, field in given.get("properties", {}).items():
            if name in fields:
                yield from self.differing(field, fields[name], _join(path, name))
            if self.inbound and "default" in field and name in fields:
                yield from self._default(field, fields[name], _join(path, name))
        for key, step in _INSIDE.items():
            if key in taken:
                inside = _schema(given.get(key, True)), _schema(taken[key])
                yield from self.differing(*inside, path + step)

    def _default(self, old: Json, new: Json, path: str) -> Iterator[Break]:
        """What a sender leaves out must go on meaning the same."""
        if new.get("default") != old["default"]:
            yield self._break(path, "default", old["default"], new.get("default"))

    def _values(self, given: Json, taken: Json, path: str) -> Iterator[Break]:
        """An enum or a constant: a list of values, of which every one given must be taken."""
        accepted, told = _values_of(taken), _values_of(given)
        if accepted is None or (not self.inbound and taken.get("title") in self.open_enums):
            return
        if told is None:
            yield self._break(path, "values", None, accepted)
            return
        for value in told:
            if value not in accepted:
                what = "the value {} is gone" if self.inbound else "a new value: {}"
                yield Break(path, what.format(json.dumps(value)))

    def _bounds(self, given: Json, taken: Json, path: str) -> Iterator[Break]:
        for key in sorted((given.keys() | taken.keys()) - _COMPARED - _WORDING - _INSIDE.keys()):
            told, bound = given.get(key), taken.get(key)
            if bound is None and key in (given.keys() - taken.keys()):
                continue  # what is given keeps to more than is asked
            within = (
                told is not None
                and bound is not None
                and ((key in _UPPER and told <= bound) or (key in _LOWER and told >= bound))
            )
            if told != bound and not within:
                yield self._break(path, key, told, bound)

    def _break(self, path: str, key: str, given: Any, taken: Any) -> Break:
        old, new = (given, taken) if self.inbound else (taken, given)
        return Break(path, f"{key}: {_shown(old)} became {_shown(new)}")


def _schema(value: Json | bool) -> Json:
    """`true` takes everything, `false` nothing."""
    if isinstance(value, bool):
        return {} if value else {"enum": []}
    return value


def _types(schema: Json) -> frozenset[str]:
    named = schema.get("type")
    if named is None:
        values = _values_of(schema)
        return _ANY if values is None else frozenset(_TYPES[type(value)] for value in values)
    types = frozenset([named] if isinstance(named, str) else named)
    return types | {"integer"} if "number" in types else types


def _values_of(schema: Json) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
