"""A batch applied to the register: messages, versions, ids, tombstones (R1, R2, R7, R21, R51)."""

import uuid

import pytest

from register.rules.facts import Fact
from tests.integration.store.said import rectification
from tests.support import events
from tests.support.events import APP, WEBSHOP, Json, day, scope
from tests.support.register import DIGESTER, MemoryRegister, cell

PARTY = events.consumer(email="aino@example.fi", phone="040 123 4567")
NEWSLETTER = scope("newsletter", "email")


def registered(*said: Json) -> MemoryRegister:
    register = MemoryRegister()
    register.deliver_each(said)
    return register


def derived_id(source: str, subject: str) -> uuid.UUID:
    """The customer id of an identity that never was anybody else's."""
    return DIGESTER.customer_id(DIGESTER.identity(source, subject), 0)


# Messages and versions


def test_a_message_is_sent_only_where_it_changed() -> None:
    """Contract: not for an event that changes nothing a campaign tool is told."""
    register = registered(events.order(day(1), PARTY))
    assert [version for _, version, _ in register.sent] == [1]
    register.deliver(events.billing(day(2)))
    register.deliver(events.consent(day(2), scope("newsletter", "email", "tv")))
    assert len(register.sent) == 1
    register.deliver(events.profile(day(3), {"kind": "consumer", "language": "sv"}))
    assert len(register.sent) == 1
    register.deliver(events.consent(day(4), NEWSLETTER))
    assert [version for _, version, _ in register.sent] == [1, 2]


def test_a_person_who_goes_gets_a_tombstone_and_comes_back_under_the_next_version() -> None:
    """R22; contract: `version` grows over a tombstone."""
    register = registered(
        events.signup(day(1), PARTY, NEWSLETTER),
        events.withdrawal(day(2), {}),
        events.signup(day(3), PARTY, NEWSLETTER),
    )
    own = derived_id(WEBSHOP, "c-1")
    assert [(v, data is None) for key, v, data in register.sent if key == own] == [
        (1, False),
        (2, True),
        (3, False),
    ]


def test_one_batch_says_what_stands_at_its_end() -> None:
    """A person who came and went within a batch was never told of."""
    register = MemoryRegister()
    register.deliver(events.signup(day(1), PARTY, NEWSLETTER), events.withdrawal(day(2), {}))
    assert register.messages == {}
    assert register.under(DIGESTER.email("aino@example.fi"))


def test_a_lifted_ban_leaves_a_tombstone_under_the_digest() -> None:
    """R7, R5(a)."""
    register = registered(events.ban(day(1), {}, PARTY), events.lift(day(2), {}, PARTY))
    assert set(register.versions.values()) == {2}
    assert set(register.bans.values()) == {None}


def test_every_kind_of_digest_says_what_it_is() -> None:
    """Contract, `ban-register.updated`."""
    company: Json = {"kind": "business", "company": {"business_id": events.COMPANY}}
    register = registered(
        events.ban(day(1), {}, {**PARTY, "address": events.address()}),
        events.ban(day(1), {}, company, subject=None),
    )
    kinds = {str(data["kind"]) for data in register.standing().values()}
    assert kinds == {"email", "phone", "post", "identity", "company"}


# Ids (R51, R52): the oldest record's, whatever came first

FIRST = events.order(day(1), PARTY, subject="c-1", source=WEBSHOP)
SECOND = events.order(day(2), PARTY, "tv", "order-2", subject="a-1", source=APP)


@pytest.mark.parametrize("arrivals", [[FIRST, SECOND], [SECOND, FIRST]])
def test_the_oldest_records_id_survives(arrivals: list[Json]) -> None:
    """R51, R52."""
    register = registered(*arrivals)
    oldest = derived_id(WEBSHOP, "c-1")
    assert set(register.latest()) == {oldest}
    assert register.customer_id("a-1", APP) == register.customer_id("c-1", WEBSHOP) == oldest


def test_who_is_merged_away_leads_on_to_the_survivor() -> None:
    """R51: a tombstone, and an alias."""
    register = registered(SECOND, FIRST)
    merged = derived_id(APP, "a-1")
    assert register.messages[merged] is None
    assert register.aliases == {merged: derived_id(WEBSHOP, "c-1")}


def test_an_id_that_stood_for_itself_again_is_no_alias() -> None:
    """R51: older data of an identity that came late makes its id the survivor's."""
    older = events.order(day(0.5), PARTY, "tv", "order-3", subject="a-1", source=APP)
    register = registered(SECOND, FIRST, older)
    assert set(register.latest()) == {derived_id(APP, "a-1")}
    assert register.aliases == {derived_id(WEBSHOP, "c-1"): derived_id(APP, "a-1")}


def test_an_older_ban_makes_no_older_record() -> None:
    """R51: the oldest record is the oldest data."""
    ban = events.ban(day(0.5), scope("", "post"), PARTY, subject="k-1", source=APP)
    register = registered(FIRST, ban)
    assert register.customer_id("k-1", APP) == derived_id(WEBSHOP, "c-1")
    assert set(register.latest()) == {derived_id(WEBSHOP, "c-1")}


def test_a_merge_pools_permissions_and_orders() -> None:
    """R51."""
    register = registered(FIRST, events.ban(day(3), scope("offers")), SECOND)
    person = register.person("a-1", APP)
    assert person is not None
    assert cell(person, "offers", "email") == "banned"
    assert list(person["products"]["soft_opt_in"]) == ["broadband", "tv"]
    assert [one["subject"] for one in person["identities"]] == ["a-1", "c-1"]


# What is kept of whom (R7, R21, R22)


def test_of_somebody_unknown_only_digests_are_kept() -> None:
    """R7, R12."""
    register = registered(events.ban(day(1), {}, PARTY), events.consent(day(1), {}))
    assert all(fact.party is None and fact.subject is None for fact in register.facts.values())
    assert register.person("c-1", WEBSHOP) is None
    assert "c-1" not in repr(register.facts)


def test_a_refused_event_leaves_nothing_behind() -> None:
    """R21: neither stored nor parked."""
    register = registered(events.signup(day(1), PARTY), events.profile(day(2), PARTY))
    assert [(one.rule, one.reason) for one in register.refused] == [("R21", "no_prior_consent")] * 2
    assert register.facts == {}
    assert register.sent == []
    assert register.customer_id("c-1", WEBSHOP) is None


def test_a_refused_name_makes_nobody_one() -> None:
    """R21, R50: nothing of a refused event is used to match either."""
    register = registered(
        events.signup(day(1), PARTY, subject="c-9"),
        events.ban(day(1), subject="c-9"),
        events.order(day(2), PARTY),
    )
    person = register.person("c-1", WEBSHOP)
    assert cell(person, "newsletter", "email") == "soft_opt_in"


def test_personal_data_goes_with_its_ground_and_the_permissions_stay() -> None:
    """R22."""
    register = registered(events.signup(day(1), PARTY, NEWSLETTER))
    (held,) = register.facts.values()
    assert held.party is not None
    register.deliver(events.withdrawal(day(2), {}))
    signup = next(one for one in register.facts.values() if one.type == "signup.received")
    assert signup.party is None
    assert signup.subject is None
    assert signup.body["consents"]


def test_data_that_must_not_be_held_is_not_even_stored() -> None:
    """R22: the withdrawal came first."""
    register = registered(events.withdrawal(day(2), {}), events.signup(day(1), PARTY, NEWSLETTER))
    signup = next(one for one in register.facts.values() if one.type == "signup.received")
    assert signup.party is None
    assert register.messages == {}


# Ban register and the others who use a contact point (R8)

OTHER = events.consumer("Ville", "Virtanen", email="aino@example.fi")


@pytest.mark.parametrize("ban_first", [True, False])
def test_whoever_uses_a_banned_point_is_decided_anew(ban_first: bool) -> None:
    """R8: now and later."""
    ban = events.ban(day(2), {}, {"kind": "consumer", "email": "aino@example.fi"}, subject=None)
    order = events.order(day(1), OTHER, subject="c-2")
    register = registered(*([ban, order] if ban_first else [order, ban]))
    assert cell(register.person("c-2", WEBSHOP), "newsletter", "email") == "banned"


def test_who_moves_away_from_a_banned_point_is_free_of_it() -> None:
    """R8: a contact-point ban binds whoever uses the point."""
    register = registered(
        events.order(day(1), OTHER),
        events.ban(day(2), {}, {"kind": "consumer", "email": "aino@example.fi"}, subject=None),
        events.order(day(3), {**OTHER, "email": "ville@example.fi"}, "tv", "order-2"),
    )
    assert cell(register.person("c-1", WEBSHOP), "newsletter", "email") == "soft_opt_in"


def test_erased_contact_points_keep_the_bans_for_the_others() -> None:
    """R22: of the household's address only the digest stays, and it binds."""
    register = registered(
        events.order(day(1), OTHER, subject="c-2"),
        events.signup(day(1), PARTY, NEWSLETTER),
        events.withdrawal(day(2), scope("newsletter")),
    )
    assert cell(register.person("c-2", WEBSHOP), "newsletter", "email") == "withdrawn"
    register.deliver(events.lift(day(3), scope("newsletter")))
    assert cell(register.person("c-2", WEBSHOP), "newsletter", "email") == "soft_opt_in"


def test_an_unread_event_touches_nothing() -> None:
    """R28."""
    register = registered(events.order(day(1), {**PARTY, "phone": "040"}))
    assert [one.reason for one in register.dead] == ["invalid_phone: data.party.phone"]
    assert register.facts == {}


def test_a_fact_remembers_no_contact_point_outside_its_party() -> None:
    """R22: so that erasing the party erases the data."""
    register = registered(
        events.order(day(1), PARTY),
        events.ban(day(2), {}, PARTY),
        events.consent(day(2), NEWSLETTER, PARTY),
        events.profile(day(2), PARTY),
    )

    def without_party(fact: Fact) -> str:
        return repr((fact.body, fact.points, fact.match_keys, fact.source, fact.event_id))

    said = "".join(without_party(fact) for fact in register.facts.values())
    for spelled in ("aino", "Aino", "1234567", "Virtanen"):
        assert spelled not in said


@pytest.mark.parametrize("subjects", [("c-1", "c-2"), ("c-2", "c-1")])
@pytest.mark.parametrize("first", [True, False])
def test_a_ban_that_two_corrections_bring_along_stays_when_one_does_no_more(
    subjects: tuple[str, str], *, first: bool
) -> None:
    """R62: it stands once under the new address; who goes leaves it to the other."""
    stays, goes = subjects
    old, new = "old@example.fi", "new@example.fi"
    aino, ville = events.consumer(email=old), events.consumer("Ville", email=old)
    register = registered(
        events.order(day(1), aino, subject=stays, order_id="order-1"),
        events.order(day(1), ville, subject=goes, order_id="order-2"),
        events.ban(day(2), party={"kind": "consumer", "email": old}, subject="c-9"),
        rectification(day(5), ville, {"email": new}),
        rectification(day(5), aino, {"email": new}),
    )
    # Ville had another address by then: no ban goes along from that.
    moved = events.profile(day(4), events.consumer("Ville", email="other@example.fi"), subject=goes)
    other = events.order(day(6), events.consumer(), subject=stays, order_id="order-3")
    register.deliver(*([other, moved] if first else [moved, other]))
    assert register.bans[DIGESTER.email(new).digest.hex()] is not None
