"""What the commands read of the register: one consistent look, and nothing written."""

import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from register.cli.connecting import connected
from register.cli.errors import CliError
from register.rules import normalise
from register.rules.explain import Known, KnownEntry
from register.rules.facts import Identity
from register.store.duplicates import count_possible_duplicates
from register.store.pool import LONG_TIMEOUT_S, Connection
from register.store.rows import entry_of, event_of, fact_of, uuid_of
from register.store.sql import queries


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the register: the id after merges, and the identities that may be named."""

    customer_id: uuid.UUID
    names: Sequence[Identity]
    known: Known


@dataclass(frozen=True, slots=True)
class Group:
    """Customers who use the same contact points now; `kinds` are `email`, `phone` or both."""

    customers: Sequence[uuid.UUID]
    kinds: Sequence[str]
    audiences: Mapping[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class PossibleDuplicates:
    """How many groups and customers in them there are (R50), and the largest groups."""

    group_count: int
    customer_count: int
    groups: Sequence[Group]


@asynccontextmanager
async def reading() -> AsyncIterator[Connection]:
    """A connection in a transaction that reads the register as it stands now.

    Raises `CliError` where the database cannot be reached.
    """
    async with (
        connected("register cli") as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def customer_now(connection: Connection, customer_id: uuid.UUID) -> uuid.UUID:
    """The id that a customer id leads to today; raises `CliError` for one never used."""
    row = await connection.fetchrow(queries.customer_now, customer_id)
    if row is None:
        raise CliError(f"no customer has or had the id {customer_id}")
    return uuid_of(row["person_id"])


async def customer_of(connection: Connection, identity: bytes) -> uuid.UUID:
    """The customer id of a channel identity; raises `CliError` for an unknown one."""
    rows = await connection.fetch(queries.identities, [identity])
    if not rows:
        raise CliError("the register knows no such identity: no event ever named it")
    return uuid_of(rows[0]["person_id"])


async def read_person(connection: Connection, customer_id: uuid.UUID) -> Person:
    """All that is held of a person.

    Raises `CliError` where no identity leads to the id any more: after an erasure, whoever
    comes back is somebody new (R25).
    """
    members = await connection.fetch(queries.members, [customer_id])
    if not members:
        raise CliError(
            f"the customer {customer_id} was erased (R25): nothing leads from the id to anybody "
            "any more. The ban register still knows the contact points and identities; ask with "
            "--identity SOURCE SUBJECT"
        )
    return Person(
        customer_id,
        sorted(
            (
                Identity(row["identity"], row["source"], row["subject"])
                for row in members
                if row["source"] is not None
            ),
            key=lambda name: (name.source, name.subject),
        ),
        await _known(connection, [row["identity"] for row in members]),
    )


async def read_catalogue(connection: Connection, product: str) -> list[tuple[str, str]]:
    """The product with its groups, or the group with its products, as orders have shown them."""
    rows = await connection.fetch(queries.catalogue_of, normalise.product(product))
    return [(row["product"], row["category"]) for row in rows]


async def possible_duplicates(connection: Connection, limit: int) -> PossibleDuplicates:
    """Customers who share an e-mail address or a phone number, in groups, the largest first."""
    counts = await count_possible_duplicates(connection)
    rows = await connection.fetch(queries.possible_duplicate_groups, limit, timeout=LONG_TIMEOUT_S)
    everybody = {person for row in rows for person in row["persons"]}
    audiences = {
        uuid_of(row["person_id"]): row["audience"]
        for row in await connection.fetch(queries.audiences, list(everybody))
    }
    groups: list[Group] = []
    for row in rows:
        customers = [uuid_of(person) for person in row["persons"]]
        groups.append(Group(customers, row["kinds"], {one: audiences[one] for one in customers}))
    return PossibleDuplicates(counts.groups, counts.customers, groups)


async def _known(connection: Connection, identities: Sequence[bytes]) -> Known:
    facts = [fact_of(row) for row in await connection.fetch(queries.facts, identities)]
    links = await connection.fetch(queries.known_links, identities)
    agreements = await connection.fetch(queries.agreement_facts)
    return Known(
        identities=sorted(identities),
        facts=facts,
        links=[(row["match_key"], row["identity"]) for row in links],
        entries=await _entries(
            connection, {point.digest for fact in facts for point in fact.points}
        ),
        agreements=[event_of(row) for row in agreements],
    )


async def _entries(
    connection: Connection, digests: Collection[bytes]
) -> dict[bytes, list[KnownEntry]]:
    """The ban register under the digests, and under the identities that wrote there: what they
    lift, they lift everywhere (R5)."""
    lines = await _lines(connection, digests)
    placers = {line.entry.placed_by for found in lines.values() for line in found}
    said = {placer for placer in placers if placer is not None and placer not in lines}
    return {**lines, **await _lines(connection, said)}


async def _lines(
    connection: Connection, digests: Collection[bytes]
) -> dict[bytes, list[KnownEntry]]:
    found: dict[bytes, list[KnownEntry]] = {}
    for row in await connection.fetch(queries.known_entries, list(digests)):
        *line, source, event_id, fact_type, time, received, body, known = row
        entry = entry_of(line)
        event = (entry.fact_id, source, event_id, fact_type, time, received, body)
        fact = event_of(event) if event_id is not None else None
        found.setdefault(entry.digest, []).append(KnownEntry(entry, fact, known))
    return found
