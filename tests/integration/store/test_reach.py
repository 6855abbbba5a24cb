"""What a batch or a sweep locks before it reads (R7)."""

import pytest

from register.store.reading import _digest_lock, lock_reach
from tests.integration.store.driver import StoreDriver
from tests.support.events import ban, consumer, day, order, scope

_HELD = """
select exists (select from pg_locks where locktype = 'advisory' and granted
               and (classid::bigint << 32 | objid::bigint) = $1)
"""


@pytest.mark.parametrize("widely", [False, True])
async def test_a_digest_that_a_person_banned_and_does_not_use_is_locked(
    register: StoreDriver, *, widely: bool
) -> None:
    """What stands there is read, and might be said: another ban under it must wait meanwhile."""
    banned = {"kind": "consumer", "email": "before@example.fi"}
    await register.write(order(day(1), consumer(email="aino@example.fi")))
    await register.write(ban(day(2), scope("offers"), banned))
    persons = [row["person_id"] for row in await register.rows("select person_id from identity")]
    lock = _digest_lock(register.rules.digester.email("before@example.fi").digest)
    async with register.connection.transaction():
        await lock_reach(register.connection, [], persons, widely=widely)
        assert await register.connection.fetchval(_HELD, lock)


async def test_so_is_that_of_who_shares_a_contact_point(register: StoreDriver) -> None:
    """Ville is decided anew where Aino bans their address, and what he banned is read too."""
    shared = "koti@example.fi"
    await register.write(order(day(1), consumer(email=shared), subject="c-1"))
    await register.write(order(day(1), consumer("Ville", email=shared), subject="c-2"))
    banned = {"kind": "consumer", "email": "before@example.fi"}
    await register.write(ban(day(2), scope("offers"), banned, subject="c-2"))
    await register.write(ban(day(3), scope("offers"), subject="c-1"))
    persons = [
        row["person_id"]
        for row in await register.rows("select person_id from identity where subject = 'c-1'")
    ]
    lock = _digest_lock(register.rules.digester.email("before@example.fi").digest)
    async with register.connection.transaction():
        await lock_reach(register.connection, [], persons)
        assert await register.connection.fetchval(_HELD, lock)
