"""The gate right before a campaign sends (contract, `screening.decided`; R8, R30, R54)."""

import uuid

from schemas.outbound import ScreeningDecided
from tests.integration.store.driver import Json, StoreDriver
from tests.integration.store.said import erasure, screening
from tests.support.events import address, ban, consent, consumer, day, order, scope, signup

AINO = consumer(email="aino@example.fi", phone="040 123 4567", address=address())


async def _ask(register: StoreDriver, *recipients: Json, **asked: str) -> list[Json]:
    purpose, channel = asked.pop("purpose", "newsletter"), asked.pop("channel", "email")
    await register.said()
    await register.write(screening(day(20), purpose, channel, *recipients, **asked))
    said = await register.said()
    event = next(one for one in said if one["type"] == "screening.decided")
    ScreeningDecided.model_validate(event, strict=False)
    assert event["data"]["screening_id"] == "S-1"
    decisions: list[Json] = event["data"]["decisions"]
    assert [one["ref"] for one in decisions] == [str(n + 1) for n in range(len(recipients))]
    return [{name: one[name] for name in one if name != "ref"} for one in decisions]


def _yes(basis: str, **more: object) -> Json:
    return {"allowed": True, "basis": basis, **more}


def _no(reason: str) -> Json:
    return {"allowed": False, "reason": reason}


async def test_by_id_email_and_phone_known_and_unknown(register: StoreDriver) -> None:
    """A recipient may be named in any of three ways; spelling does not matter (R53, R54)."""
    await register.write(order(day(1), AINO), consent(day(2), scope("newsletter", "email")))
    customer = (await register.said("eligibility.updated"))[-1]["customer_id"]
    assert (
        await _ask(
            register,
            {"customer_id": customer},
            {"email": "AINO@example.fi"},
            {"phone": "+358 40 1234567"},
            {"customer_id": str(uuid.uuid4())},
            {"customer_id": "no id of ours"},
            {"email": "nobody@example.fi"},
            {"email": "no address"},
        )
        == [_yes("consent")] * 3 + [_no("unknown")] * 4
    )


async def test_a_banned_contact_point_of_nobody(register: StoreDriver) -> None:
    """Contract: unknown, unless its contact point is banned (S30)."""
    await register.write(
        ban(day(1), scope("newsletter"), {"kind": "consumer", "email": "x.y@gmail.com"})
    )
    spelled = {"email": "XY+shop@googlemail.com"}
    assert await _ask(register, spelled) == [_no("banned")]
    assert await _ask(register, spelled, purpose="offers") == [_no("unknown")]
    assert await _ask(register, spelled, channel="post") == [_no("unknown")]


async def test_two_recipients_under_one_ref_are_answered_each(register: StoreDriver) -> None:
    """A tool's mistake must not give the one the other's yes."""
    await register.write(
        order(day(1), AINO),
        consent(day(2), scope("newsletter", "email")),
        ban(
            day(3),
            scope("newsletter"),
            {"kind": "consumer", "email": "no@example.fi"},
            subject=None,
        ),
    )
    await register.said()
    twice = [{"ref": "r", "email": "no@example.fi"}, {"ref": "r", "email": AINO["email"]}]
    await register.write(screening(day(20), "newsletter", "email", *twice))
    (event,) = await register.said("screening.decided")
    assert event["decisions"] == [
        {"ref": "r", **_no("banned")},
        {"ref": "r", **_yes("consent")},
    ]


async def test_an_address_much_like_a_consented_one_is_not_consented(
    register: StoreDriver,
) -> None:
    """R54: consents compare exactly, bans generously."""
    party = consumer(email="aino.v@gmail.com")
    await register.write(signup(day(1), party, scope("newsletter", "email")))
    assert await _ask(register, {"email": "Aino.V@gmail.com"}) == [_yes("consent")]
    assert await _ask(register, {"email": "ainov@gmail.com"}) == [_no("unknown")]
    await register.write(ban(day(2), scope("newsletter", "email")))
    assert await _ask(register, {"email": "ainov@gmail.com"}) == [_no("banned")]


async def test_of_two_who_share_an_address_one_no_counts(register: StoreDriver) -> None:
    """R8: a mistake may only suppress."""
    eino = consumer("Eino", email="aino@example.fi")
    await register.write(
        order(day(1), AINO, order_id="1"),
        order(day(1), eino, order_id="2", subject="c-2"),
        consent(day(2), scope("newsletter", "email")),
        ban(day(3), scope("newsletter", "email"), subject="c-2"),
    )
    assert await _ask(register, {"email": "aino@example.fi"}) == [_no("banned")]


async def test_products(register: StoreDriver) -> None:
    """R30, R31, S13: product bans by product or group, similar products, mobile by phone."""
    await register.write(
        order(day(1), AINO, "broadband"),
        order(day(1), consumer("Eino"), "tv mobile", order_id="2", subject="c-2"),
        ban(day(2), scope("offers", "email", "tv")),
    )
    who = {"email": "aino@example.fi"}
    offers = {"purpose": "offers"}
    assert await _ask(register, who, **offers) == [_yes("soft_opt_in", products=["broadband"])]
    assert await _ask(register, who, product="Broadband", **offers) == [_yes("soft_opt_in")]
    assert await _ask(register, who, product="broadband-basic", **offers) == [_yes("soft_opt_in")]
    assert await _ask(register, who, product="mobile", **offers) == [_no("not_similar_product")]
    assert await _ask(register, who, product="tv", **offers) == [_no("banned")]
    assert await _ask(register, who, product="tv-basic", **offers) == [_no("banned")]
    # Of a product that no order has shown, the group is not known: the ban counts.
    assert await _ask(register, who, product="tv-new", **offers) == [_no("banned")]
    by_phone = {"purpose": "offers", "channel": "phone"}
    assert await _ask(register, who, product="mobile-basic", **by_phone) == [_no("mobile_by_phone")]
    assert await _ask(register, who, product="broadband", **by_phone) == [
        _yes("customer_relationship")
    ]


async def test_a_consent_limited_to_a_product_answers_for_it_alone(
    register: StoreDriver,
) -> None:
    """R31: it opens no cell, but the product it names."""
    party = consumer(phone="040 123 4567")
    await register.write(signup(day(1), party, scope("offers", "phone", "mobile")))
    who, by_phone = {"phone": "040 123 4567"}, {"purpose": "offers", "channel": "phone"}
    assert await _ask(register, who, **by_phone) == [_no("no_consent")]
    assert await _ask(register, who, product="mobile", **by_phone) == [_yes("consent")]
    assert await _ask(register, who, product="tv", **by_phone) == [_no("no_consent")]


async def test_who_was_erased(register: StoreDriver) -> None:
    """R25: by the old id `erased`, by the contact point `banned`."""
    await register.write(order(day(1), AINO))
    customer = (await register.one("eligibility.updated"))["customer_id"]
    await register.write(erasure(day(2), consumer(email="aino@example.fi")))
    assert await _ask(register, {"customer_id": customer}, {"email": "aino@example.fi"}) == [
        _no("erased"),
        _no("banned"),
    ]


async def test_a_merged_id_is_answered_for_who_it_became(register: StoreDriver) -> None:
    """R51: aliases are followed."""
    await register.write(
        signup(day(2), AINO, scope("newsletter", "email"), subject="a-1", source="/channels/app")
    )
    old = (await register.one("eligibility.updated"))["customer_id"]
    await register.write(order(day(1), AINO))
    assert await _ask(register, {"customer_id": old}) == [_yes("consent")]


async def test_a_screening_is_answered_once(register: StoreDriver) -> None:
    """R1: delivered twice, answered once."""
    asked = screening(day(2), "newsletter", "email", {"email": "a@example.fi"})
    await register.write(asked, asked)
    await register.write(asked)
    assert len(await register.said("screening.decided")) == 1
