"""The inputs: records out of a seed, world by world, each of which can be made again alone."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import orjson

from ops.generate import Generator, Options, Published
from register.records import Record
from schemas.cloudevents import CONTENT_TYPE
from schemas.inbound import INBOUND_TYPES
from tests.fuzz import odd
from tests.fuzz.mutate import mutate, spoil
from topics import INBOUND

WORLD = 200
"""Inputs that one register takes in: so few that what stands in it is touched again and again."""

START = datetime(2026, 3, 1, tzinfo=UTC)
_RECEIVED = START + timedelta(days=2)
_STREAMS = 24
_STREAM = 600
_TOPICS = tuple(topic.name for topic in INBOUND)
_ATTRIBUTES = ("id", "source", "subject", "time", "type", "specversion", "traceparent")

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Input:
    """A record, its number in the run, and how it was spoilt."""

    number: int
    record: Record
    how: tuple[str, ...]


class Inputs:
    """Everything that a seed gives."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[int, list[Published]] = {}

    def world(self, number: int, size: int = WORLD) -> Iterator[Input]:
        """The inputs that go into register `number`."""
        rng = random.Random(f"{self._seed}:world:{number}")
        stream = self._stream(rng.randrange(_STREAMS))
        first = rng.randrange(len(stream) - WORLD) if rng.random() < 0.7 else 0
        said = _Said(stream[first : first + WORLD], stream)
        for place in range(size):
            yield self._input(number * WORLD + place, said, place)

    def _stream(self, number: int) -> list[Published]:
        """Few persons, so that there is something to say of each of them all the time."""
        if number not in self._streams:
            options = Options(poison=True, agreements=True, screenings=True, requests=True)
            seed = self._seed * _STREAMS + number
            generator = Generator(seed, start=START, customers=25, rate=0.1, options=options)
            self._streams[number] = generator.take(_STREAM)
        return self._streams[number]

    def _input(self, number: int, said: "_Said", place: int) -> Input:
        rng = random.Random(f"{self._seed}:{number}")
        published = said.draw(place, rng)
        record = Record(
            topic=published.topic,
            partition=0,
            offset=number,
            key=published.key,
            value=published.value,
            headers=published.headers,
            received=_RECEIVED + timedelta(milliseconds=number),
        )
        if rng.random() < 0.3:
            return Input(number, record, ())
        return _spoilt(number, record, published, rng)


class _Said:
    """What is said in one world: a part of a stream, mostly in its order."""

    def __init__(self, in_order: Sequence[Published], stream: Sequence[Published]) -> None:
        self._in_order = in_order
        self._by_type: dict[str, list[Published]] = {}
        for published in stream:
            if published.event is not None and published.event.get("type") in INBOUND_TYPES:
                self._by_type.setdefault(published.event["type"], []).append(published)

    def draw(self, place: int, rng: random.Random) -> Published:
        """The next, or another one again, or one of any type: some are rare where people speak."""
        drawn = rng.random()
        if drawn < 0.6:
            return self._in_order[place]
        if drawn < 0.75:
            return rng.choice(self._in_order)
        return rng.choice(self._by_type[rng.choice(sorted(self._by_type))])


def _spoilt(number: int, record: Record, published: Published, rng: random.Random) -> Input:
    how: list[str] = []
    if published.event is not None and rng.random() < 0.85:
        event = orjson.loads(orjson.dumps(published.event))
        changed, names = mutate(event, rng)
        how += names
        value, headers = _written(changed, rng)
        record = replace(record, value=value, headers=headers)
    if record.value is not None and rng.random() < 0.15:
        how.append("bytes")
        record = replace(record, value=spoil(record.value, rng))
    if rng.random() < 0.15:
        how.append("headers")
        record = replace(record, headers=_odd_headers(tuple(record.headers), rng))
    if rng.random() < 0.05:
        how.append("topic")
        record = replace(record, topic=rng.choice(_TOPICS))
    return Input(number, record, tuple(how))


def _written(event: object, rng: random.Random) -> tuple[bytes, Headers]:
    """In one mode or the other, as far as there is an event at all."""
    if isinstance(event, dict) and "data" in event and rng.random() < 0.4:
        attributes = {name: value for name, value in event.items() if name != "data"}
        headers = tuple((f"ce_{name}", _header(value)) for name, value in attributes.items())
        return orjson.dumps(event["data"]), (("content-type", b"application/json"), *headers)
    return orjson.dumps(event), (CONTENT_TYPE,)


def _header(value: object) -> bytes:
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def _odd_headers(headers: Headers, rng: random.Random) -> Headers:
    """One header more, one less, one spelled otherwise, or both modes at once."""
    changed = list(headers)
    kind = rng.randrange(6)
    if kind == 0 and changed:
        del changed[rng.randrange(len(changed))]
    elif kind == 1 and changed:
        place = rng.randrange(len(changed))
        changed[place] = (changed[place][0], _odd_bytes(rng))
    elif kind == 2:
        changed.append((f"ce_{rng.choice(_ATTRIBUTES)}", _odd_bytes(rng)))
    elif kind == 3:
        changed.insert(0, CONTENT_TYPE)
    elif kind == 4:
        changed = [(name.upper(), value) for name, value in changed]
    else:
        changed.append((odd.text(rng)[:1_000], _odd_bytes(rng)))
    return tuple(changed)


def _odd_bytes(rng: random.Random) -> bytes | None:
    drawn = rng.randrange(5)
    if drawn == 0:
        return None
    if drawn == 1:
        return rng.randbytes(rng.randrange(40))
    if drawn == 2:
        return rng.choice((b"application/json", b"application/cloudevents+json; charset=utf-8"))
    return (odd.text(rng) if drawn == 3 else rng.choice(odd.TIMES)).encode()
