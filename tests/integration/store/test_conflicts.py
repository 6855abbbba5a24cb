"""What comes under a known id: a duplicate, or another body (R1)."""

import asyncio

from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.support.database import connected
from tests.support.events import ban, consumer, day, order, scope


async def test_a_conflicting_ban_binds_and_counts_once_as_dead(register: StoreDriver) -> None:
    """R1: both bans bind; of the second a dead letter tells, and no other outcome."""
    await register.write(order(day(1), consumer(email="aino@example.fi")))
    await register.write(ban(day(2), scope("offers", "email"), event_id="one"))
    await register.said()
    other = ban(day(2), scope("newsletter", "email"), event_id="one")
    outcome = await register.write(other)
    assert [unread.reason for unread in outcome.dead] == ["id_conflict"]
    assert (outcome.applied, outcome.refused, outcome.duplicates) == ([], [], [])
    told = await register.one("eligibility.updated")
    assert told["deny"]["offers"]["email"] == "banned"
    assert told["deny"]["newsletter"]["email"] == "banned"
    again = await register.write(other)
    assert len(again.duplicates) == 1
    assert (again.applied, again.dead) == ([], [])


async def test_a_duplicate_waits_for_nobody(register: StoreDriver, database: Database) -> None:
    """R1: another batch decides its person just now, and is not through; a replay is not held up
    by that, nor does it hold anybody up."""
    placed = order(day(1), consumer(email="aino@example.fi"))
    await register.write(placed)
    async with connected(database.url) as another, another.transaction():
        await StoreDriver(another).write(ban(day(2), scope("offers", "email")))
        async with asyncio.timeout(5):
            outcome = await register.write(placed)
    assert len(outcome.duplicates) == 1
    assert outcome.messages == 0
