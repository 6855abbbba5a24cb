"""An agreement changes while somebody is decided by what was agreed before (R33, R34)."""

import asyncio
import uuid

from register.store.pool import connect
from register.store.sweeps import disclosure_step, sweep_step
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import disclosure, ended, signed
from tests.integration.support.locks import anyone_waits
from tests.support.events import WEBSHOP, address, consent, consumer, day, order, scope

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


async def test_an_agreement_that_ends_while_a_hand_over_waits(
    register: StoreDriver, database: Database
) -> None:
    """R63: nothing is handed over under it any more, though another partner's goes on."""
    await register.write(signed(day(1)), signed(day(1), "p-2"), order(day(1), AINO))
    await register.decide_all()
    await register.write(disclosure(day(2)))
    await register.said()
    holding = StoreDriver(await connect(database.url, "holding"))
    beside = StoreDriver(await connect(database.url, "beside"))
    try:
        async with holding.connection.transaction():
            await holding.write(consent(day(3), scope("newsletter", "email")))
            step = disclosure_step(register.connection, register.rules, register.received)
            handing_over = asyncio.create_task(step)
            await anyone_waits(beside.connection)
            await beside.write(ended(day(3)))
        assert await handing_over
    finally:
        await holding.connection.close()
        await beside.connection.close()
    said = await register.said()
    assert "disclosure.made" not in {one["type"] for one in said}
    (told,) = [one["data"] for one in said if one["type"] == "request.refused"]
    assert told["reason"] == "no_agreement"


async def test_an_agreement_changes_in_a_batch_with_somebody_whom_a_sweep_waits_for(
    register: StoreDriver, database: Database
) -> None:
    """Neither waits for what the other holds."""
    await register.write(signed(day(1)), order(day(1), AINO))
    # It has begun, and Aino is still to be decided.
    await register.connection.execute("update sweep set position = $1", uuid.UUID(int=0))
    agrees = consent(day(2), scope("newsletter", "email"))
    sweeping = StoreDriver(await connect(database.url, "sweeping"))
    holding = await connect(database.url, "holding")
    try:
        key = holding.transaction()
        await key.start()
        await holding.execute(
            "insert into event_key (source, event_id, body_digest) values ($1, $2, $3)",
            WEBSHOP, agrees["id"], bytes(16),
        )  # fmt: skip
        batch = asyncio.create_task(register.write(agrees, ended(day(2))))
        await anyone_waits(holding)
        step = sweep_step(sweeping.connection, sweeping.rules, sweeping.received)
        swept = asyncio.create_task(step)
        await asyncio.wait({swept}, timeout=0.5)
        await key.rollback()
        assert len((await batch).applied) == 2
        await swept
    finally:
        await sweeping.connection.close()
        await holding.close()
    await register.decide_all()
    assert not (await register.verify()).found
