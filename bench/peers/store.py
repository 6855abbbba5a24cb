"""The peers' tables through asyncpg: one transaction for one event or for many."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import orjson

from bench.peers.core import Event, Json, decide, fold, standing

Message = tuple[bytes, bytes]
"""Key and value of a record on the eligibility topic."""

_Person = tuple[str, str]


async def connect() -> Any:
    """A pool on the peer's database."""
    return await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=1, max_size=4, init=_prepare
    )


async def apply(pool: Any, events: Iterable[Event]) -> list[Message]:
    """Apply events in one transaction; returns what is to be published of it."""
    async with pool.acquire() as connection, connection.transaction():
        fresh = await _fresh(connection, {event.key: event for event in events})
        if not fresh:
            return []
        await _write_bans(connection, fresh)
        named = {event.points[kind] for event in fresh for kind in event.points}
        touched = {(event.source, event.subject) for event in fresh if event.subject is not None}
        touched |= {(row["source"], row["subject"]) for row in await connection.fetch(
            "select source, subject from person_point where point = any($1::text[])", list(named)
        )}  # fmt: skip
        return await _decide(connection, sorted(touched), fresh)


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec(
        "jsonb",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
        schema="pg_catalog",
        format="binary",
    )


async def _fresh(connection: Any, events: dict[tuple[str, str], Event]) -> list[Event]:
    """Remember the keys; gives the events that were not known."""
    rows = await connection.fetch(
        "insert into event_key select * from unnest($1::text[], $2::text[])"
        " on conflict do nothing returning source, event_id",
        *_columns(sorted(events), 2),
    )
    new = {(row["source"], row["event_id"]) for row in rows}
    fresh = [event for key, event in events.items() if key in new]
    facts = [(*one.key, one.type, one.subject, one.time, one.data) for one in fresh]
    await connection.execute(
        "insert into fact select * from unnest($1::text[], $2::text[], $3::text[], $4::text[],"
        " $5::timestamptz[], $6::jsonb[])",
        *_columns(facts, 6),
    )
    return fresh


async def _write_bans(connection: Any, fresh: Sequence[Event]) -> None:
    rows = [
        (point, *event.key, event.type == "ban.lifted", event.data.get("scope") or {}, event.time)
        for event in fresh
        if event.type in ("ban.placed", "ban.lifted")
        for point in event.points.values()
    ]
    if rows:
        await connection.execute(
            "insert into ban select * from unnest($1::text[], $2::text[], $3::text[], $4::bool[],"
            " $5::jsonb[], $6::timestamptz[]) on conflict do nothing",
            *_columns(rows, 6),
        )


async def _decide(
    connection: Any, touched: Sequence[_Person], fresh: Sequence[Event]
) -> list[Message]:
    states: dict[_Person, Json] = {}
    versions: dict[_Person, int] = {}
    for row in await connection.fetch(
        "select source, subject, state, version from person join"
        " unnest($1::text[], $2::text[]) as t (source, subject) using (source, subject)"
        " order by source, subject for update of person",
        *_columns(touched, 2),
    ):
        states[row["source"], row["subject"]] = row["state"]
        versions[row["source"], row["subject"]] = row["version"]
    for event in fresh:
        if event.subject is not None:
            person = event.source, event.subject
            states[person] = fold(states.get(person), event)
    uses = [(point, *one) for one, state in states.items() for point in state["points"].values()]
    await connection.execute(
        "insert into person_point select * from unnest($1::text[], $2::text[], $3::text[])"
        " on conflict do nothing",
        *_columns(uses, 3),
    )
    bans = await connection.fetch(
        "select point, lifts, scope, time from ban where point = any($1::text[])",
        list({point for point, _, _ in uses}),
    )
    banned = {point: sorted(named) for point, named in standing(map(tuple, bans)).items()}
    rows = [
        (*one, states[one], versions.get(one, 0) + 1, decide(states[one], banned))
        for one in touched
        if one in states
    ]
    await connection.execute(
        "insert into person select * from unnest($1::text[], $2::text[], $3::jsonb[], $4::int[],"
        " $5::jsonb[]) on conflict (source, subject) do update set state = excluded.state,"
        " version = excluded.version, message = excluded.message",
        *_columns(rows, 5),
    )
    return [
        (f"{source}#{subject}".encode(), orjson.dumps({"version": version, **message}))
        for source, subject, _, version, message in rows
    ]


def _columns(rows: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    return [[row[number] for row in rows] for number in range(count)]
