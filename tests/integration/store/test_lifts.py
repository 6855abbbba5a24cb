"""A lift by whoever placed a ban, in a batch after the ban's (R2, R5)."""

import pytest

from tests.integration.store.driver import StoreDriver
from tests.integration.support.events import Json, event

pytestmark = pytest.mark.integration

ADDRESS = {"street": "Mikonkatu 16", "postal_code": "50100", "city": "Mikkeli", "country": "FI"}


def said(kind: str, minute: int, **points: object) -> Json:
    data: Json = {"scope": {}, "party": {"kind": "consumer", **points}}
    return event(kind, "lift-1", data, time=f"2026-05-08T09:{minute:02}:00+00:00")


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
async def test_a_lift_ends_bans_under_points_that_it_does_not_name(
    register: StoreDriver, together: bool
) -> None:
    """Nobody's data names the address: only the ban register knows who banned it."""
    events = [
        said("ban.placed", 1, address=ADDRESS),
        said("ban.placed", 2, phone="+358401234567"),
        said("ban.lifted", 3, phone="+358401234567"),
    ]
    for batch in [events] if together else [[one] for one in events]:
        await register.write(*batch)
    standing = await register.connection.fetch(
        "select kind from ban_digest where content is not null"
    )
    assert standing == []
