"""Why a cell is as it is: each basis and each reason with the events that decide (R60, S12)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from register.rules.explain import Evidence, KnownEntry, Missing, Role, why
from register.rules.screening import question
from schemas.terms import Basis, Channel, Denial, PointKind, Purpose
from tests.support import events
from tests.support.events import RECEIVED, Json, business, consumer, day, scope
from tests.support.explained import (
    AGREED,
    AINO,
    BOUGHT,
    ENDED,
    LISTED,
    MAIJA,
    PLACED_BAN,
    agreement_ended,
    ids,
    newsletter,
    others_ban,
    signed,
)
from tests.support.known import case_of, known_of


@dataclass(frozen=True)
class Told:
    """A cell, what it must be, and the ids of the events in each role."""

    outcome: Basis | Denial
    said: Sequence[Json]
    cell: tuple[Purpose, Channel] = (Purpose.NEWSLETTER, Channel.EMAIL)
    decides: Sequence[str] = ()
    rules: Sequence[str] = ()
    missing: Missing | None = None
    roles: dict[Role, Sequence[str]] = field(default_factory=dict)
    product: str | None = None


TOLD = {
    "R10 consent": Told(Basis.CONSENT, [BOUGHT, AGREED], decides=["agreed"], rules=["R30", "R10"]),
    "R30 soft opt-in": Told(
        Basis.SOFT_OPT_IN,
        [
            BOUGHT,
            events.order(day(2), AINO, "tv", "order-2", obtained=False, event_id="not got"),
            events.order(day(3), AINO, "tv", "order-3", offered=False, event_id="no way out"),
        ],
        decides=["bought"],
        rules=["R30"],
    ),
    "R20 customer relationship": Told(
        Basis.CUSTOMER_RELATIONSHIP,
        [BOUGHT],
        (Purpose.NEWSLETTER, Channel.POST),
        decides=["bought"],
        rules=["R30", "R20"],
    ),
    "S20 business interest": Told(
        Basis.BUSINESS_INTEREST,
        [LISTED],
        (Purpose.OFFERS, Channel.PHONE),
        decides=["listed"],
        rules=["R30"],
    ),
    "S8 business role": Told(Basis.BUSINESS_ROLE, [LISTED], decides=["listed"], rules=["R30"]),
    "R35 contract": Told(
        Basis.CONTRACT,
        [BOUGHT, PLACED_BAN],
        (Purpose.SERVICE_NOTICE, Channel.EMAIL),
        decides=["bought"],
        rules=["R35"],
    ),
    "R24 collection banned": Told(
        Denial.COLLECTION_BANNED,
        [BOUGHT, events.ban(day(3), scope("offers"), collection=True, event_id="no collecting")],
        decides=["no collecting"],
        rules=["R24"],
    ),
    "R27 role ended": Told(
        Denial.ROLE_ENDED,
        [LISTED, events.left_company(day(3), event_id="left")],
        decides=["left"],
        rules=["R27"],
    ),
    "R9 own ban": Told(
        Denial.BANNED,
        [BOUGHT, AGREED, PLACED_BAN, events.ban(day(7), event_id="all banned")],
        decides=["banned", "all banned"],
        rules=["R9"],
        roles={Role.ENDED: ["agreed"]},
    ),
    "R6 withdrawal": Told(
        Denial.WITHDRAWN,
        [BOUGHT, AGREED, events.withdrawal(day(6), scope("newsletter"), event_id="taken back")],
        decides=["taken back"],
        rules=["R6"],
        roles={Role.ENDED: ["agreed"]},
    ),
    "R33 agreement ended": Told(
        Denial.NO_AGREEMENT,
        [BOUGHT, signed(), agreement_ended(4)],
        (Purpose.DISCLOSURE, Channel.POST),
        rules=["R34"],
        missing=Missing.AGREEMENT,
        roles={Role.ENDED: ["signed"], Role.ENDED_BY: ["parted"]},
    ),
    "R33 no agreement ever": Told(
        Denial.NO_AGREEMENT,
        [BOUGHT],
        (Purpose.PARTNER_MARKETING, Channel.EMAIL),
        rules=["R33"],
        missing=Missing.AGREEMENT,
    ),
    "R30 no consent": Told(
        Denial.NO_CONSENT,
        [BOUGHT, AGREED],
        (Purpose.NEWSLETTER, Channel.AUTOMATED_CALL),
        rules=["R30"],
        missing=Missing.CONSENT,
    ),
    "R5 a lift gives no consent back": Told(
        Denial.NO_CONSENT,
        [
            events.signup(day(1), AINO, scope("offers", "post"), event_id="signed up"),
            AGREED,
            PLACED_BAN,
            events.lift(day(7), scope("newsletter", "email"), event_id="lifted"),
        ],
        missing=Missing.CONSENT,
        roles={Role.ENDED: ["agreed"], Role.ENDED_BY: ["banned"]},
    ),
    "R34 a consent has to name disclosure": Told(
        Denial.NO_CONSENT,
        [signed(), events.signup(day(1), AINO, scope(channels="post"), event_id="signed up")],
        (Purpose.DISCLOSURE, Channel.POST),
        rules=["R34"],
        missing=Missing.NAMING_CONSENT,
        roles={Role.FALLS_SHORT: ["signed up"]},
    ),
    "R30 a consent for one product": Told(
        Denial.NO_CONSENT,
        [
            BOUGHT,
            events.consent(day(5), scope("offers", "automated_call", "tv"), event_id="tv only"),
        ],
        (Purpose.OFFERS, Channel.AUTOMATED_CALL),
        missing=Missing.CONSENT,
        roles={Role.FALLS_SHORT: ["tv only"]},
    ),
    "R26 former customer": Told(
        Denial.NOT_A_CUSTOMER,
        [BOUGHT, ENDED],
        rules=["R30", "R26"],
        missing=Missing.CONSENT,
        roles={Role.ENDED: ["bought"], Role.ENDED_BY: ["ended"]},
    ),
    "R35 prospect": Told(
        Denial.NOT_A_CUSTOMER,
        [LISTED],
        (Purpose.SERVICE_NOTICE, Channel.EMAIL),
        rules=["R35"],
        missing=Missing.ORDER,
    ),
    "R30 no opt-out offered": Told(
        Denial.NO_OPT_OUT_OFFERED,
        [events.order(day(1), AINO, offered=False, event_id="no way out")],
        decides=["no way out"],
        rules=["R30"],
        missing=Missing.OPT_OUT_OFFER,
    ),
    "S8 role unknown": Told(
        Denial.ROLE_UNKNOWN,
        [
            events.listing(
                day(1),
                business(role=None, email="maija@example.fi"),
                subject="c-1",
                source=events.WEBSHOP,
                event_id="listed",
            )
        ],
        rules=["R30"],
        missing=Missing.ROLE,
        roles={Role.FALLS_SHORT: ["listed"]},
    ),
    "R30 not a similar product": Told(
        Denial.NOT_SIMILAR_PRODUCT,
        [BOUGHT],
        (Purpose.OFFERS, Channel.EMAIL),
        decides=["bought"],
        missing=Missing.SIMILAR_PRODUCT,
        product="tv",
    ),
    "S13 a product banned": Told(
        Denial.BANNED,
        [BOUGHT, events.ban(day(3), scope("offers", products="tv"), event_id="no tv")],
        (Purpose.OFFERS, Channel.EMAIL),
        decides=["no tv"],
        rules=["R9"],
        product="tv",
    ),
    "R30 a consent for the product asked": Told(
        Basis.CONSENT,
        [
            BOUGHT,
            events.consent(day(5), scope("offers", "automated_call", "tv"), event_id="tv only"),
        ],
        (Purpose.OFFERS, Channel.AUTOMATED_CALL),
        decides=["tv only"],
        product="tv",
    ),
    "R31 mobile by phone": Told(
        Denial.MOBILE_BY_PHONE,
        [
            BOUGHT,
            events.order(day(2), AINO, "mobile", "order-2", event_id="mobile"),
            events.contract_end(day(3), "order-2", event_id="mobile ended"),
        ],
        (Purpose.OFFERS, Channel.PHONE),
        rules=["R31"],
        missing=Missing.MOBILE_CONTRACT,
        roles={Role.ENDED: ["mobile"], Role.ENDED_BY: ["mobile ended"]},
        product="mobile",
    ),
    "R36 no contact point": Told(
        Denial.NO_CONTACT_POINT,
        [events.order(day(1), consumer(email="aino@example.fi"))],
        (Purpose.OFFERS, Channel.POST),
        rules=["R36"],
        missing=Missing.CONTACT_POINT,
    ),
    "R27 a contact point that went with the role": Told(
        Denial.NO_CONTACT_POINT,
        [
            LISTED,
            events.left_company(day(3), event_id="left"),
            events.profile(
                day(4),
                business(business_id=events.OTHER_COMPANY, email="maija@example.fi"),
                event_id="elsewhere",
            ),
        ],
        (Purpose.OFFERS, Channel.PHONE),
        rules=["R36"],
        missing=Missing.CONTACT_POINT,
        roles={Role.ENDED: ["listed"], Role.ENDED_BY: ["left"]},
    ),
    "R22 erased with the last consent": Told(
        Denial.ERASED,
        [
            events.signup(day(1), AINO, scope("newsletter"), event_id="signed up"),
            events.withdrawal(day(2), scope(), event_id="taken back"),
        ],
        decides=["taken back"],
        rules=["R22"],
    ),
    "R24 erased for want of collecting": Told(
        Denial.ERASED,
        [LISTED, events.ban(day(2), collection=True, event_id="no collecting")],
        decides=["no collecting"],
        rules=["R24"],
    ),
    "R25 erased on request": Told(
        Denial.ERASED,
        [
            BOUGHT,
            events.event(
                "erasure.requested", {"request_id": "r-1", "party": AINO}, day(9), event_id="erase"
            ),
        ],
        decides=["erase"],
        rules=["R25"],
    ),
    "R12 facts without a person": Told(
        Denial.UNKNOWN, [AGREED], rules=["R12"], missing=Missing.DATA
    ),
}
CATALOGUE = [("mobile-basic", "mobile"), ("tv-basic", "tv"), ("broadband-basic", "broadband")]


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD.keys())
def test_each_outcome_names_its_rule_and_its_events(told: Told) -> None:
    """R60: which event decided, what was set aside, what is missing."""
    purpose, channel = told.cell
    asked = question(purpose, channel, told.product, CATALOGUE) if told.product else None
    found = why(case_of(known_of(told.said)), purpose, channel, asked)
    assert found.outcome == told.outcome
    assert ids(found) == list(told.decides)
    assert set(told.rules) <= set(found.rules)
    assert found.rules
    assert found.missing == told.missing
    for role, wanted in told.roles.items():
        assert ids(found, role) == list(wanted)


def test_every_code_is_explained_above() -> None:
    """No basis and no reason is left out (rules, section 3)."""
    assert {told.outcome for told in TOLD.values()} == {*Basis, *Denial}


# The proof of a consent, and whose ban it is


def test_the_proof_of_a_consent() -> None:
    """R10: source, id, time, receipt, wording and evidence, as given."""
    agreed = events.consent(day(5), scope("newsletter", "email"), wording="text-7")
    agreed["data"]["evidence"] = "form 12"
    received = day(6)
    found = newsletter(case_of(known_of([(BOUGHT, day(2)), (agreed, received)])))
    (proof,) = found.events
    assert (proof.source, proof.event_id, proof.type) == (
        events.WEBSHOP,
        agreed["id"],
        "consent.granted",
    )
    assert (proof.time, proof.received) == (day(5), received)
    assert proof.details == {
        "scope": scope("newsletter", "email"),
        "wording": "text-7",
        "evidence": "form 12",
    }


def test_the_consent_of_a_sign_up_that_decides() -> None:
    """R21: of several in one form, the one whose scope covers the cell."""
    said = events.signup(day(1), AINO, scope("offers", "sms"), scope("newsletter", "email"))
    said["data"]["consents"][1]["wording"] = "text-2"
    (proof,) = newsletter(case_of(known_of([said]))).events
    assert proof.details["wording"] == "text-2"
    assert proof.details["scope"] == scope("newsletter", "email")


def test_the_newest_of_several_consents_comes_first() -> None:
    """R2: by time, not by arrival."""
    again = events.consent(day(8), scope("newsletter"), event_id="again")
    assert ids(newsletter(case_of(known_of([again, BOUGHT, AGREED])))) == ["again", "agreed"]


def test_a_ban_that_a_newer_consent_set_aside() -> None:
    """R5: shown beside the consent that names purpose and channel."""
    again = events.consent(day(8), scope("newsletter", "email"), event_id="again")
    found = newsletter(case_of(known_of([BOUGHT, PLACED_BAN, again])))
    assert found.outcome is Basis.CONSENT
    assert ids(found) == ["again"]
    assert ids(found, Role.SET_ASIDE) == ["banned"]
    assert "R5" in found.rules


@pytest.mark.parametrize(
    ("banned", "kind", "rule", "cell"),
    [
        ({"kind": "consumer", "email": "AINO+x@example.fi"}, PointKind.EMAIL, "R8", Channel.EMAIL),
        ({"kind": "consumer", "phone": "+358401234567"}, PointKind.PHONE, "R8", Channel.SMS),
        ({"kind": "consumer", "address": events.address()}, PointKind.POST, "R8", Channel.POST),
    ],
)
def test_a_ban_of_others_under_a_contact_point(
    banned: Json, kind: PointKind, rule: str, cell: Channel
) -> None:
    """R8: under which kind of contact point, since when, and never which one."""
    found = why(case_of(known_of([BOUGHT, others_ban(banned)])), Purpose.OFFERS, cell)
    (event,) = found.events
    assert (found.outcome, event.event_id, event.under) == (Denial.BANNED, "of others", kind)
    assert event.time == day(4)
    assert found.rules == (rule,)
    assert "aino" not in str(event).lower()


def test_a_ban_under_the_company() -> None:
    """R9: of all its contacts."""
    company: Json = {"kind": "business", "company": {"business_id": events.COMPANY}}
    found = newsletter(case_of(known_of([LISTED, others_ban(company)])))
    assert [event.under for event in found.events] == [PointKind.COMPANY]
    assert found.rules == ("R9",)


def test_a_ban_whose_event_was_erased() -> None:
    """R25: the ban is left, and nothing of who placed it."""
    known = known_of([BOUGHT, others_ban({"kind": "consumer", "email": "aino@example.fi"})])
    entries = {
        digest: [KnownEntry(line.entry, None, line.known) for line in lines]
        for digest, lines in known.entries.items()
    }
    (event,) = newsletter(case_of(replace(known, entries=entries))).events
    assert (event.source, event.event_id, event.received) == (None, None, None)
    assert (event.under, event.time) == (PointKind.EMAIL, day(4))


def test_a_collection_ban_of_others_takes_a_listing_away() -> None:
    """R23: what a directory found under a contact point on which collecting is banned."""
    listed = events.listing(day(1), MAIJA, subject="c-1", source=events.WEBSHOP)
    party: Json = {"kind": "business", "email": "maija@example.fi"}
    banned = events.ban(
        day(4), None, party, collection=True, subject=None, source="/campaign-tools/x"
    )
    found = newsletter(case_of(known_of([listed, banned])))
    assert found.outcome is Denial.ERASED
    assert [event.under for event in found.events] == [PointKind.EMAIL]
    assert found.rules == ("R23",)


def test_the_row_of_the_table_comes_with_its_law() -> None:
    """R30: section of the notice, and the act behind it."""
    found = newsletter(case_of(known_of([BOUGHT])))
    assert found.ground is not None
    assert "§4" in found.ground.notice
    assert "917/2014" in found.ground.law


def test_evidence_never_holds_contact_data() -> None:
    """S40: what customer service is shown names events, not contact points."""
    case = case_of(known_of([BOUGHT, AGREED, PLACED_BAN]))
    shown: list[Evidence] = [
        event
        for purpose in Purpose
        for channel in Channel
        if purpose is not Purpose.DISCLOSURE or channel is Channel.POST
        for event in why(case, purpose, channel).events
    ]
    assert shown
    for private in ("aino", "Virtanen", "40123", "Mikonkatu"):
        assert private not in str(shown)


def test_now_is_the_end_of_time() -> None:
    """R2: an explanation of now uses every fact there is."""
    known = known_of([BOUGHT, AGREED])
    later = RECEIVED + timedelta(days=1)
    assert newsletter(case_of(known)).outcome == newsletter(case_of(known, at=later)).outcome
