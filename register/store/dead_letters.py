"""Dead letters: where each was received, why it could not be read, and what became of it.

The bytes are on the topic `register.dead-letters` alone, and go with it. The register keeps
positions, reasons, and an audit that is only ever added to; the state follows from that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from register.store.batch import Arrived
from register.store.pool import Connection
from register.store.rows import columns
from register.store.sql import queries
from topics import DEAD_LETTERS

_HANDLING_LOCK = 0x44454144  # "DEAD"


class State(StrEnum):
    """What became of a letter; `EXPIRED`: it was left open until the topic let go of its bytes."""

    OPEN = "open"
    RETRIED = "retried"
    DISCARDED = "discarded"
    EXPIRED = "expired"


class Action(StrEnum):
    """What is done with a letter; `RETRYING` is written before it is put back, `RETRIED` after."""

    REVEALED = "revealed"
    RETRYING = "retrying"
    RETRIED = "retried"
    DISCARDED = "discarded"


class Place(NamedTuple):
    """Where a record was received: what names its letter. `topic` has the deployment's prefix."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be read, `since` when and why."""

    place: Place
    reason: str
    since: datetime
    state: State


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters; what is None excludes none. `reason` is a code, or `code: field`."""

    topics: Sequence[str]
    states: Sequence[State]
    reason: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A line of the audit."""

    action: Action
    operator: str
    because: str | None
    put_at: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Handling:
    """By whom something is done with letters, and why."""

    operator: str
    because: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the register knows of an event already: whether it `has` this very body (R1), or
    another one under the same id; how many `later` events there are of the same person."""

    has: bool = False
    conflicting: bool = False
    other_body: bool = False
    later: int = 0


async def try_to_handle(connection: Connection) -> bool:
    """Be the only one to handle letters until this connection ends; false where another is."""
    return bool(await connection.fetchval(queries.handle_dead_letters, _HANDLING_LOCK))


async def find(
    connection: Connection, wanted: Wanted, now: datetime, limit: int
) -> tuple[list[Letter], int]:
    """Letters that match, the oldest first, and how many there are in all."""
    rows = await connection.fetch(
        queries.find_dead_letters,
        _expired_before(now),
        list(wanted.topics),
        wanted.reason,
        wanted.since,
        list(wanted.states),
        limit,
    )
    return [_letter(row) for row in rows], rows[0]["total"] if rows else 0


async def at(connection: Connection, places: Sequence[Place], now: datetime) -> dict[Place, Letter]:
    """Letters by where they were received; what is missing was read, or never there."""
    rows = await connection.fetch(
        queries.dead_letters_at, _expired_before(now), *columns(places, 3)
    )
    return {letter.place: letter for letter in map(_letter, rows)}


async def note(
    connection: Connection, action: Action, places: Mapping[Place, int | None], by: Handling
) -> None:
    """Add to the audit; the values are the offsets where letters were put back."""
    await connection.execute(
        queries.insert_dead_letter_actions,
        *columns(list(places), 3),
        list(places.values()),
        action,
        by.operator,
        by.because,
    )


async def history(connection: Connection, place: Place) -> list[Done]:
    """The audit of a letter, from its beginning."""
    rows = await connection.fetch(queries.dead_letter_actions, *place)
    return [
        Done(Action(row["action"]), row["operator"], row["because"], row["put_at"], row["at"])
        for row in rows
    ]


async def known(connection: Connection, events: Sequence[Arrived]) -> list[Known]:
    """What the register knows of each event, by its id and by the person it is about."""
    facts = [one.intake.fact for one in events]
    bodies = await connection.fetch(
        queries.bodies_known,
        [fact.source for fact in facts],
        [fact.event_id for fact in facts],
        [one.intake.body_digest for one in events],
    )
    later = await connection.fetch(
        queries.later_facts, [fact.identity for fact in facts], [fact.time for fact in facts]
    )
    counts = {row["number"]: row["later"] for row in later}
    found = {row["number"]: (row["taken_in"], row["conflicting"]) for row in bodies}
    return [
        Known(
            *found.get(number, (False, False)),
            other_body=number in found and not any(found[number]),
            later=counts.get(number, 0),
        )
        for number in range(1, len(events) + 1)
    ]


async def is_known_source(connection: Connection, source: str) -> bool:
    """Whether any event of a source was ever taken in: then it is a system's name."""
    return bool(await connection.fetchval(queries.source_known, source))


def _expired_before(now: datetime) -> datetime:
    assert DEAD_LETTERS.retention is not None
    return now - DEAD_LETTERS.retention


def _letter(row: Any) -> Letter:
    place = Place(row["topic"], row["partition"], row["offset"])
    return Letter(place, row["reason"], row["created"], State(row["state"]))
