"""A database of a deployment's own, and what the register holds in it."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from register.store.pool import Connection, connect
from tests.conftest import RunningStack

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Registered:
    """What a register holds, in a form that two registers can be compared by.

    `customers` and `bans` map ids and digests to (version, last message's hash), those with a
    tombstone left out; `facts`, `parties`, `identities` and `entries` are whole rows, without
    the moment of receipt.
    """

    customers: dict[str, tuple[int, bytes]]
    bans: dict[bytes, tuple[int, bytes]]
    facts: frozenset[tuple[Any, ...]]
    parties: frozenset[tuple[Any, ...]]
    identities: frozenset[tuple[Any, ...]]
    entries: frozenset[tuple[Any, ...]]


@asynccontextmanager
async def cloned(stack: RunningStack, template: str) -> AsyncIterator[str]:
    """A fresh copy of the migrated, empty template; gives its URL. It is dropped in the end."""
    name = f"deployment_{next(_numbers)}"
    await _execute(stack, f"CREATE DATABASE {name} TEMPLATE {template} OWNER register")
    try:
        yield urlunsplit(urlsplit(stack.register_url)._replace(path=f"/{name}"))
    finally:
        await _execute(stack, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(stack: RunningStack, statement: str) -> None:
    connection = await asyncpg.connect(stack.postgres_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """One connection, closed in the end."""
    connection = await connect(url, "test")
    try:
        yield connection
    finally:
        await connection.close()


async def read_register(url: str) -> Registered:
    """All that the register at `url` holds now."""
    async with connected(url) as connection, connection.transaction(isolation="repeatable_read"):
        return Registered(
            customers={
                str(row["person_id"]): (row["version"], row["content"])
                for row in await connection.fetch(
                    "select person_id, version, content from customer where content is not null"
                )
            },
            bans={
                row["digest"]: (row["version"], row["content"])
                for row in await connection.fetch(
                    "select digest, version, content from ban_digest where content is not null"
                )
            },
            facts=await _rows(
                connection,
                "select fact_id, identity, source, event_id, type, time, body::text,"
                " points::text, point_kinds::text from fact",
            ),
            parties=await _rows(connection, "select fact_id, party::text from fact_party"),
            identities=await _rows(
                connection, "select identity, person_id, source, subject from identity"
            ),
            entries=await _rows(
                connection,
                "select digest, fact_id, kind, is_lift, reason, collection, since, placed_by,"
                " scope::text, derived from ban_entry",
            ),
        )


async def _rows(connection: Connection, query: str) -> frozenset[tuple[Any, ...]]:
    return frozenset(tuple(row) for row in await connection.fetch(query))
