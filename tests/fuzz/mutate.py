"""Mutations of an event that know its structure, and mutations of bytes that know nothing."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from schemas.cloudevents import MAX_BYTES
from schemas.inbound import INBOUND_TYPES
from schemas.terms import Channel, Kind, Purpose
from tests.fuzz import odd

Json = dict[str, Any]
Slot = tuple[Any, Any]
"""An object or a list, and the key or the place in it."""

_TYPES = tuple(INBOUND_TYPES)
_FIELDS = (
    *("id", "source", "subject", "time", "type", "data", "specversion", "traceparent"),
    *("party", "scope", "wording", "evidence", "collection", "lines", "order_id", "consents"),
    *("kind", "name", "email", "phone", "address", "company", "business_id", "profiling"),
    *("purposes", "channels", "products", "request_id", "corrections", "selection", "recipients"),
)
_WORDS = (*Purpose, *Channel, *Kind)


def mutate(event: Json, rng: random.Random) -> tuple[Any, list[str]]:
    """Change an event in one to four ways; returns what it became, and the names of the ways.

    The event may become something else altogether; what is no JSON stands in it as a fragment.
    """
    holder: Json = {"": event}
    names: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        change = rng.choice(_CHANGES)
        change(holder, rng)
        names.append(change.__name__.strip("_"))
    return holder[""], names


def spoil(data: bytes, rng: random.Random) -> bytes:
    """Change bytes in one to three places."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(_SPOILS)(data, rng)
    return data


def _slots(part: Any) -> Iterator[Slot]:
    """Every place where a value stands, the event itself first."""
    waiting = [part]
    while waiting:
        at = waiting.pop()
        for key in list(at) if isinstance(at, dict) else range(len(at)):
            yield at, key
            if isinstance(at[key], dict | list):
                waiting.append(at[key])


def _pick(holder: Json, rng: random.Random) -> Slot:
    return rng.choice(list(_slots(holder)))


def _replace(holder: Json, rng: random.Random) -> None:
    at, key = _pick(holder, rng)
    at[key] = odd.value(rng)


def _replace_text(holder: Json, rng: random.Random) -> None:
    """A text by an odd one: it gets further than a wrong type does."""
    texts = [(at, key) for at, key in _slots(holder) if isinstance(at[key], str)]
    if texts:
        at, key = rng.choice(texts)
        at[key] = odd.text(rng)


def _replace_texts(holder: Json, rng: random.Random) -> None:
    """All texts of a part by odd ones of one kind."""
    parts = [at[key] for at, key in _slots(holder) if isinstance(at[key], dict | list)]
    if parts:
        make = rng.choice(odd.TEXT_MAKERS)
        for at, key in list(_slots(rng.choice(parts))):
            if isinstance(at[key], str):
                at[key] = make(rng)[:1_000]


def _drop(holder: Json, rng: random.Random) -> None:
    at, key = _pick(holder, rng)
    if at is not holder:
        del at[key]


def _swap(holder: Json, rng: random.Random) -> None:
    (at, key), (other_at, other_key) = _pick(holder, rng), _pick(holder, rng)
    # As texts: one may be a part of the other.
    one, other = orjson.dumps(at[key]), orjson.dumps(other_at[other_key])
    at[key], other_at[other_key] = orjson.Fragment(other), orjson.Fragment(one)


def _nest(holder: Json, rng: random.Random) -> None:
    at, key = _pick(holder, rng)
    at[key] = [at[key]] if rng.random() < 0.5 else {rng.choice(_FIELDS): at[key]}


def _retype(holder: Json, rng: random.Random) -> None:
    if isinstance(holder[""], dict):
        holder[""]["type"] = rng.choice(_TYPES)


def _retime(holder: Json, rng: random.Random) -> None:
    if isinstance(holder[""], dict):
        holder[""]["time"] = rng.choice(odd.TIMES)


def _add(holder: Json, rng: random.Random) -> None:
    objects = [at[key] for at, key in _slots(holder) if isinstance(at[key], dict)]
    if objects:
        key = rng.choice(_FIELDS) if rng.random() < 0.8 else odd.text(rng)[:1_000]
        rng.choice(objects)[key] = odd.value(rng)


def _add_word(holder: Json, rng: random.Random) -> None:
    """A known word where a list of them stands."""
    lists = [at[key] for at, key in _slots(holder) if isinstance(at[key], list)]
    if lists:
        rng.choice(lists).append(str(rng.choice(_WORDS)))


def _stretch(holder: Json, rng: random.Random) -> None:
    lists = [at[key] for at, key in _slots(holder) if isinstance(at[key], list)]
    if lists:
        chosen = rng.choice(lists)
        # As long as what is taken in at all, and not much longer: a list in a list multiplies.
        most = 2 * MAX_BYTES // len(orjson.dumps(chosen))
        chosen[:] = chosen * min(most, rng.choice((0, 2, 3, 101, 1_001)))


def _duplicate_key(holder: Json, rng: random.Random) -> None:
    """An object that has one of its keys twice, with another value the first or the last time."""
    objects = [(at, key) for at, key in _slots(holder) if isinstance(at[key], dict) and at[key]]
    if not objects:
        return
    at, key = rng.choice(objects)
    name = rng.choice(list(at[key]))
    other = rng.choice((odd.value(rng), rng.choice(_TYPES), rng.choice(odd.TIMES)))
    twice = orjson.dumps(name) + b":" + orjson.dumps(other)
    inner = orjson.dumps(at[key])[1:-1]
    parts = [twice, inner] if rng.random() < 0.5 else [inner, twice]
    at[key] = orjson.Fragment(b"{" + b",".join(parts) + b"}")


_CHANGES: tuple[Callable[[Json, random.Random], None], ...] = (
    _replace,
    _replace,
    _replace_text,
    _replace_text,
    _replace_texts,
    _drop,
    _swap,
    _nest,
    _retype,
    _retime,
    _add,
    _add_word,
    _stretch,
    _duplicate_key,
)


def _flip(data: bytes, rng: random.Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(rng.choice((1, 1, 4, 30))):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
    return bytes(spoilt)


def _cut(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start + rng.choice((1, 2, 10, 1_000_000)) :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return (
        data[:at]
        + rng.choice((rng.choice(odd.RAW), rng.randbytes(3), b'"', b"\\u0000"))
        + data[at:]
    )


def _repeat(data: bytes, rng: random.Random) -> bytes:
    at, length = rng.randrange(len(data) + 1), rng.randrange(40)
    return data[:at] + data[at : at + length] * rng.choice((2, 50)) + data[at + length :]


def _encode(data: bytes, rng: random.Random) -> bytes:
    text = data.decode(errors="replace")
    return text.encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")), "replace")


_SPOILS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _cut,
    _insert,
    _repeat,
    _encode,
)
