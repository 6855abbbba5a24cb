"""Access reports as letters: complete, readable, and in three languages (R60, S35)."""

import re
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from register.cli.letter import Letter, Reported, compose, to_html, to_pdf
from register.cli.letter.document import Bullets, Paragraph, Table
from register.cli.letter.words import words
from register.controller import load
from register.rules import facts
from schemas.terms import (
    Audience,
    Basis,
    BillingStatus,
    Channel,
    Denial,
    Form,
    Kind,
    Language,
    ListingOrigin,
    Purpose,
    Recipient,
)
from tests.integration.store.said import merge
from tests.support import events
from tests.support.events import Json, business, consumer, day, scope
from tests.support.register import MemoryRegister

WRITTEN = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
AINO = consumer(
    email="aino@example.fi", phone="040 123 4567", address=events.address(), language="fi"
)


def report_on(party: Json, *said: Json) -> Json:
    """The report that an access request gets after the events."""
    register = MemoryRegister()
    register.deliver(*said)
    asked = {"request_id": "req-1", "party": party, "in_writing": True, "signed": True}
    register.deliver(events.event("access.requested", asked, day(100)))
    answer = register.answers[-1]
    assert answer.report is not None
    report = deepcopy(answer.report)
    report["disclosures"] = [
        {
            "request_id": "dis-1",
            "recipient": "partner",
            "partner_id": "partner-9",
            "partner_name": "Esimerkkikumppani Oy",
            "disclosed": "2026-03-20T08:00:00+00:00",
            "name": None,
            "address": None,
            "recalled": "2026-04-20T08:00:00+00:00",
            "recall_reason": "rectified",
        },
        {
            "request_id": "dis-2",
            "recipient": "authority",
            "partner_id": None,
            "partner_name": None,
            "disclosed": "2026-05-20T08:00:00+00:00",
            "name": {"given": "Aino", "family": "Lahti"},
            "address": events.address("Hallituskatu 2"),
            "recalled": None,
            "recall_reason": None,
        },
    ]
    return report


def written(report: Json, language: Language = Language.FI) -> Letter:
    """The letter that answers request `req-1`."""
    return compose(Reported("req-1", day(100), report), load(), language, WRITTEN)


@pytest.fixture
def report() -> Json:
    """Of a consumer customer of whom something is held in every section but the company."""
    withdrawn = events.withdrawal(day(42), scope("competition"))
    withdrawn["data"]["wording"] = "text-withdrawn"
    earlier = {**AINO, "email": "vanha@example.fi"}
    return report_on(
        AINO,
        events.signup(
            day(1), earlier, scope("newsletter", "email"), profiling={"hobby": "go", "pets": True}
        ),
        events.profile(day(1.5), AINO, profiling={"hobby": "chess"}),
        events.order(day(2), AINO, "broadband", "order-77"),
        events.order(day(3), AINO, "tv", "order-78"),
        events.contract_end(day(20), "order-78"),
        events.billing(day(30), "in_collection"),
        events.ban(day(40), scope(channels="phone"), event_id="evt-ban"),
        events.ban(day(41), scope("offers", products="tv"), event_id="evt-tv"),
        withdrawn,
        merge(day(43), (events.WEBSHOP, "c-1"), (events.APP, "a-1")),
    )


def texts(letter: Letter) -> Iterator[str]:
    """Every text of a letter's body."""
    for block in letter.blocks:
        for name in block.__dataclass_fields__:
            yield from _strings(getattr(block, name))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)


TOLD: dict[Language, list[str]] = {
    Language.FI: [
        "Rekisteriin tallennetut tietosi",
        "Hyvä Aino Virtanen,",
        "8.6.2026 klo 3.00",
        "Kuluttaja-asiakas",
        "19,90 €",
        "Päättynyt 20.3.2026",
        "Perinnässä",
        "Uutiskirje; sähköposti",
        "Kaikki markkinointi; puhelu",
        "Tarjoukset; kaikki kanavat; vain tv",
        "suostumuksesi",
        "Yhteistyökumppani Esimerkkikumppani Oy (partner-9)",
        "Pyyntö: dis-1",
        "Sähköposti: vanha@example.fi",
        "Suostumusteksti: text-withdrawn",
        "Määrännyt: service desk",
        "Lomake: Uutiskirjeen tilaus",
        "20.4.2026: tietojen oikaisu",
        "Viranomainen",
        "Tietosuojavaltuutetun toimisto",
        "Ystävällisin terveisin",
    ],
    Language.SV: [
        "Dina uppgifter i registret",
        "Hej Aino Virtanen,",
        "8.6.2026 kl. 3.00",
        "Konsumentkund",
        "19,90 €",
        "Upphörde 20.3.2026",
        "Under indrivning",
        "Nyhetsbrev; e-post",
        "All marknadsföring; samtal",
        "Erbjudanden; alla kanaler; endast tv",
        "ditt samtycke",
        "Samarbetspartner Esimerkkikumppani Oy (partner-9)",
        "Begäran: dis-1",
        "E-post: vanha@example.fi",
        "Samtyckestext: text-withdrawn",
        "På uppdrag av: service desk",
        "Formulär: Beställning av nyhetsbrev",
        "20.4.2026: rättelse",
        "Myndighet",
        "Dataombudsmannens byrå",
        "Med vänlig hälsning",
    ],
    Language.EN: [
        "The data we hold on you",
        "Dear Aino Virtanen,",
        "8 June 2026 3:00",
        "Consumer customer",
        "€19.90",
        "Ended 20 March 2026",
        "In collection",
        "Newsletter; e-mail",
        "All marketing; call",
        "Offers; every channel; only tv",
        "your consent",
        "Partner Esimerkkikumppani Oy (partner-9)",
        "Request: dis-1",
        "E-mail: vanha@example.fi",
        "Consent text: text-withdrawn",
        "Ordered by: service desk",
        "Form: Newsletter subscription",
        "20 April 2026: correction",
        "Authority",
        "Office of the Data Protection Ombudsman",
        "Yours sincerely",
    ],
}
ALWAYS = [
    "MPY Palvelut Oyj",
    "Mikonkatu 16",
    "50100 Mikkeli",
    "030 670 3000",
    "MPY Asiakasrekisteri",
    "MPY yritysturvallisuus",
    "security@mpy.fi",
    "asiakaspalvelu@mpy.fi",
    "Henkilötietojen tarkistus",
    "req-1",
    "aino@example.fi",
    "+358401234567",
    "c-1 (/channels/webshop)",
    "order-77",
    "broadband-basic (broadband)",
    "chess",
    "hobby: go",
    "Aino Lahti",
    "Hallituskatu 2, 50100 Mikkeli, FI",
    "text-1",
    "evt-ban",
    "evt-tv",
]
"""What every letter holds: S1 to S3 and S36 of the controller, and what is held (S35)."""


@pytest.mark.parametrize("language", Language)
def test_a_letter_holds_everything_that_is_held(report: Json, language: Language) -> None:
    """R60, S35: every part of the report; S1 to S3: the controller and the register."""
    page = to_html(written(report, language))
    for text in (*ALWAYS, *TOLD[language]):
        assert text in page, text
    assert f'<html lang="{language}">' in page


@pytest.mark.parametrize("language", Language)
def test_a_letter_shows_no_codes(report: Json, language: Language) -> None:
    """S35: a person can read it; no code of the contract is left untranslated."""
    body = "\n".join(texts(written(report, language)))
    codes = [code for code in (*Purpose, *Channel, *Audience, *Basis, *Denial) if "_" in code]
    for code in (*codes, "order.placed", "ban.placed", "billing.status-changed"):
        assert code not in body


@pytest.mark.parametrize("language", Language)
def test_each_section_says_that_nothing_is_held(language: Language) -> None:
    """S35: an empty section is told, not left out."""
    empty: Json = {
        "identity": [],
        "contact": {},
        "company": None,
        "orders": [],
        "billing": [],
        "profiling": {},
        "consents": [],
        "bans": [],
        "eligibility": None,
        "disclosures": [],
        "sources": [],
        "log": [],
    }
    letter = written(empty, language)
    say = words(language)
    nothing = [block for block in letter.blocks if block == Paragraph(say.text("text", "nothing"))]
    assert len(nothing) == 10
    assert Paragraph(say.text("sentence", "not_disclosed")) in letter.blocks
    assert list(letter.recipient) == []
    assert to_pdf(letter).data.startswith(b"%PDF-")


def test_a_business_contact_s_company_and_role() -> None:
    """S8: task and position in the company."""
    maija = business("Maija", "Korhonen", email="maija@example.fi")
    report = report_on(maija, events.profile(day(1), maija))
    page = to_html(written(report, Language.EN))
    for text in ("0112038-9", "IT manager", "Prospective business customer", "your role in the"):
        assert text in page
    assert list(written(report).recipient) == ["Maija Korhonen", "maija@example.fi"]


def test_a_report_from_before_these_fields_were_in_it_makes_a_letter(report: Json) -> None:
    """R60: reports wait on the topic for 30 days, those of an older version too."""
    for line in report["log"]:
        line.pop("holds", None)
    for line in report["disclosures"]:
        del line["partner_name"], line["name"], line["address"]
    page = to_html(written(report, Language.EN))
    assert "Partner partner-9" in page


def test_what_a_business_contact_s_events_still_hold() -> None:
    """R60, S8: a company and a role that newer ones have replaced; where they were found."""
    old = business("Maija", "Korhonen", role="Assistant", email="maija@example.fi")
    maija = business("Maija", "Korhonen", email="maija@example.fi")
    report = report_on(maija, events.listing(day(1), old), events.listing(day(2), maija))
    log = [block for block in written(report, Language.EN).blocks if isinstance(block, Table)][-1]
    assert log.rows[0][1:3] == [
        "Found in a directory\nOrigin: Directory\nListed in: A directory",
        "Name: Maija Korhonen\nRole: Contact person of a company\nE-mail: maija@example.fi\n"
        "Business id: 0112038-9\nTask or position: Assistant",
    ]


def test_what_the_law_wants_told_besides(report: Json) -> None:
    """S4: purposes; S28: what partners receive; S38: transfers; R26: retention; S37: rights."""
    letter = written(report, Language.EN)
    told = load().texts[Language.EN]
    assert Bullets(told.purposes) in letter.blocks
    assert Bullets(told.rights) in letter.blocks
    labelled = {block.label: block.text for block in letter.blocks if isinstance(block, Paragraph)}
    assert labelled["Recipients"] == told.recipients
    assert labelled["Transfers outside the EU and the EEA"] == told.transfers
    assert labelled["Retention"] == told.retention


def test_the_table_of_permissions_is_the_eligibility(report: Json) -> None:
    """R30: yes or no for each purpose and channel, with a ground by number."""
    table = next(
        block
        for block in written(report, Language.EN).blocks
        if isinstance(block, Table) and len(block.heads) == 6
    )
    rows = {row[0]: row[1:] for row in table.rows}
    assert [cell.split(" ")[0] for cell in rows["Newsletter"]] == ["Yes", "Yes", "No", "No", "Yes"]
    assert [bool(cell) for cell in rows["Disclosure to a partner"]] == [False] * 4 + [True]
    assert len(rows) == len(Purpose)


def test_nothing_that_somebody_said_becomes_markup() -> None:
    """S40: a name or an answer can't put anything but text into the page."""
    nasty = consumer("<script>alert(1)</script>", 'O"Brien & <b>', email="aino@example.fi")
    report = report_on(
        nasty, events.signup(day(1), nasty, scope("newsletter"), profiling={"<i>": "</td>&amp;"})
    )
    page = to_html(written(report))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "O&quot;Brien &amp; &lt;b&gt;" in page
    assert "&lt;/td&gt;&amp;amp;" in page
    assert "default-src 'none'" in page


# PDF


def assert_is_pdf(data: bytes) -> None:
    """The frame of the file holds: every object stands where the cross-reference says."""
    assert data.startswith(b"%PDF-1.")
    found = re.search(rb"startxref\n(\d+)\n%%EOF\s*$", data)
    assert found is not None
    table = data[int(found[1]) :]
    assert table.startswith(b"xref\n")
    offsets = re.findall(rb"(\d{10}) \d{5} n", table)
    assert offsets
    for number, offset in enumerate(offsets, start=1):
        assert data[int(offset) :].startswith(b"%d 0 obj" % number)


@pytest.mark.parametrize("language", Language)
def test_a_letter_as_pdf(report: Json, language: Language) -> None:
    """R60: a whole file with its font, and no sign missing."""
    pdf = to_pdf(written(report, language))
    assert_is_pdf(pdf.data)
    assert pdf.missing_signs == 0
    assert b"FiraSans" in pdf.data
    assert len(re.findall(rb"/Type /Page\b", pdf.data)) == 5


def test_the_same_letter_is_the_same_file(report: Json) -> None:
    """A letter can be written again and compared."""
    assert to_pdf(written(report)).data == to_pdf(written(report)).data


def test_signs_that_the_font_lacks_are_counted_and_not_logged(
    report: Json, caplog: pytest.LogCaptureFixture
) -> None:
    """S43: they come from a name, which belongs in no log."""
    report["contact"]["name"] = {"given": "美咲", "family": "Шевченко-Ångström"}
    pdf = to_pdf(written(report))
    assert pdf.missing_signs == 2
    assert "美" not in caplog.text


def test_long_words_and_long_logs_fit(report: Json) -> None:
    """However much is held: words without a space break, and tables go on over the pages."""
    report["profiling"]["x" * 300] = "y" * 2000
    report["log"] = report["log"] * 60
    pdf = to_pdf(written(report))
    assert_is_pdf(pdf.data)
    assert len(re.findall(rb"/Type /Page\b", pdf.data)) > 10


def test_a_row_that_is_longer_than_a_page_goes_on_over_the_next(report: Json) -> None:
    """R60: an order of a thousand lines, and a long answer in a narrow column of the log."""
    report["orders"][0]["lines"] *= 1000
    report["log"][0]["holds"]["profiling"]["hobby"] = "go and chess " * 500
    pdf = to_pdf(written(report))
    assert_is_pdf(pdf.data)
    assert len(re.findall(rb"/Type /Page\b", pdf.data)) > 20


# Words

EVENT_TYPES = [
    value
    for name, value in vars(facts).items()
    if name.isupper() and isinstance(value, str) and "." in value
]
"""Every type of event that is a fact about somebody."""


def test_every_language_has_the_same_words() -> None:
    """None of the three lacks a text that another has."""
    keys = {
        language: {(name, key) for name, part in words(language).sections.items() for key in part}
        for language in Language
    }
    assert keys[Language.FI] == keys[Language.SV] == keys[Language.EN]


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("purpose", Purpose),
        ("channel", Channel),
        ("audience", Audience),
        ("basis", Basis),
        ("denial", Denial),
        ("kind", Kind),
        ("language", Language),
        ("billing", BillingStatus),
        ("recipient", Recipient),
        ("form", Form),
        ("origin", ListingOrigin),
        ("event", EVENT_TYPES),
    ],
)
def test_every_code_has_a_word(section: str, codes: list[str]) -> None:
    """Every code of the contract, and every type of event that a log may hold."""
    assert set(codes) == words(Language.FI).sections[section].keys()


@pytest.mark.parametrize(
    ("cents", "fi", "en"),
    [
        (0, "0,00 €", "€0.00"),
        (1990, "19,90 €", "€19.90"),
        (-5, "−0,05 €", "−€0.05"),
        (123456789, "1 234 567,89 €", "€1,234,567.89"),
    ],
)
def test_money(cents: int, fi: str, en: str) -> None:
    """As each language writes it; Swedish as Finnish."""
    assert words(Language.FI).euros(cents) == words(Language.SV).euros(cents) == fi
    assert words(Language.EN).euros(cents) == en


def test_times_are_finnish() -> None:
    """Summer and winter, and the day that it was in Finland."""
    summer = datetime(2026, 6, 30, 21, 5, tzinfo=UTC)
    winter = datetime(2026, 12, 31, 22, 0, tzinfo=UTC)
    assert words(Language.FI).moment(summer) == "1.7.2026 klo 0.05"
    assert words(Language.SV).day(winter) == "1.1.2027"
    assert words(Language.EN).moment(winter) == "1 January 2027 0:00"
