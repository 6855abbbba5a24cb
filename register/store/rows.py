"""Rows of the database as the values that the rules know, and back."""

import uuid
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from register.rules.bans import Entry
from register.rules.digest import Point
from register.rules.facts import Fact
from schemas.terms import Denial, PointKind

Row = Iterable[Any]
"""A row's values, in the order of the query's columns."""

_KINDS = {kind.value: kind for kind in PointKind}
"""By what is stored: much faster than the enum's own look-up."""


def uuid_of(value: uuid.UUID) -> uuid.UUID:
    """The driver's own kind of UUID as Python's, which compares faster."""
    return uuid.UUID(int=value.int)


_REMEMBERED = 4096
"""What one person gave comes in each of its facts."""


@lru_cache(_REMEMBERED)
def _points(kinds: tuple[str, ...], digests: tuple[bytes, ...]) -> tuple[Point, ...]:
    return tuple(Point(_KINDS[kind], digest) for kind, digest in zip(kinds, digests, strict=True))


def fact_of(row: Row) -> Fact:
    """A row of the query `facts`, or its like."""
    (
        fact_id,
        identity,
        source,
        event_id,
        fact_type,
        time,
        received,
        body,
        digests,
        kinds,
        names,
        contacts,
        party,
    ) = row
    return Fact(
        fact_id=uuid_of(fact_id),
        source=source,
        event_id=event_id,
        type=fact_type,
        identity=identity,
        time=time,
        received=received,
        body=body,
        party=party,
        points=_points(tuple(kinds), tuple(digests)),
        names=tuple(names),
        contacts=tuple(contacts),
    )


def event_of(row: Row) -> Fact:
    """An event alone: what it said, not of whom; a row of `active_agreements` or its like."""
    fact_id, source, event_id, fact_type, time, received, body = row
    return Fact(
        fact_id=uuid_of(fact_id),
        source=source,
        event_id=event_id,
        type=fact_type,
        identity=None,
        time=time,
        received=received,
        body=body,
        party=None,
    )


def entry_of(row: Row) -> Entry:
    """A line of the ban register: a row of `ban_entries`."""
    digest, kind, fact_id, is_lift, reason, collection, since, placed_by, scope, derived_by = row
    return Entry(
        digest=digest,
        kind=PointKind(kind),
        fact_id=uuid_of(fact_id),
        is_lift=is_lift,
        reason=Denial(reason),
        collection=collection,
        since=since,
        placed_by=placed_by,
        scope_data=scope,
        derived_by=derived_by,
    )


def columns(rows: Sequence[Row], width: int = 0) -> list[list[object]]:
    """Rows as one array per column, for `unnest`; of no rows, `width` empty ones."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def array_of_digests(digests: Iterable[bytes]) -> str:
    """A bytea[] as text: arrays of arrays must be rectangular, and rows have few or many."""
    return "{" + ",".join(rf'"\\x{digest.hex()}"' for digest in digests) + "}"


def array_of_terms(terms: Iterable[str]) -> str:
    """A text[] as text, of words that need no quoting."""
    return "{" + ",".join(terms) + "}"
