"""An agreement changes while somebody is decided by what was agreed before (R33, R34)."""

import asyncio

from register.store.pool import connect
from register.store.sweeps import sweep_step
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import ended, signed
from tests.support.events import address, consumer, day, order

AINO = consumer(email="aino@example.fi", address=address())


async def test_a_sweep_waits_for_who_was_decided_by_what_was_agreed_before(
    register: StoreDriver, database: Database
) -> None:
    """The agreement waits for nobody; nobody made meanwhile is passed by."""
    beside = StoreDriver(await connect(database.url, "beside"))
    try:
        async with beside.connection.transaction():
            await beside.write(order(day(1), AINO))
            await register.write(signed(day(2)))
            assert not await sweep_step(register.connection, register.rules, register.received)
            # Who begins now knows of the agreement, and is not waited for.
            late = consumer("Ville", email="ville@example.fi", address=address("Torikatu 3"))
            await register.write(order(day(1), late, "tv", subject="c-2", order_id="order-2"))
            assert not await sweep_step(register.connection, register.rules, register.received)
    finally:
        await beside.connection.close()
    await register.decide_all()
    said = await register.said("eligibility.updated")
    last = {one["identities"][0]["subject"]: one["allow"] for one in said}
    assert last.keys() == {"c-1", "c-2"}
    assert all(allow["disclosure"] == {"post": "customer_relationship"} for allow in last.values())


async def test_two_changes_at_once_come_one_after_the_other(
    register: StoreDriver, database: Database
) -> None:
    """Each ends one of two agreements for a purpose: the later one sees that none is left."""
    await register.write(signed(day(1)), signed(day(1), "p-2"))
    await register.write(order(day(1), AINO))
    await register.decide_all()
    await register.said()
    beside = StoreDriver(await connect(database.url, "beside"))
    try:
        async with beside.connection.transaction():
            await beside.write(ended(day(2)))
            other = asyncio.create_task(register.write(ended(day(2), "p-2")))
            await asyncio.sleep(0.3)
            assert not other.done()
        await other
    finally:
        await beside.connection.close()
    await register.decide_all()
    told = await register.one("eligibility.updated")
    assert told["deny"]["disclosure"] == {"post": "no_agreement"}
