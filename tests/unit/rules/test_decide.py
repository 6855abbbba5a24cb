"""The decision table as data, and the order of the checks (R30 to R36).

What each row decides stands in `tests/scenarios/decision-table.yaml`.
"""

import re
from pathlib import Path

import pytest

from register.rules.bans import Entry, entries_of
from register.rules.cells import ALL_MARKETING, CELLS, CHANNELS, PURPOSES, mask
from register.rules.decide import Decision, decide
from register.rules.fold import fold
from register.rules.table import PURPOSE_RULES, ROWS
from schemas.terms import Audience, Basis, Channel, Denial, Kind, Purpose
from tests.support import events
from tests.support.events import Json, day, scope
from tests.support.register import read

RULES = (Path(__file__).parents[3] / "docs" / "rules.md").read_text("utf-8")
PARTY = events.consumer(email="aino@example.fi", phone="040 123 4567", address=events.address())
AGREED = frozenset({Purpose.PARTNER_MARKETING, Purpose.DISCLOSURE})


def decision(
    *said: Json, others: list[Entry] | None = None, agreements: frozenset[Purpose] = AGREED
) -> Decision:
    return decide(fold([read(event).fact for event in said]), others or [], agreements)


def others(*said: Json) -> list[Entry]:
    """Entries that somebody else wrote under a contact point."""
    return [one for event in said for one in entries_of(read(event).fact) if one.kind != "identity"]


def outcome(found: Decision, purpose: str, channel: str) -> str:
    row, cell = Purpose(purpose), Channel(channel)
    return str(found.answers.allow.get(row, {}).get(cell) or found.answers.deny[row][cell])


# The table


def written_rows() -> dict[tuple[Audience, Kind], list[str]]:
    """The decision table of `docs/rules.md`: audience and kind → codes by channel."""
    rows: dict[tuple[Audience, Kind], list[str]] = {}
    for line in RULES.splitlines():
        found = re.fullmatch(r"\| ([a-z_]+.*?) \| (.*) \|", line)
        if found is None or not re.match(r"(consumer|business)_(customer|prospect)", found[1]):
            continue
        codes = [cell.strip()[0] for cell in found[2].split("|")]
        kind = Kind(found[1].partition("_")[0])
        rows.update(
            {(Audience(name), kind): codes for name in re.findall(r"[a-z]+_[a-z]+", found[1])}
        )
    return rows


def test_the_table_is_the_one_of_the_rules() -> None:
    """R30: `decision_table.toml` says what `rules.md` says, for every audience."""
    written = written_rows()
    assert written.keys() == ROWS.keys()
    for key, codes in written.items():
        held = [code for _, _, code in ROWS[key].codes[Purpose.NEWSLETTER]]
        assert held == codes, key


def test_purposes_change_the_table_as_the_rules_say() -> None:
    """R32, R33, R35."""
    changes = {
        Purpose.MARKET_RESEARCH: {"S": "O", "B": "O"},
        Purpose.PARTNER_MARKETING: {"S": "C"},
        Purpose.SERVICE_NOTICE: dict.fromkeys("SCOB", "K"),
    }
    for key, codes in written_rows().items():
        for purpose, cells in ROWS[key].codes.items():
            for channel, _, code in cells:
                plain = codes[CHANNELS.index(channel)]
                assert code == changes.get(purpose, {}).get(plain, plain), (key, purpose, channel)


def test_what_purposes_ask_for_besides() -> None:
    """R33, R34, and the similar products of a soft opt-in."""
    rules = {
        purpose: (rule.needs_agreement, rule.consent_must_name_it, rule.similar_products_only)
        for purpose, rule in PURPOSE_RULES.items()
    }
    assert rules.keys() == set(PURPOSES)
    assert {p for p, rule in rules.items() if rule[0]} == AGREED
    assert {p for p, rule in rules.items() if rule[1]} == {Purpose.DISCLOSURE}
    assert {p for p, rule in rules.items() if rule[2]} == {Purpose.OFFERS, Purpose.CAMPAIGN}


def test_cells_are_every_purpose_and_channel_but_disclosure_by_post_alone() -> None:
    """R34."""
    named = {(purpose, channel) for purpose, channel, _ in CELLS}
    assert len(named) == len({bit for _, _, bit in CELLS}) == 8 * 5 + 1
    assert [channel for purpose, channel in named if purpose is Purpose.DISCLOSURE] == ["post"]
    assert mask(None, None) == ALL_MARKETING
    assert mask([Purpose.DISCLOSURE], [Channel.EMAIL]) == 0
    assert mask([Purpose.SERVICE_NOTICE], None) & ALL_MARKETING == 0


# The order of the checks: each step takes the reason that the one before it hid

CONTACT = events.business(email="maija@example.fi", role=None)
LAYERS: list[tuple[str, Json]] = [
    ("no_contact_point", events.order(day(1), events.business(role="CEO"))),
    ("no_agreement", events.order(day(1), CONTACT)),
    ("withdrawn", events.withdrawal(day(2), {})),
    ("banned", events.ban(day(2))),
    ("role_ended", events.left_company(day(3))),
    ("collection_banned", events.ban(day(4), {}, collection=True)),
]


@pytest.mark.parametrize("depth", range(2, len(LAYERS) + 1))
def test_the_first_check_that_fails_gives_the_reason(depth: int) -> None:
    """Rules, section 3: collection_banned, role_ended, banned, withdrawn, no_agreement, ..."""
    found = decision(*(event for _, event in LAYERS[1:depth]), agreements=frozenset())
    assert outcome(found, "partner_marketing", "email") == LAYERS[depth - 1][0]


def test_a_missing_basis_hides_a_missing_contact_point() -> None:
    """R36 comes last."""
    nothing = events.order(day(1), events.business(role=None))
    assert outcome(decision(nothing), "newsletter", "email") == "role_unknown"
    assert outcome(decision(LAYERS[0][1]), "newsletter", "email") == "no_contact_point"


def test_a_bans_reason_beats_a_withdrawals_whoever_said_it() -> None:
    """Rules, section 3."""
    mine = events.withdrawal(day(3), {})
    theirs = events.ban(day(2), {}, {"kind": "consumer", "email": "aino@example.fi"}, subject=None)
    found = decision(events.order(day(1), PARTY), mine, others=others(theirs))
    assert outcome(found, "newsletter", "email") == "banned"
    assert outcome(found, "newsletter", "sms") == "withdrawn"


# What a decision shows


def test_every_cell_is_on_one_side() -> None:
    """Contract, `eligibility.updated`."""
    found = decision(events.order(day(1), PARTY), events.ban(day(2), scope("offers")))
    for purpose, channel, _ in CELLS:
        allowed = isinstance(found.answers.allow.get(purpose, {}).get(channel), Basis)
        denied = isinstance(found.answers.deny.get(purpose, {}).get(channel), Denial)
        assert allowed != denied


def test_a_consent_for_one_product_opens_no_cell() -> None:
    """R31 and section 3: only a screening of that product."""
    agreed = events.consent(day(2), scope("newsletter", "automated_call", "tv"))
    found = decision(events.order(day(1), PARTY), agreed)
    assert outcome(found, "newsletter", "automated_call") == "no_consent"
    assert set(found.consented_products) == {"tv"}


def test_mobile_by_phone_goes_where_the_consent_opens_all_of_it() -> None:
    """R31: nothing is left to deny, so no row says so."""
    agreed = events.consent(day(2), scope("", "phone", "mobile"))
    assert decision(events.order(day(1), PARTY), agreed).denied_products == ()


def test_mobile_by_phone_needs_the_phone_named() -> None:
    """R31."""
    for agreed in (scope("", "", "mobile"), scope("offers", "", "mobile"), scope("", "phone")):
        found = decision(events.order(day(1), PARTY), events.consent(day(2), agreed))
        (row,) = found.denied_products
        assert (row.product, row.purposes, row.channels) == ("mobile", None, ("phone",))


def test_no_denied_product_is_about_nothing() -> None:
    """Contract: a list left out means all, so an empty one would be read as all."""
    point = {"kind": "consumer", "email": "aino@example.fi"}
    said = [
        events.order(day(1), PARTY),
        events.ban(day(2), scope("offers", "email", "tv")),
        events.consent(day(3), scope("offers", "email", "tv")),
        events.consent(day(3), scope("", "phone", "mobile")),
        events.ban(day(2), scope("service_notice", "", "tv")),
    ]
    theirs = others(events.ban(day(2), scope("", "sms", "tv"), point, subject=None))
    assert decision(*said, others=theirs).denied_products == ()


def test_a_product_ban_under_a_point_denies_on_its_channels() -> None:
    """R8."""
    point = {"kind": "consumer", "email": "aino@example.fi"}
    theirs = others(events.ban(day(2), scope("offers", "", "tv"), point, subject=None))
    rows = [
        (row.product, row.purposes, row.channels)
        for row in decision(events.order(day(1), PARTY), others=theirs).denied_products
        if row.reason is Denial.BANNED
    ]
    assert rows == [("tv", ("offers",), ("email",))]


def test_contact_points_of_no_allowed_cell_stay_here() -> None:
    """R44: a service notice is no marketing, and a disclosure goes to a partner."""
    calls_and_mail = events.ban(day(2), scope("", "email sms automated_call phone"))
    found = decision(events.order(day(1), PARTY), calls_and_mail)
    assert set(found.contact) == {"address"}
    only_disclosure = events.ban(
        day(2), scope("newsletter bulletin offers campaign competition market_research "
                      "partner_marketing")
    )  # fmt: skip
    assert decision(events.order(day(1), PARTY), only_disclosure).contact == {}
