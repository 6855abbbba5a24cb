"""Customers who share a contact point and were not found to be one person (R50)."""

from dataclasses import dataclass

from register.store.pool import LONG_TIMEOUT_S, Connection
from register.store.sql import queries


@dataclass(frozen=True, slots=True)
class DuplicateCounts:
    """How many groups there are, and how many customers are in one."""

    groups: int
    customers: int


async def count_possible_duplicates(connection: Connection) -> DuplicateCounts:
    """Look at the whole register: for a gauge now and then, and for a command."""
    row = await connection.fetchrow(queries.possible_duplicates, timeout=LONG_TIMEOUT_S)
    assert row is not None
    return DuplicateCounts(row["groups"], row["customers"])
