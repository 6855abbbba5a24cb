"""Corrections and others who use the new contact point (R8, R62)."""

from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import rectification
from tests.support.events import address, ban, consumer, day, order, scope

OLD, NEW = address("Mikonkatu 16"), address("Torikatu 3")


async def test_a_late_ban_on_the_old_address_reaches_who_shares_the_new_one(
    register: StoreDriver,
) -> None:
    """R2, R62: the ban is from before the correction, so it goes along to the new address, and
    binds everybody there, also when it arrives last."""
    mover = consumer("Aino", email="aino@example.fi", address=OLD)
    host = consumer("Ville", email="ville@example.fi", address=NEW)
    await register.write(order(day(1), mover, subject="c-1", order_id="1"))
    await register.write(order(day(1), host, subject="c-2", order_id="2"))
    who = consumer("Aino", email="aino@example.fi")
    await register.write(rectification(day(5), who, {"address": NEW}))
    await register.said()
    await register.write(
        ban(day(3), scope("offers", "post"), {"kind": "consumer", "address": OLD}, subject="c-9")
    )
    denied = {
        one["identities"][0]["subject"]: one["deny"]["offers"].get("post")
        for one in await register.said("eligibility.updated")
    }
    assert denied == {"c-1": "banned", "c-2": "banned"}
