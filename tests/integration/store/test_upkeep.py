"""Retention, verification, republication (R7, R26, R32)."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from register.outbound import Outbound
from register.store.pool import Connection, connect
from register.store.republish import republish_bans, republish_customers, republish_only
from register.store.sql import queries
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.support.events import (
    address,
    ban,
    cancellation,
    consent,
    consumer,
    day,
    order,
    scope,
    signup,
)

AINO = consumer(email="aino@example.fi", address=address())


async def test_a_former_customer_is_erased_when_the_time_is_over(register: StoreDriver) -> None:
    """R26: kept for FORMER_CUSTOMER_RETENTION, then erased by itself; bans stay."""
    await register.write(order(day(1), AINO), ban(day(2), scope("newsletter")))
    await register.write(cancellation(day(3)))
    await register.said()
    await register.sweep()
    assert await register.said() == []
    register.received = datetime(2032, 3, 5, tzinfo=UTC)
    await register.sweep()
    (tombstone,) = [one for one in await register.said() if "key" in one]
    assert tombstone["topic"] == "marketing.eligibility"
    assert await register.rows("select * from fact_party") == []
    kinds = await register.rows("select type from fact order by type")
    assert [row["type"] for row in kinds] == ["ban.placed", "retention.expired"]
    await register.write(signup(register.received, AINO, scope("", "email"), subject="c-9"))
    new = await register.one("eligibility.updated")
    assert new["deny"]["newsletter"]["email"] == "banned"
    assert new["allow"]["offers"]["email"] == "consent"


async def test_a_former_customer_with_a_consent_or_a_new_order_is_kept(
    register: StoreDriver,
) -> None:
    """R26."""
    eino = consumer("Eino", email="eino@example.fi")
    await register.write(
        order(day(1), AINO, order_id="1"),
        cancellation(day(2), "1"),
        consent(day(3), scope("newsletter", "email")),
        order(day(1), eino, order_id="2", subject="c-2"),
        cancellation(day(2), "2", subject="c-2"),
        order(day(4), eino, order_id="3", subject="c-2"),
    )
    await register.said()
    register.received += timedelta(days=20 * 365)
    await register.sweep()
    assert await register.said() == []


async def test_a_register_that_agrees_with_its_facts(register: StoreDriver) -> None:
    """R32: nothing differs after any batch."""
    await register.write(
        order(day(1), AINO), ban(day(2), scope("", "email"), AINO), signup(day(3), AINO)
    )
    differences = await register.verify()
    assert differences.persons == 1
    assert not differences.found


async def test_a_ban_that_a_hand_removed_is_put_back(register: StoreDriver) -> None:
    """R7, R32: repaired toward the ban, and said again."""
    await register.write(
        order(day(1), AINO, order_id="1"),
        order(day(1), consumer("Eino", email="aino@example.fi"), order_id="2", subject="c-2"),
        ban(day(2), scope("newsletter", "email"), {"kind": "consumer", "email": AINO["email"]}),
    )
    await register.connection.execute("delete from ban_entry where kind = 'email'")
    await register.connection.execute(
        "update customer set message = jsonb_set(message, '{allow}', '{}'), content = '\\x00'"
    )
    found = await register.verify()
    assert found.missing_entries == 1
    assert len(found.eligibility) == 2
    await register.said()
    await register.verify(repair=True)
    said = await register.said("eligibility.updated")
    assert [one["deny"]["newsletter"]["email"] for one in said] == ["banned", "banned"]
    assert not (await register.verify()).found


async def test_republication_says_the_last_word_again_in_the_same_version(
    register: StoreDriver,
) -> None:
    """The same content under the same version: a reader that has it already changes nothing."""
    await register.write(order(day(1), AINO), ban(day(2), scope("newsletter")))
    said = await register.said()
    outbound = Outbound("", register.received)
    customers, last = await republish_customers(register.connection, outbound, None)
    bans, _ = await republish_bans(register.connection, outbound, None)
    again = await register.said()
    assert (customers, bans) == (1, 1)
    assert sorted(again, key=lambda one: one["id"]) == sorted(said, key=lambda one: one["id"])
    assert (await republish_customers(register.connection, outbound, last))[0] == 0
    assert await republish_only(register.connection, outbound, [last] if last else [], []) == 1


@pytest.mark.parametrize("name", ["customer_count", "possible_duplicates"])
async def test_who_counts_the_register_leaves_processors_to_batches(
    name: str, database: Database
) -> None:
    """Where PostgreSQL would use several for it, as it does once a register is large."""
    anybody = await asyncpg.connect(database.url)
    ours = await connect(database.url, "test")
    try:
        assert "Gather" in await _plan_as_of_much(anybody, getattr(queries, name))
        assert "Gather" not in await _plan_as_of_much(ours, getattr(queries, name))
    finally:
        await anybody.close()
        await ours.close()


async def _plan_as_of_much(connection: Connection, query: str) -> str:
    for setting in ("parallel_setup_cost", "parallel_tuple_cost", "min_parallel_table_scan_size"):
        await connection.execute(f"set {setting} = 0")
    return "\n".join(line[0] for line in await connection.fetch(f"explain {query}"))
