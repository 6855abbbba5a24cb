"""Counts of the whole register: made by one worker for all of them, the more seldom the longer
they take."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from register.store.duplicates import LONG_SECONDS, count_possible_duplicates
from register.store.pool import Connection
from register.store.sql import queries


@dataclass(frozen=True, slots=True)
class Count:
    """Something to count: at most every `interval_s` seconds, and for at most one part in `share`
    of the time, however many workers there are."""

    what: str
    ask: Callable[[Connection], Awaitable[int]]
    interval_s: float
    share: int


async def counted(connection: Connection, count: Count) -> int | None:
    """What was counted last, counted anew where that is due; None before anybody has.

    Raises the driver's errors.
    """
    known, due = await _last(connection, count)
    if not due:
        return known
    async with connection.transaction():
        if not await connection.fetchval(queries.try_count, count.what):
            return known  # somebody else does, just now
        known, due = await _last(connection, count)
        if not due:
            return known
        began = time.monotonic()
        number = await count.ask(connection)
        await connection.execute(queries.save_count, count.what, number, time.monotonic() - began)
    return number


async def _last(connection: Connection, count: Count) -> tuple[int | None, bool]:
    """What was counted last, and whether it is time to count again."""
    row = await connection.fetchrow(queries.last_counted, count.what)
    if row is None:
        return None, True
    return row["number"], row["age"] >= max(count.interval_s, count.share * row["seconds"])


async def _customers(connection: Connection) -> int:
    number: int = await connection.fetchval(queries.customer_count, timeout=LONG_SECONDS)
    return number


async def _sharing_a_contact_point(connection: Connection) -> int:
    return (await count_possible_duplicates(connection)).customers


CUSTOMERS = Count("customers", _customers, interval_s=2.0, share=50)
"""Customers in the register."""
DUPLICATES = Count("duplicates", _sharing_a_contact_point, interval_s=60.0, share=200)
"""Customers who share a contact point with another (R50)."""
