"""A topic that was deleted and made anew has its offsets again (R1, dead letters)."""

from datetime import UTC, datetime

from register.records import Record
from register.store.batch import Batch, Unread, write_batch
from register.store.offsets import forget_offsets, read_offsets
from tests.integration.store.driver import StoreDriver

NOW = datetime(2026, 12, 1, tzinfo=UTC)
PLACE = ("channel.orders", 0)


async def test_a_record_at_the_place_of_an_older_one_is_a_dead_letter_too(
    register: StoreDriver,
) -> None:
    unread = Unread(Record(*PLACE, 7, None, b"{", [], NOW), "malformed_json")
    batch = Batch([], [unread], {PLACE: 8})
    outcomes = [
        await write_batch(register.connection, batch, register.rules, NOW) for _ in range(2)
    ]
    assert [len(one.dead) for one in outcomes] == [1, 0], "delivered twice, written once"
    await forget_offsets(register.connection, [PLACE])
    assert await read_offsets(register.connection, [PLACE]) == {}
    outcome = await write_batch(register.connection, batch, register.rules, NOW)
    assert len(outcome.dead) == 1
