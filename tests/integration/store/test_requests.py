"""Access, rectification, erasure, merging by hand (R25, R52, R60 to R62, S35 to S37)."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from register.rules.requests import due
from register.store.requests import RequestCounts, counts
from schemas.outbound import AccessReported
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import access, disclosure, erasure, merge, rectification
from tests.support.events import (
    APP,
    WEBSHOP,
    address,
    ban,
    billing,
    consent,
    consumer,
    day,
    listing,
    order,
    profile,
    scope,
    signup,
)

AINO = consumer(email="aino@example.fi", phone="+358401234567", address=address())
WHO = consumer(email="aino@example.fi")


async def test_access_reports_all_that_is_held(register: StoreDriver) -> None:
    """R60, S35: identity, contact, orders, billing, permissions, sources and the log."""
    await register.write(
        order(day(1), AINO),
        billing(day(2), "overdue"),
        consent(day(3), scope("newsletter", "email")),
        ban(day(4), scope("offers", "sms")),
        profile(day(5), {"kind": "consumer"}, profiling={"likes": "skiing"}),
    )
    await register.said()
    await register.write(access(day(6), WHO))
    said = await register.said()
    reported = next(one for one in said if one["type"] == "access.reported")
    AccessReported.model_validate_json(orjson.dumps(reported))
    report = reported["data"]["report"]
    assert report["identity"] == [{"source": WEBSHOP, "subject": "c-1"}]
    assert report["contact"]["email"] == "aino@example.fi"
    assert report["orders"][0]["order_id"] == "order-1"
    assert report["billing"][0]["status"] == "overdue"
    assert report["profiling"] == {"likes": "skiing"}
    assert report["consents"][0]["wording"] == "text-1"
    assert report["bans"][0]["scope"] == scope("offers", "sms")
    assert report["eligibility"]["deny"]["offers"]["sms"] == "banned"
    assert [line["type"] for line in report["log"]] == [
        "order.placed",
        "billing.status-changed",
        "consent.granted",
        "ban.placed",
        "profile.updated",
    ]
    done = next(one["data"] for one in said if one["type"] == "request.completed")
    assert done == {"request_id": "A-1", "request_type": "access.requested"}


async def test_unsigned_access_is_accepted_unless_the_setting_says_otherwise(
    register: StoreDriver,
) -> None:
    """R60, S36: the notice's own form comes back with ACCESS_REQUIRES_SIGNATURE."""
    await register.write(order(day(1), AINO))
    await register.write(access(day(2), WHO, signed=False))
    assert await register.one("access.reported")
    register.choose(access_requires_signature=True)
    await register.write(access(day(3), WHO, signed=False))
    assert (await register.one("request.refused"))["reason"] == "unsigned"
    await register.write(access(day(4), WHO, signed=True))
    assert await register.one("access.reported")


async def test_access_to_a_shared_contact_point_without_a_name_is_refused(
    register: StoreDriver,
) -> None:
    """R60: nobody gets to see another one's data."""
    await register.write(
        order(day(1), AINO),
        order(day(1), consumer("Eino", email="aino@example.fi"), order_id="2", subject="c-2"),
    )
    await register.said()
    await register.write(access(day(2), {"kind": "consumer", "email": "aino@example.fi"}))
    said = await register.said()
    assert [one["type"] for one in said] == ["request.refused"]
    assert said[0]["data"]["reason"] == "person_ambiguous"


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 12, 15), (2027, 1, 15)),
        ((2026, 3, 31), (2026, 4, 30)),
    ],
)
def test_a_request_is_due_a_calendar_month_later(
    received: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    """R61."""
    assert due(datetime(*received, tzinfo=UTC)) == datetime(*expected, tzinfo=UTC)


async def test_requests_that_wait_are_counted_and_overdue_after_a_month(
    register: StoreDriver,
) -> None:
    """R61, S36: what the gauges show: open until it is answered, overdue past its due date."""
    await register.write(order(day(1), AINO), access(day(2), WHO))
    await register.write(disclosure(day(3), recipient="authority", legal_basis="Act 805/2011"))
    due_at = due(register.received)
    assert await counts(register.connection, due_at) == RequestCounts(open=1, overdue=0)
    assert await counts(register.connection, due_at + timedelta(seconds=1)) == RequestCounts(
        open=1, overdue=1
    )
    await register.sweep()
    assert await counts(register.connection, due_at + timedelta(days=9)) == RequestCounts(0, 0)


async def test_an_unsigned_access_request_on_31_january_is_due_on_28_february(
    register: StoreDriver,
) -> None:
    """R61: as kept with the request."""
    register.received = datetime(2027, 1, 31, 9, tzinfo=UTC)
    await register.write(access(day(2), WHO, signed=False))
    (row,) = await register.rows("select due, closed, reason from request")
    assert row["due"] == datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert (row["closed"], row["reason"]) == (register.received, "person_not_found")


async def test_rectification_changes_the_data_and_bans_follow(register: StoreDriver) -> None:
    """R62, S37: bans that others placed on the old contact point bind the new one too."""
    await register.write(order(day(1), AINO))
    unknown = {"kind": "consumer", "email": "aino@example.fi"}
    await register.write(ban(day(2), scope("newsletter"), unknown, subject=None))
    await register.said()
    await register.write(rectification(day(3), WHO, {"email": "aino.new@example.fi"}))
    said = await register.said()
    eligibility = [one["data"] for one in said if one["type"] == "eligibility.updated"][-1]
    assert eligibility["contact"]["email"] == "aino.new@example.fi"
    assert eligibility["deny"]["newsletter"]["email"] == "banned"
    new = register.rules.digester.email("aino.new@example.fi").digest.hex()
    under = [one["data"] for one in said if one["type"] == "ban-register.updated"]
    assert [one["bans"][0]["scope"] for one in under if one["digest"] == new] == [
        scope("newsletter")
    ]
    assert any(one["type"] == "request.completed" for one in said)


async def test_rectification_of_nobody_is_refused(register: StoreDriver) -> None:
    """R62."""
    await register.write(rectification(day(3), WHO, {"email": "aino.new@example.fi"}))
    assert (await register.one("request.refused"))["reason"] == "person_not_found"


async def test_erasure_leaves_digests_only(register: StoreDriver) -> None:
    """R25: no name, address or number stays in any table; a ban on everything does."""
    who = "viite-1"  # part of no id, as "c-1" may be
    agreed = consent(day(2), scope("newsletter", "email"), subject=who)
    await register.write(order(day(1), AINO, subject=who), agreed)
    customer = (await register.one("eligibility.updated"))["customer_id"]
    await register.write(erasure(day(3), WHO))
    said = await register.said()
    assert {"key": customer, "topic": "marketing.eligibility"} in said
    bans = [one["data"] for one in said if one.get("type") == "ban-register.updated"]
    assert {one["kind"] for one in bans} == {"email", "phone", "post", "identity"}
    assert all(one["bans"][0]["collection"] for one in bans)
    for table in ("fact", "fact_party", "identity", "customer", "ban_entry", "ban_digest"):
        rows = await register.rows(f"select to_jsonb(t)::text as row from {table} t")
        text = " ".join(row["row"] for row in rows)
        for personal in ("aino", "Aino", "401234567", "Mikonkatu", who):
            assert personal not in text, table


async def test_after_an_erasure_what_is_older_is_refused_and_a_new_order_is_somebody_new(
    register: StoreDriver,
) -> None:
    """R25: marketing stays banned; the new record has a new id."""
    await register.write(order(day(1), AINO))
    old = (await register.one("eligibility.updated"))["customer_id"]
    await register.write(erasure(day(3), WHO))
    await register.said()
    outcome = await register.write(profile(day(2), AINO))
    assert outcome.refusals == [("R25", "erased")]
    await register.said()
    await register.write(order(day(5), AINO, order_id="order-2"))
    new = await register.one("eligibility.updated")
    assert new["customer_id"] != old
    assert set(new["deny"]["newsletter"].values()) == {"banned"}
    assert new["allow"] == {
        "service_notice": dict.fromkeys(
            ("email", "sms", "automated_call", "phone", "post"), "contract"
        )
    }


async def test_erasure_then_a_directory_listing_stores_nothing(register: StoreDriver) -> None:
    """R25, R42."""
    contact = {
        "kind": "business",
        "name": {"given": "Aino", "family": "Virtanen"},
        "email": "aino@example.fi",
        "company": {"business_id": "0112038-9", "role": "IT manager"},
    }
    await register.write(listing(day(1), contact, subject="d-1"))
    await register.write(erasure(day(3), contact))
    outcome = await register.write(listing(day(4), contact, subject="d-2"))
    assert outcome.refusals == [("R23", "collection_banned")]
    assert await register.rows("select * from fact_party") == []


async def test_open_billing_blocks_an_erasure(register: StoreDriver) -> None:
    """R25, R29: the one thing that billing decides."""
    await register.write(order(day(1), AINO), billing(day(2), "in_collection"))
    await register.said()
    await register.write(erasure(day(3), WHO))
    said = await register.said()
    assert [(one["type"], one["data"].get("reason")) for one in said] == [
        ("request.refused", "open_billing")
    ]
    await register.write(billing(day(4), "ok"), erasure(day(5), WHO))
    assert await register.one("request.completed")


async def test_merging_by_hand_does_not_depend_on_the_order(register: StoreDriver) -> None:
    """R52, R51: the oldest record's id survives, the other one's gets a tombstone."""
    together = merge(day(9), (WEBSHOP, "c-1"), (APP, "a-1"))
    await register.write(together)
    assert await register.one("request.completed")
    await register.write(
        signup(
            day(2),
            consumer("A.", email="a@example.fi"),
            scope("newsletter", "email"),
            subject="a-1",
            source=APP,
        )
    )
    first = await register.one("eligibility.updated")
    await register.write(order(day(1), AINO), ban(day(3), scope("newsletter", "email")))
    said = await register.said()
    updated = [one["data"] for one in said if one.get("type") == "eligibility.updated"]
    assert len(updated) == 1
    assert updated[0]["customer_id"] != first["customer_id"]
    assert [one["subject"] for one in updated[0]["identities"]] == ["a-1", "c-1"]
    assert updated[0]["deny"]["newsletter"]["email"] == "banned"
    assert {"key": first["customer_id"], "topic": "marketing.eligibility"} in said
