"""One worker counts the register for all of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from register.store.counts import BROKEN_OFF_S, CUSTOMERS, LONGEST_REST_S, Count, Counter
from register.store.pool import Connection
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.support.database import connected
from tests.support.events import consumer, day, order

HOUR = 3600.0


class Asked:
    """Gives the number that is true now, and tells how often it was asked."""

    def __init__(self) -> None:
        self.number = 5
        self.times = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.fails = False

    def worker(self, interval_s: float = 0.0, share: int = 0) -> Counter:
        """Another worker that counts it."""
        return Counter(Count("asked", self._ask, interval_s, share))

    async def _ask(self, _: Connection) -> int:
        self.times += 1
        if self.fails:
            raise TimeoutError
        await self.goes_on.wait()
        return self.number


@pytest.fixture
async def another(database: Database) -> AsyncIterator[Connection]:
    """Another worker's connection."""
    async with connected(database.url) as connection:
        yield connection


async def test_what_one_counted_the_others_know(register: StoreDriver, another: Connection) -> None:
    asked = Asked()
    assert await asked.worker(HOUR).look(register.connection) == 5
    assert await asked.worker(HOUR).look(another) == 5
    assert asked.times == 1


@pytest.mark.parametrize(
    ("seconds", "ago", "times"),
    [(10, 60, 1), (10, 80, 2), (1000, LONGEST_REST_S - 60, 1), (1000, LONGEST_REST_S, 2)],
)
async def test_what_takes_long_is_counted_seldom(
    seconds: float, ago: float, times: int, register: StoreDriver, another: Connection
) -> None:
    """For one part in seven of the time; but once an hour in any case."""
    asked = Asked()
    await asked.worker(share=7).look(register.connection)
    await _set(register, seconds=seconds, ago=ago)
    assert await asked.worker(share=7).look(another) == 5
    assert asked.times == times


async def test_nobody_counts_what_somebody_counts_just_now(
    register: StoreDriver, another: Connection
) -> None:
    asked = Asked()
    asked.goes_on.clear()
    counting = asyncio.create_task(asked.worker().look(register.connection))
    while not asked.times:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert await asked.worker().look(another) is None
    asked.goes_on.set()
    assert await counting == 5
    assert await asked.worker(HOUR).look(another) == 5
    assert asked.times == 1


async def test_of_two_who_find_it_due_one_counts(
    register: StoreDriver, another: Connection
) -> None:
    asked = Asked()
    await asked.worker().look(register.connection)
    await _set(register, seconds=1, ago=60)
    asked.number = 6
    connections = (register.connection, another)
    numbers = await asyncio.gather(
        *(asked.worker(1.0, 1).look(connection) for connection in connections)
    )
    assert asked.times == 2
    assert 6 in numbers
    assert set(numbers) <= {5, 6}


async def test_who_fails_at_what_was_cheap_lets_it_be_for_a_while(register: StoreDriver) -> None:
    asked = Asked()
    worker = asked.worker()
    await worker.look(register.connection)
    asked.fails = True
    with pytest.raises(TimeoutError):
        await worker.look(register.connection)
    assert await worker.look(register.connection) == 5
    assert asked.times == 2


async def test_who_fails_is_not_followed_by_the_others(
    register: StoreDriver, another: Connection
) -> None:
    """A count that takes too long would be tried by one worker after the other, without end."""
    asked = Asked()
    await asked.worker().look(register.connection)
    await _set(register, seconds=1, ago=60)
    asked.fails = True
    with pytest.raises(TimeoutError):
        await asked.worker().look(register.connection)
    assert await asked.worker().look(another) == 5
    assert asked.times == 2
    asked.fails = False
    await register.connection.execute(f"update counted set at = at - interval '{BROKEN_OFF_S} s'")
    assert await asked.worker().look(another) == 5
    assert asked.times == 3


async def test_what_is_cheap_writes_nothing_where_nothing_changed(register: StoreDriver) -> None:
    """A register at rest leaves no log to be kept with its backups; and it is not asked all the
    time for that."""
    asked = Asked()
    worker = asked.worker()
    await worker.look(register.connection)
    before = await register.rows("select xmin::text, * from counted")
    assert await worker.look(register.connection) == 5
    assert asked.times == 2
    assert await register.rows("select xmin::text, * from counted") == before
    asked.number = 6
    assert await worker.look(register.connection) == 6
    assert await register.rows("select xmin::text, * from counted") != before
    patient = asked.worker(HOUR)
    await _set(register, seconds=0.01, ago=HOUR + 1)
    for _ in range(3):
        assert await patient.look(register.connection) == 6
    assert asked.times == 4


async def test_a_clock_that_was_set_back_stops_no_count(register: StoreDriver) -> None:
    asked = Asked()
    await asked.worker(HOUR).look(register.connection)
    await _set(register, seconds=1, ago=-HOUR)
    await asked.worker(HOUR).look(register.connection)
    assert asked.times == 2


async def _set(register: StoreDriver, *, seconds: float, ago: float) -> None:
    await register.connection.execute(
        "update counted set seconds = $1, at = clock_timestamp() - make_interval(secs => $2)",
        seconds,
        ago,
    )


async def test_customers_are_counted(register: StoreDriver) -> None:
    await register.write(
        order(day(1), consumer(email="aino@example.fi"), subject="c-1"),
        order(day(1), consumer("Eino", email="eino@example.fi"), subject="c-2", order_id="2"),
    )
    assert await Counter(CUSTOMERS).look(register.connection) == 2
