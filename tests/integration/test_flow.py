"""From an event on an inbound topic to what campaign tools read, through real servers."""

import hmac
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from schemas.cloudevents import CONTENT_TYPE
from schemas.outbound import OUTBOUND_TYPES
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.deployment import SECRET, Deployment
from tests.integration.support.events import (
    WEBSHOP,
    Json,
    ago,
    ban,
    binary,
    consumer,
    event,
    order,
    signup,
    structured,
)
from tests.integration.support.model import assert_nothing_lost, data_of
from topics import BANS, CONSENTS, ELIGIBILITY, ORDERS, OUTBOUND, PROSPECTS, REFUSALS, SIGNUPS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def say(running: Deployment, *records: Outgoing) -> None:
    """Publish records one after another, each when the one before is taken in and answered."""
    for record in records:
        await running.publish([record])
        await running.drained()


async def eligibility_of(running: Deployment, subject: str) -> list[Incoming]:
    """All that was said of the customer whom the webshop knows as `subject`, tombstones too."""
    records = await running.read(ELIGIBILITY.name)
    identity = {"source": WEBSHOP, "subject": subject}
    keys = {
        record.key
        for record in records
        if record.value and identity in data_of(record)["identities"]
    }
    return [record for record in records if record.key in keys]


async def bans_under(running: Deployment, normalised: str) -> list[Incoming]:
    """All that was said of a contact point of the ban register."""
    digest = hmac.digest(SECRET.encode(), normalised.encode(), "sha256").hex()
    return [record for record in await running.read(BANS.name) if record.key == digest.encode()]


def envelope(record: Incoming) -> Json:
    """The whole event."""
    assert record.value is not None
    whole: Json = orjson.loads(record.value)
    return whole


@pytest.mark.parametrize("mode", [structured, binary])
async def test_an_order_makes_a_customer_who_may_be_contacted(
    running: Deployment, mode: Callable[[str, Json], Outgoing]
) -> None:
    subject = f"flow-order-{mode.__name__}"
    placed = order(subject, traceparent=TRACE)
    await say(running, mode(ORDERS.name, placed))

    (record,) = await eligibility_of(running, subject)
    data = data_of(record)
    assert record.key == data["customer_id"].encode()
    assert list(record.headers) == [CONTENT_TYPE]
    assert data["version"] == 1
    assert data["audience"] == "consumer_customer"
    assert data["contact"] == {"email": f"{subject}@example.fi"}
    assert data["allow"]["newsletter"] == {"email": "soft_opt_in"}
    assert data["deny"]["newsletter"]["post"] == "no_contact_point"
    assert data["products"]["soft_opt_in"] == ["broadband"]
    assert data["caused_by"] == {"source": placed["source"], "id": placed["id"]}
    assert envelope(record)["traceparent"] == TRACE
    assert envelope(record)["subject"] == data["customer_id"]


async def test_a_ban_denies_and_stands_in_the_ban_register(running: Deployment) -> None:
    """R7: in the person's record and under each contact point that the ban names."""
    subject, phone = "flow-ban", "+358401234501"
    placed = order(subject)
    placed["data"]["party"]["phone"] = phone
    banned = ban(subject, traceparent=TRACE)
    banned["data"]["party"] = {"kind": "consumer", "phone": "040 123 4501"}
    await say(running, structured(ORDERS.name, placed), binary(CONSENTS.name, banned))

    before, after = await eligibility_of(running, subject)
    assert "email" in data_of(before)["allow"]["newsletter"]
    data = data_of(after)
    assert data["version"] == 2
    assert set(data["allow"]) == {"service_notice"}, "a fault or an invoice is no marketing"
    marketing = {**data["deny"]["newsletter"], **data["deny"]["offers"]}
    assert set(marketing.values()) == {"banned"}
    assert data["contact"] == {}
    assert data["caused_by"] == {"source": banned["source"], "id": banned["id"]}
    assert envelope(after)["traceparent"] == TRACE

    for normalised, kind in ((phone, "phone"), (f"{WEBSHOP}\n{subject}", "identity")):
        (record,) = await bans_under(running, normalised)
        data = data_of(record)
        assert (data["kind"], data["version"]) == (kind, 1)
        assert [standing["scope"] for standing in data["bans"]] == [{}]
        assert envelope(record)["traceparent"] == TRACE
    assert await bans_under(running, f"{subject}@example.fi") == [], "the ban does not name it"


async def test_a_repeated_delivery_changes_nothing(running: Deployment) -> None:
    """R1: not even a version; the same event in the other mode is the same event."""
    placed = order("flow-repeat")
    await say(running, structured(ORDERS.name, placed))
    written = len(await running.read(*(topic.name for topic in OUTBOUND)))
    again = [structured(ORDERS.name, placed), binary(ORDERS.name, placed)]
    await running.publish([*again, *again])
    await running.drained()
    assert len(await running.read(*(topic.name for topic in OUTBOUND))) == written


async def test_the_last_consent_withdrawn_leaves_a_tombstone(running: Deployment) -> None:
    """R22; who comes back later goes on with the next version of the same key."""
    subject = "flow-tombstone"
    withdrawn = event(
        "consent.withdrawn",
        subject,
        {"scope": {"purposes": ["newsletter"], "channels": ["email"]}},
        time=ago(minutes=10),
    )
    await say(
        running,
        structured(SIGNUPS.name, signup(subject)),
        structured(CONSENTS.name, withdrawn),
        structured(ORDERS.name, order(subject, time=ago(minutes=5))),
    )
    prospect, tombstone, customer = await eligibility_of(running, subject)
    assert data_of(prospect)["audience"] == "consumer_prospect"
    assert (tombstone.key, tombstone.value) == (prospect.key, None)
    assert data_of(customer)["version"] == 3
    assert data_of(customer)["deny"]["newsletter"]["email"] == "withdrawn"


async def test_a_lifted_ban_leaves_a_tombstone_in_the_ban_register(running: Deployment) -> None:
    email = {"kind": "consumer", "email": "flow-lift@example.fi"}
    placed = ban(None)
    placed["data"]["party"] = email
    lifted = event("ban.lifted", None, {"scope": {}, "party": email}, time=ago(seconds=1))
    await say(running, structured(CONSENTS.name, placed), structured(CONSENTS.name, lifted))
    standing, tombstone = await bans_under(running, email["email"])
    assert len(data_of(standing)["bans"]) == 1
    assert tombstone.value is None


async def test_a_ban_of_somebody_unknown_waits_for_them(running: Deployment) -> None:
    """R7, R8: no person is made; whoever turns up with that address is banned there."""
    subject = "flow-unknown"
    placed = ban(None)
    placed["data"]["party"] = {"kind": "consumer", "email": f"{subject}@example.fi"}
    await say(running, structured(CONSENTS.name, placed))
    assert await eligibility_of(running, subject) == []
    await say(running, structured(ORDERS.name, order(subject)))
    (record,) = await eligibility_of(running, subject)
    assert data_of(record)["deny"]["newsletter"]["email"] == "banned"


async def test_a_refusal_tells_the_sender_and_nothing_of_the_person(running: Deployment) -> None:
    """R21, R23: the rule and the reason, under the sender's own key."""
    subject = "flow-refused"
    data = {"party": consumer(subject), "listed_in": "phone book", "origin": "directory"}
    listed = event("prospect.listed", subject, data)
    await say(running, structured(PROSPECTS.name, listed))
    (record,) = [one for one in await running.read(REFUSALS.name) if one.key == subject.encode()]
    assert data_of(record) == {
        "source": listed["source"],
        "id": listed["id"],
        "type": "prospect.listed",
        "rule": "R23",
        "reason": "consumer_listing",
    }
    assert await eligibility_of(running, subject) == []


async def test_a_ban_is_heard_on_any_inbound_topic(running: Deployment) -> None:
    """A no may come in by the wrong door; only a yes may not."""
    subject = "flow-door"
    await say(
        running,
        structured(ORDERS.name, order(subject)),
        structured(ORDERS.name, ban(subject)),
    )
    *_, record = await eligibility_of(running, subject)
    assert data_of(record)["deny"]["newsletter"]["email"] == "banned"


async def test_all_that_was_written_follows_the_contract(running: Deployment) -> None:
    """Every event that the tests above made validates, and agrees with the register."""
    await running.drained()
    found: dict[str, list[Any]] = {}
    for record in await running.read(*(topic.name for topic in OUTBOUND)):
        if record.value is None:
            continue
        kind = envelope(record)["type"]
        assert record.topic in {topic.name for topic in OUTBOUND if kind in topic.types}
        found.setdefault(kind, []).append(OUTBOUND_TYPES[kind].model_validate_json(record.value))
    assert set(found) == {"eligibility.updated", "ban-register.updated", "event.refused"}
    await assert_nothing_lost(running)


async def test_the_log_names_nobody(running: Deployment) -> None:
    """No address, name or subject of a person stands in a worker's log."""
    (worker,) = running.workers
    for private in ("example.fi", "Aino", "Testi", "flow-", "+35840"):
        assert private not in worker.log
