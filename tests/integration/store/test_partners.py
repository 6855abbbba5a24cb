"""Agreements, disclosures, the ledger and recalls (S5, S26 to S31, S38, S47, R33, R34, R63-R65)."""

import pytest

from register.store import disclosures
from register.store.sweeps import disclosure_step
from schemas.outbound import DisclosureMade, DisclosureRecalled
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import (
    access,
    disclosure,
    ended,
    erasure,
    merge,
    rectification,
    signed,
)
from tests.support.events import WEBSHOP, Json, address, ban, consumer, day, order, scope, signup

AINO = consumer(email="aino@example.fi", address=address())
WHO = consumer(email="aino@example.fi")


async def test_an_agreement_opens_its_purposes_for_everybody(register: StoreDriver) -> None:
    """R33, R34: customers decided before are decided anew, and again when it ends."""
    await register.write(order(day(1), AINO))
    before = await register.one("eligibility.updated")
    assert before["deny"]["disclosure"] == {"post": "no_agreement"}
    await register.write(signed(day(2)))
    await register.sweep()
    during = await register.one("eligibility.updated")
    assert during["allow"]["disclosure"] == {"post": "customer_relationship"}
    assert during["allow"]["partner_marketing"]["post"] == "customer_relationship"
    assert during["deny"]["partner_marketing"]["email"] == "no_consent"
    assert during["caused_by"]["source"] == "/contracts"
    await register.write(ended(day(3)))
    await register.sweep()
    after = await register.one("eligibility.updated")
    assert after["deny"]["disclosure"] == {"post": "no_agreement"}


async def test_agreements_in_any_order(register: StoreDriver) -> None:
    """R2: the end of an agreement that comes before its start ends it all the same."""
    await register.write(ended(day(3)), signed(day(2)))
    await register.write(order(day(1), AINO))
    assert (await register.one("eligibility.updated"))["deny"]["disclosure"] == {
        "post": "no_agreement"
    }


async def test_outside_the_eea_only_with_a_transfer_basis(register: StoreDriver) -> None:
    """S38: such an agreement without a basis can't be read."""
    outcome = await register.write(signed(day(1), region="outside_EEA"))
    assert [one.reason for one in outcome.dead] == ["missing_field: data.transfer_basis"]
    await register.write(signed(day(1), region="outside_EEA", transfer_basis="SCC 2021/914"))
    await register.write(order(day(1), AINO))
    await register.write(disclosure(day(2)))
    await register.sweep()
    assert (await register.one("disclosure.made"))["partner_id"] == "p-1"


async def test_a_partner_gets_name_and_address_of_those_allowed(register: StoreDriver) -> None:
    """R43, R63, S28: nothing else, and nobody who said no; each is kept in the ledger."""
    banned = consumer("Eino", email="eino@example.fi", address=address("Porrassalmenkatu 1"))
    without_address = consumer("Väinö", email="vaino@example.fi")
    prospect = consumer("Helmi", email="helmi@example.fi", address=address("Hallituskatu 2"))
    await register.write(
        signed(day(1)),
        order(day(1), AINO, subject="c-1", order_id="1"),
        order(day(1), banned, subject="c-2", order_id="2"),
        ban(day(2), scope("disclosure"), subject="c-2"),
        order(day(1), without_address, subject="c-3", order_id="3"),
        signup(day(1), prospect, scope("", "post"), subject="c-4"),
    )
    await register.said()
    await register.write(disclosure(day(3)))
    await register.sweep()
    said = await register.said()
    made = [one for one in said if one["type"] == "disclosure.made"]
    for one in made:
        DisclosureMade.model_validate(one, strict=False)
    assert [person for one in made for person in one["data"]["people"]] == [
        {"name": {"given": "Aino", "family": "Virtanen"}, "address": address()}
    ]
    assert [(one["data"]["part"], one["data"]["parts"]) for one in made] == [(1, 1)]
    assert said[-1]["type"] == "request.completed"
    rows = await register.rows("select partner_id, request_id, recipient from disclosure")
    assert [tuple(row) for row in rows] == [("p-1", "D-1", "partner")]
    (kept,) = await register.rows("select closed is not null as closed from request")
    assert kept["closed"]


async def test_selection(register: StoreDriver) -> None:
    """R63: by audience, product group and postal code."""
    elsewhere = {**address("Hämeenkatu 5"), "postal_code": "33100", "city": "Tampere"}
    await register.write(
        signed(day(1)),
        order(day(1), AINO, subject="c-1", order_id="1"),
        order(day(1), consumer("Eino", address=elsewhere), subject="c-2", order_id="2"),
        order(day(1), consumer("Helmi", address=address()), "tv", subject="c-3", order_id="3"),
    )
    await register.said()
    selection = {
        "audience": "consumer_customer",
        "products": ["broadband"],
        "postal_codes": ["50100"],
    }
    await register.write(disclosure(day(3), selection))
    await register.sweep()
    made = await register.one("disclosure.made")
    assert [person["name"]["given"] for person in made["people"]] == ["Aino"]


async def test_no_agreement_at_the_request_or_at_the_hand_over(register: StoreDriver) -> None:
    """R63, S27."""
    await register.write(order(day(1), AINO))
    await register.said()
    await register.write(disclosure(day(3)))
    assert (await register.one("request.refused"))["reason"] == "no_agreement"
    await register.write(signed(day(4)))
    await register.write(disclosure(day(5)))
    await register.write(ended(day(6)))
    await register.said()
    await register.sweep()
    said = [one for one in await register.said() if one["type"] != "eligibility.updated"]
    assert [(one["type"], one["data"].get("reason")) for one in said] == [
        ("request.refused", "no_agreement")
    ]


async def test_an_authority_needs_a_legal_basis_and_no_ban_stops_it(
    register: StoreDriver,
) -> None:
    """R64, S47: in the ledger all the same."""
    await register.write(order(day(1), AINO), ban(day(2)))
    await register.said()
    await register.write(disclosure(day(3), recipient="authority"))
    assert (await register.one("request.refused"))["reason"] == "no_legal_basis"
    await register.write(disclosure(day(4), recipient="authority", legal_basis="Act 805/2011"))
    await register.sweep()
    made = await register.one("disclosure.made")
    assert made["partner_id"] is None
    assert len(made["people"]) == 1
    (row,) = await register.rows("select recipient from disclosure")
    assert row["recipient"] == "authority"


async def _handed_over(register: StoreDriver, number: float) -> dict[str, Json]:
    """What an access report of that day shows of disclosures, by the kind of recipient."""
    await register.said()
    await register.write(access(day(number), WHO))
    report = (await register.one("access.reported"))["report"]
    return {line["recipient"]: line for line in report["disclosures"]}


async def test_access_shows_what_was_handed_over_and_to_whom(register: StoreDriver) -> None:
    """R60, S29, GDPR art. 15(1)(c): name and address until they are recalled, and the partner by
    the newest name it had."""
    renamed = signed(day(1.5))
    renamed["data"]["name"] = "Uusi Nimi Oy"
    await register.write(renamed, signed(day(1)), order(day(1), AINO), disclosure(day(2)))
    await register.sweep()
    await register.write(disclosure(day(3), recipient="authority", legal_basis="Act 805/2011"))
    await register.sweep()
    await register.write(ended(day(4)))
    shown = await _handed_over(register, 5)
    for recipient, partner in (("partner", ("p-1", "Uusi Nimi Oy")), ("authority", (None, None))):
        line = shown[recipient]
        assert (line["partner_id"], line["partner_name"]) == partner
        assert line["request_id"] == "D-1"
        assert line["name"] == AINO["name"]
        assert line["address"] == AINO["address"]
    await register.write(ban(day(6), scope("disclosure")))
    recalled = (await _handed_over(register, 7))["partner"]
    assert (recalled["name"], recalled["address"]) == (None, None)
    assert (recalled["recall_reason"], recalled["partner_name"]) == ("banned", "Uusi Nimi Oy")


async def test_disclosure_then_ban_then_recall(register: StoreDriver) -> None:
    """R65, S31: told once, and the ledger forgets the name with it."""
    await register.write(signed(day(1)), order(day(1), AINO), disclosure(day(2)))
    await register.sweep()
    await register.said()
    await register.write(ban(day(3), scope("disclosure")))
    said = [one for one in await register.said() if one["type"] == "disclosure.recalled"]
    DisclosureRecalled.model_validate(said[0], strict=False)
    assert [one["data"] for one in said] == [
        {
            "partner_id": "p-1",
            "people": [{"name": {"given": "Aino", "family": "Virtanen"}, "address": address()}],
            "reason": "banned",
        }
    ]
    await register.write(ban(day(4), scope("newsletter")))
    assert await register.said("disclosure.recalled") == []
    (row,) = await register.rows("select name, recall_reason from disclosure")
    assert tuple(row) == (None, "banned")


async def test_recall_after_an_erasure_and_after_a_rectification(register: StoreDriver) -> None:
    """R62, R65: the partner is told with the name and address that it was given."""
    await register.write(signed(day(1)), order(day(1), AINO), disclosure(day(2)))
    await register.sweep()
    await register.said()
    await register.write(rectification(day(3), WHO, {"address": address("Uusikatu 3")}))
    recalled = await register.one("disclosure.recalled")
    assert recalled["reason"] == "rectified"
    assert recalled["people"][0]["address"] == address()
    await register.write(disclosure(day(4)))
    await register.sweep()
    await register.said()
    await register.write(erasure(day(5), WHO))
    recalled = await register.one("disclosure.recalled")
    assert recalled["reason"] == "erased"
    assert recalled["people"][0]["address"] == address("Uusikatu 3")
    rows = await register.rows("select name, address from disclosure")
    assert {tuple(row) for row in rows} == {(None, None)}


async def test_a_merge_between_two_parts_hands_nobody_over_twice(
    register: StoreDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R51, R63: whoever of the second part has become one with somebody of the first."""
    monkeypatch.setattr(disclosures, "PART_SIZE", 1)
    await register.write(signed(day(1)))
    for number, given in enumerate(("Aino", "Eino")):
        party = consumer(given, email=f"{given.lower()}@example.fi", address=address())
        await register.write(order(day(2 + number), party, order_id=given, subject=f"c-{number}"))
    await register.sweep()
    await register.write(disclosure(day(5)))
    await register.said()
    assert await disclosure_step(register.connection, register.rules, register.received)
    handed = (await register.one("disclosure.made"))["people"]
    await register.write(merge(day(6), (WEBSHOP, "c-0"), (WEBSHOP, "c-1")))
    await register.write(merge(day(6), (WEBSHOP, "c-1"), (WEBSHOP, "c-0")))
    await register.said()
    assert await disclosure_step(register.connection, register.rules, register.received)
    made = await register.said()
    assert len(handed) == 1
    assert [one["data"]["people"] for one in made if one["type"] == "disclosure.made"] == [[]]
    assert len(await register.rows("select from disclosure")) == 1
