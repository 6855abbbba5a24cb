"""A database of a deployment's own, and what the register holds in it."""

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from register.store.pool import Connection, connect
from tests.conftest import RunningStack

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Registered:
    """What a register holds, in a form that two registers can be compared by.

    `customers` and `bans` map ids and digests to (version, last message's hash), those with a
    tombstone left out; `facts` are the ids of the facts; `rows` are whole rows of every table
    that follows from the facts alone: without what differs from one delivery to another.
    """

    customers: dict[str, tuple[int, bytes]]
    bans: dict[bytes, tuple[int, bytes]]
    facts: frozenset[str]
    rows: dict[str, frozenset[str]]


_ROWS = {
    "fact": "select (to_jsonb(t) - 'received')::text from fact t",
    "fact_party": "select to_jsonb(t)::text from fact_party t",
    "identity": "select to_jsonb(t)::text from identity t",
    "match_key": "select to_jsonb(t)::text from match_key t",
    "identity_point": "select to_jsonb(t)::text from identity_point t",
    "ban_entry": "select to_jsonb(t)::text from ban_entry t",
    "ban_digest": "select (to_jsonb(t) - 'version')::text from ban_digest t"
    " where content is not null",
    "customer": "select (to_jsonb(t) - 'version' - 'cause')::text from customer t"
    " where content is not null",
}


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
            facts=frozenset(
                str(row["fact_id"]) for row in await connection.fetch("select fact_id from fact")
            ),
            rows={
                table: frozenset(row[0] for row in await connection.fetch(query))
                for table, query in _ROWS.items()
            },
        )
