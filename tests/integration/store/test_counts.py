"""One worker counts the register for all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from register.store.counts import CUSTOMERS, Count, counted
from register.store.pool import Connection
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.support.database import connected
from tests.support.events import consumer, day, order

HOUR = 3600.0


class Counting:
    """Gives the next number each time that it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def once_in(self, seconds: float, share: int = 1) -> Count:
        return Count("times", self._ask, seconds, share)

    async def _ask(self, _: Connection) -> int:
        self.times += 1
        return self.times


@pytest.fixture
async def another(database: Database) -> AsyncIterator[Connection]:
    """Another worker's connection."""
    async with connected(database.url) as connection:
        yield connection


async def test_what_one_counted_the_others_know(register: StoreDriver, another: Connection) -> None:
    counting = Counting()
    assert await counted(register.connection, counting.once_in(HOUR)) == 1
    assert await counted(another, counting.once_in(HOUR)) == 1
    assert await counted(another, counting.once_in(0.0)) == 2
    assert await counted(register.connection, counting.once_in(HOUR)) == 2


async def test_what_takes_long_is_counted_seldom(
    register: StoreDriver, another: Connection
) -> None:
    """It took ten seconds, a minute ago."""
    counting = Counting()
    await counted(register.connection, counting.once_in(0.0))
    await register.connection.execute(
        "update counted set seconds = 10, at = at - interval '1 minute'"
    )
    assert await counted(another, counting.once_in(1.0, share=7)) == 1
    assert await counted(another, counting.once_in(1.0, share=5)) == 2


async def test_nobody_counts_what_somebody_counts_just_now(
    register: StoreDriver, another: Connection
) -> None:
    counting = Counting()
    async with _another_counts(another, counting):
        assert await counted(register.connection, counting.once_in(0.0)) is None
    async with _another_counts(another, counting):
        assert await counted(register.connection, counting.once_in(0.0)) == 1
    assert await counted(register.connection, counting.once_in(HOUR)) == 2
    assert counting.times == 2


@asynccontextmanager
async def _another_counts(another: Connection, counting: Counting) -> AsyncIterator[None]:
    """Meanwhile another worker counts, and is not through."""
    async with another.transaction():
        await counted(another, counting.once_in(0.0))
        yield


async def test_customers_are_counted(register: StoreDriver) -> None:
    await register.write(
        order(day(1), consumer(email="aino@example.fi"), subject="c-1"),
        order(day(1), consumer("Eino", email="eino@example.fi"), subject="c-2", order_id="2"),
    )
    assert await counted(register.connection, CUSTOMERS) == 2
