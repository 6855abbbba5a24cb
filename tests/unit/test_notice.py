"""The generated notices are fresh, whole, and say what the code does."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from ops.notice import DOCS, render, stale
from ops.notice.facts import bases_of, messages_kept, retentions, span
from ops.notice.notice import notice
from ops.notice.wording import LANGUAGES, Wording, WordingError, load_wording, problems
from register.controller import load
from register.rules.settings import RuleSettings
from schemas.docs.contract import codes
from schemas.terms import Audience, Basis, Channel, Language, Purpose
from topics import TOPICS
from topics.declarations import BACKUPS_KEPT

EVERY_LANGUAGE = pytest.mark.parametrize("language", LANGUAGES)


def page(name: str) -> str:
    """A committed page."""
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_pages_are_fresh() -> None:
    """S50: the notice is made anew whenever what it tells of changes."""
    assert stale() == [], "run: make docs"


@EVERY_LANGUAGE
def test_every_value_of_the_code_has_a_word(language: Language) -> None:
    assert problems(load_wording(language)) == []


def test_a_value_without_a_word_is_found() -> None:
    english = load_wording(Language.EN)
    without = dict(english.words) | {"channel": {**english.words["channel"], "fax": "fax"}}
    del without["purpose"]
    found = problems(Wording(Language.EN, without))
    assert "en: channel.fax is no value" in found
    assert {f"en: no word for purpose.{purpose}" for purpose in Purpose} <= set(found)
    with pytest.raises(WordingError, match=r"en\.toml: no word for purpose\.newsletter"):
        Wording(Language.EN, without).of("purpose", "newsletter")


def test_every_language_has_the_same_words() -> None:
    keys = {
        language: {table: words.keys() for table, words in load_wording(language).words.items()}
        for language in LANGUAGES
    }
    assert keys[Language.FI] == keys[Language.EN]


@EVERY_LANGUAGE
def test_the_notice_says_who_keeps_which_register(language: Language) -> None:
    """S1, S2, S3: controller, contact, name; S36: where a signed request goes."""
    text, controller = page(f"notice.generated.{language}.md"), load()
    boxes = controller.mailboxes
    told = [
        controller.name,
        ", ".join(controller.address.lines),
        boxes.general,
        boxes.business_customers,
        boxes.customer_service,
        controller.contact.name,
        controller.contact.email,
        controller.register_name,
        "\\\n".join(controller.access_requests.lines),
    ]
    assert [one for one in told if one not in text] == []


@EVERY_LANGUAGE
def test_the_notice_answers_every_obligation(language: Language) -> None:
    """S50: purposes, groups, recipients, transfers, protection and all the rest."""
    named = set(re.findall(r"\bS\d+\b", page(f"notice.generated.{language}.md")))
    assert named == {f"S{number}" for number in range(1, 51)}


@EVERY_LANGUAGE
def test_nothing_is_left_to_fill_in(language: Language) -> None:
    for name in (f"notice.generated.{language}.md", f"processing-record.{language}.md"):
        assert not re.search(r"[{}]", page(name))


@EVERY_LANGUAGE
def test_the_record_names_every_topic_and_how_long_it_keeps(language: Language) -> None:
    text, wording = page(f"processing-record.{language}.md"), load_wording(language)
    for topic in TOPICS.values():
        kept = topic.retention
        words = wording.of("unit", "latest") if kept is None else span(kept, wording)
        assert re.search(
            rf"^\| `{re.escape(topic.name)}` \|.*\| {re.escape(words)} \|$", text, re.M
        )


def test_the_controllers_text_agrees_with_the_retention() -> None:
    """R26: "six years" in words is what the setting says."""
    years = {Language.FI: "kuusi vuotta", Language.EN: "six years", Language.SV: "sex år"}
    assert span(RuleSettings().former_customer_retention, load_wording("en")) == "6 years"
    for language, words in years.items():
        assert words in load().texts[language].retention


@pytest.mark.parametrize("language", Language)
def test_the_controllers_text_agrees_with_the_backups(language: Language) -> None:
    """S45: how long what is erased stands in backups."""
    unit = {Language.FI: "vuorokautta", Language.EN: "days", Language.SV: "dygn"}[language]
    assert f"{BACKUPS_KEPT.days} {unit}" in load().texts[language].retention


@EVERY_LANGUAGE
def test_both_pages_say_how_long_everything_is_kept(language: Language) -> None:
    """R1, R24, R27, S45: no line of the wording is left out."""
    wording = load_wording(language)
    told = dict([*retentions(RuleSettings(), wording), messages_kept(wording)])
    lines = {key for key in wording.words["text"] if f"{key}_time" in wording.words["text"]}
    assert told.keys() == {wording.text(key) for key in lines}
    in_notice = page(f"notice.generated.{language}.md")
    in_record = page(f"processing-record.{language}.md")
    for what, how_long in retentions(RuleSettings(), wording):
        assert f"| {what} | {how_long} |" in in_notice
        assert f"| {what} | {how_long} |" in in_record
    assert f"| {' | '.join(messages_kept(wording))} |" in in_notice


def test_a_ban_on_collecting_ends_the_data_of_those_only_who_never_ordered() -> None:
    """R24: of business contacts too."""
    told = dict(retentions(RuleSettings(), load_wording("en")))
    assert "until the person bans" in told["data on a business contact who has never ordered"]
    assert "until the person bans" not in told["data on a business contact who has ordered"]


@EVERY_LANGUAGE
def test_employees_and_references_are_in_both_pages(language: Language) -> None:
    """S7, S40: whose names stand beside bans, merges and dead letters."""
    employees = load_wording(language).text("employees")
    for name in (f"notice.generated.{language}.md", f"processing-record.{language}.md"):
        assert f"- {employees}\n" in page(name)
        assert all(f"- {group}\n" in page(name) for group in load().texts[language].data_groups)


def test_the_notice_asks_for_a_signature_only_where_the_setting_does() -> None:
    """R60."""
    english, signed = load_wording("en"), RuleSettings(access_requires_signature=True)
    assert "accepted without a signature" in notice(load(), RuleSettings(), english)
    assert "accepted without a signature" not in notice(load(), signed, english)


@pytest.mark.parametrize(
    ("days", "words"), [(3652, "10 years"), (365, "1 year"), (400, "400 days")]
)
def test_another_retention_shows(days: int, words: str) -> None:
    """R26."""
    settings = replace(RuleSettings(), former_customer_retention=timedelta(days=days))
    told = notice(load(), settings, load_wording("en"))
    assert f"| {words} after the end of the relationship |" in told


def test_bases_follow_from_the_decision_table() -> None:
    """R30, R32, R33, R35."""
    marketing = {*Basis} - {Basis.CONTRACT}
    assert set(bases_of(Purpose.NEWSLETTER)) == marketing
    assert Basis.SOFT_OPT_IN not in bases_of(Purpose.MARKET_RESEARCH)
    assert Basis.SOFT_OPT_IN not in bases_of(Purpose.PARTNER_MARKETING)
    assert bases_of(Purpose.SERVICE_NOTICE) == [Basis.CONTRACT]


# The words of the decision table's page, by the codes of docs/rules.md.
WORD = {
    "S": "consent, or soft opt-in",
    "C": "consent",
    "O": "until banned",
    "B": "role, or consent",
}


def rules_table() -> dict[str, list[str]]:
    """The table of docs/rules.md, section 3: codes per audience (R30)."""
    rows = re.findall(r"^\| ((?:consumer|business)_[^|]+?) \| (.+) \|$", page("rules.md"), re.M)
    return {name: [cell.split(",")[0] for cell in cells.split(" | ")] for name, cells in rows}


def rendered(purpose: Purpose) -> dict[str, list[str]]:
    """A purpose's table on the decision table's page: words per group."""
    section = page("decision-table.md").split(f"## `{purpose}`")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: row[1:] for row in rows[2:]}


def test_the_decision_table_shows_what_the_rules_say() -> None:
    """R30: the page, made of the data that decides, beside the normative table."""
    wanted = {name: [WORD[code] for code in row] for name, row in rules_table().items()}
    assert len(wanted) == 4
    shown, english = rendered(Purpose.NEWSLETTER), load_wording("en")
    assert len(shown) == 6
    for names, words in wanted.items():
        for name in names.split(", "):
            audience = Audience(name.split(" ")[0])
            kind = "business contact" if names.startswith("business") else "consumer"
            group = english.of("audience", audience)
            if audience is Audience.FORMER_CUSTOMER:
                group = f"{group} ({kind})"
            assert shown[group] == words, name


def test_the_decision_table_says_what_a_purpose_changes() -> None:
    """R32, R33, R34, R35 and R31."""
    customers = load_wording("en").of("audience", Audience.CONSUMER_CUSTOMER)
    prospects = load_wording("en").of("audience", Audience.CONSUMER_PROSPECT)
    assert rendered(Purpose.MARKET_RESEARCH)[customers][0] == "until banned"
    assert rendered(Purpose.PARTNER_MARKETING)[customers][0] == "consent"
    assert rendered(Purpose.DISCLOSURE)[customers] == ["–"] * 4 + ["until banned"]
    assert rendered(Purpose.SERVICE_NOTICE)[customers] == ["contract"] * len(Channel)
    assert rendered(Purpose.SERVICE_NOTICE)[prospects] == ["never"] * len(Channel)
    assert "R31" in codes_and_rules()


def codes_and_rules() -> set[str]:
    """The rules that the decision table's page names."""
    return set(re.findall(r"\bR\d+\b", page("decision-table.md")))


def test_every_page_is_generated() -> None:
    assert {path.name for path in render()} == {
        "decision-table.md",
        *(f"notice.generated.{language}.md" for language in LANGUAGES),
        *(f"processing-record.{language}.md" for language in LANGUAGES),
    }
    assert codes(page("decision-table.md"))
