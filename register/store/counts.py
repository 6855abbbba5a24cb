"""Counts of the whole register: made by one worker for all of them, the more seldom the longer
they take."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from register.store.duplicates import count_possible_duplicates
from register.store.pool import LONG_TIMEOUT_S, Connection
from register.store.sql import queries

CHEAP_S = 0.1
"""What takes no longer, every worker may count for itself."""
LONGEST_REST_S = 3600.0
"""After so long it is counted again in any case."""
BROKEN_OFF_S = 2 * LONG_TIMEOUT_S
"""Who has not ended after so long never will."""


@dataclass(frozen=True, slots=True)
class Last:
    """What was counted last, `age` seconds ago, and how many seconds that took: None where it
    goes on, or was broken off, and the number is that of the time before."""

    number: int | None
    seconds: float | None
    age: float
    at: datetime

    @property
    def is_cheap(self) -> bool:
        """Whether every worker may count it for itself."""
        return self.seconds is not None and self.seconds < CHEAP_S


@dataclass(frozen=True, slots=True)
class Count:
    """Something to count: at most every `interval_s` seconds, and for at most one part in `share`
    of the time, however many workers there are, but once an hour in any case."""

    what: str
    ask: Callable[[Connection], Awaitable[int]]
    interval_s: float
    share: int

    def is_due(self, last: Last) -> bool:
        """Whether it is time to count; where the clock was set back, too."""
        if last.age < 0:
            return True
        if last.seconds is None:
            return last.age >= BROKEN_OFF_S
        return last.age >= min(max(self.interval_s, self.share * last.seconds), LONGEST_REST_S)


class Counter:
    """One worker's part in counting something."""

    def __init__(self, count: Count) -> None:
        """Nothing is asked yet."""
        self._count = count
        self._rests_until = 0.0

    async def look(self, connection: Connection) -> int | None:
        """What was counted last, counted anew where that is due; None before anybody has.

        Raises the driver's errors; after a try that failed, nobody tries again for a while.
        """
        count = self._count
        last = await _last(connection, count)
        if last is not None and not self._is_due(last):
            return last.number
        cheap = last is not None and last.is_cheap
        if not cheap and not await _claim(connection, count, last):
            return last.number if last is not None else None  # somebody else counts, just now
        # One that was made on empty tables is kept, since the query has no parameters.
        await connection.execute(queries.forget_plans)
        began = time.monotonic()
        self._rests_until = began + BROKEN_OFF_S
        number = await count.ask(connection)
        seconds = time.monotonic() - began
        self._rests_until = time.monotonic() + count.interval_s
        # A register that nobody writes to is not written to for this either: with it, each
        # minute's segment of the log would be kept with the backups.
        if not cheap or last is None or number != last.number or seconds >= CHEAP_S:
            await connection.execute(queries.save_count, count.what, number, seconds)
        return number

    def _is_due(self, last: Last) -> bool:
        if last.is_cheap and time.monotonic() < self._rests_until:
            return False  # it counted for itself, and wrote nothing, or it failed
        return self._count.is_due(last)


async def _last(connection: Connection, count: Count) -> Last | None:
    row = await connection.fetchrow(queries.last_count, count.what)
    return Last(*row) if row is not None else None


async def _claim(connection: Connection, count: Count, last: Last | None) -> bool:
    """Be the one who counts; false where another worker was faster."""
    seen = last.at if last is not None else None
    return bool(await connection.fetchval(queries.claim_count, count.what, seen))


async def _customers(connection: Connection) -> int:
    number: int = await connection.fetchval(queries.customer_count, timeout=LONG_TIMEOUT_S)
    return number


async def _sharing_a_contact_point(connection: Connection) -> int:
    return (await count_possible_duplicates(connection)).customers


CUSTOMERS = Count("customers", _customers, interval_s=2.0, share=50)
"""Customers in the register."""
DUPLICATES = Count("duplicates", _sharing_a_contact_point, interval_s=60.0, share=200)
"""Customers who share a contact point with another (R50)."""
