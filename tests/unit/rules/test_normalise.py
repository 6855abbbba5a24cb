"""One spelling for each phone number, address, name and identifier (R28, R50, R53 to R55)."""

import string
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.rules import normalise
from register.rules.normalise import Invalid

# Phone numbers

SPELLINGS = [
    "0401234567",
    "040 123 4567",
    "040-1234567",
    "(040) 123 4567",
    "+358401234567",
    "+358 40 123 4567",
    "+358 (0)40 123 4567",
    "00358 40 123 4567",
    " 040 1234567 ",
    "040.123.4567",
    "040–123–4567",
]


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_number_is_one_in_every_spelling(spelled: str) -> None:
    """R53."""
    assert normalise.phone(spelled) == "+358401234567"


@pytest.mark.parametrize(
    ("spelled", "e164"),
    [
        ("018 12345", "+3581812345"),
        ("+358 18 12345", "+3581812345"),
        ("+46 70 123 45 67", "+46701234567"),
        ("09 1234567", "+35891234567"),
    ],
)
def test_aland_abroad_and_landlines(spelled: str, e164: str) -> None:
    """R53: Åland is part of the default region, other countries name theirs."""
    assert normalise.phone(spelled) == e164


@pytest.mark.parametrize(
    "text",
    [
        "",
        "040",
        "12345",
        "040 123 4567 / 050 765 4321",
        "040-1234567/8",
        "+358401234567 / 2",
        "040 123 4567, 050 765 4321",
        "0401234567 0507654321",
        "040 123 4567 (työ)",
        "040 123 4567 ext 5",
        "tel:+358401234567",
        "+999 123 456 789",
    ],
)
def test_what_is_not_exactly_one_number_is_invalid(text: str) -> None:
    """R53."""
    with pytest.raises(Invalid):
        normalise.phone(text)


@given(
    st.sampled_from(["40", "41", "44", "45", "50"]),
    st.integers(1_000_000, 9_999_999),
    st.lists(st.sampled_from(["", "", " ", "-", "."]), min_size=7, max_size=7),
    st.sampled_from(["0", "+358", "+358 ", "00358", "+358 (0)"]),
)
def test_separators_and_prefixes_never_matter(
    operator: str, number: int, separators: list[str], prefix: str
) -> None:
    """R53: a ban on a number binds it in every spelling."""
    digits = "".join(
        digit + mark for digit, mark in zip(str(number), separators, strict=True)
    ).rstrip(" -.")
    assert normalise.phone(f"{prefix}{operator} {digits}") == f"+358{operator}{number}"


@given(st.text(alphabet=string.digits + "+ -()/.", max_size=24))
def test_normalising_a_number_twice_changes_nothing(text: str) -> None:
    """R53."""
    try:
        once = normalise.phone(text)
    except Invalid:
        return
    assert normalise.phone(once) == once
    assert once.isascii()


# E-mail addresses

LOCAL = st.text(alphabet="abzåäöÅÄÖABZ09_.-", min_size=1, max_size=12).filter(
    lambda text: text[0] not in ".-" and text[-1] not in ".-" and ".." not in text
)


def test_mail_goes_to_the_address_as_given() -> None:
    """R54."""
    assert normalise.email(" Aino.Virtanen+Shop@Example.fi ") == "Aino.Virtanen+Shop@Example.fi"


@pytest.mark.parametrize(
    "text",
    ["", "aino", "aino@", "@example.fi", "aino@example", "a b@example.fi", "a@b@example.fi",
     "aino@example.fi, ville@example.fi", "Aino <aino@example.fi>", "aino@example..fi"],
)  # fmt: skip
def test_what_is_no_address_is_invalid(text: str) -> None:
    """R54."""
    with pytest.raises(Invalid):
        normalise.email(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("aino@example.fi", "AINO@EXAMPLE.FI"),
        ("aino@example.fi", "aino+shop@example.fi"),
        ("aino@example.fi", "aino+shop+more@example.fi"),
        ("väinö@example.fi", unicodedata.normalize("NFD", "väinö@example.fi")),
        ("aino@työ.example.fi", "aino@xn--ty-gka.example.fi"),
        ("aino.example.fi@gmail.com", "ainoexamplefi@gmail.com"),
        ("ainoexamplefi@gmail.com", "Aino.ExampleFi+shop@googlemail.com"),
    ],
)
def test_bans_take_these_for_one_address(one: str, other: str) -> None:
    """R54: generously, since a mistake may only suppress."""
    assert normalise.email_generous(one) == normalise.email_generous(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.ino@example.fi", "aino@example.fi"),
        ("aino@example.fi", "aino@shop.example.fi"),
        ("aino-shop@example.fi", "aino@example.fi"),
        ("väinö@example.fi", "vaino@example.fi"),
    ],
)
def test_bans_tell_these_apart(one: str, other: str) -> None:
    """R54: dots count outside gmail, and an accent is a letter of its own."""
    assert normalise.email_generous(one) != normalise.email_generous(other)


def test_consents_compare_by_case_only() -> None:
    """R54."""
    exact = normalise.email_exact
    assert exact("Aino@Example.fi") == exact("aino@example.fi")
    assert exact("aino+shop@example.fi") != exact("aino@example.fi")
    assert exact("aino.example.fi@gmail.com") != exact("ainoexamplefi@gmail.com")


@given(LOCAL, st.text(alphabet="abc+", max_size=6))
def test_neither_case_nor_tag_nor_composition_matters_to_a_ban(local: str, tag: str) -> None:
    """R54."""
    plain = normalise.email_generous(f"{local}@example.fi")
    for spelled in (local.upper(), local.swapcase(), unicodedata.normalize("NFD", local)):
        assert normalise.email_generous(f"{spelled}@Example.FI") == plain
    assert normalise.email_generous(f"{local}+{tag}@example.fi") == plain


@given(st.sampled_from("αειουΐΰάέήίϊϋςß"), st.sampled_from([str.upper, str.title, str.casefold]))
def test_case_folds_in_every_alphabet(letter: str, spell: Callable[[str], str]) -> None:
    """R54: case, then composition: `ΐ` and its three capital code points are one letter."""
    respelled = f"a{spell(letter)}@example.fi"
    assert normalise.email_generous(respelled) == normalise.email_generous(f"a{letter}@example.fi")


@given(LOCAL.map(lambda local: f"{local}@example.fi"))
def test_folding_an_address_twice_changes_nothing(address: str) -> None:
    """R54."""
    once = normalise.email_generous(address)
    assert normalise.email_generous(once) == once
    assert normalise.email_exact(normalise.email_exact(address)) == normalise.email_exact(address)


# Business ids

WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


def check_digit(digits: str) -> int | None:
    """R55, from its own words; None where the number has no check digit."""
    remainder = sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=True)) % 11
    if remainder == 1:
        return None
    return 0 if remainder == 0 else 11 - remainder


@given(st.integers(0, 9_999_999), st.integers(0, 9))
def test_the_check_digit_decides(number: int, digit: int) -> None:
    """R55."""
    written = f"{number:07}-{digit}"
    if check_digit(f"{number:07}") == digit:
        assert normalise.business_id(written) == written
    else:
        with pytest.raises(Invalid):
            normalise.business_id(written)


def test_a_six_digit_form_is_padded() -> None:
    """R55."""
    assert normalise.business_id(" 112038-9 ") == "0112038-9"


@pytest.mark.parametrize(
    "text",
    ["", "0112038", "01120389", "0112038-8", "0112038–9", "FI01120389", "12038-9", "0112038-9x",
     "0112038-９", "１２３４５６７-１"],
)  # fmt: skip
def test_other_forms_are_invalid(text: str) -> None:
    """R55: digits are ASCII digits, since the stored form is `1234567-8`."""
    with pytest.raises(Invalid):
        normalise.business_id(text)


# Names, postal addresses, products


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Aino", "Virtanen"), (" AINO ", "virtanen")),
        (("Matti Olavi", "Mäkelä"), ("MattiOlavi", "Makela")),
        (("Zoë", "Öst"), (unicodedata.normalize("NFD", "Zoë"), "ost")),
    ],
)
def test_names_fold_case_spaces_and_accents(one: tuple[str, str], other: tuple[str, str]) -> None:
    """R50."""
    assert normalise.name(*one) == normalise.name(*other)


def test_names_are_compared_part_by_part() -> None:
    """R50: what moves from one part to the other makes another name."""
    assert normalise.name("Aino", "Virtanen") != normalise.name("Virtanen", "Aino")
    assert normalise.name("Ai", "noVirtanen") != normalise.name("Aino", "Virtanen")
    assert normalise.name("Aino", None) != normalise.name("Aino", "Virtanen")


def test_postal_addresses_fold_alike() -> None:
    """R8: a banned address binds in every spelling of it."""
    one = normalise.address("Mikonkatu 16", "50100", "Mikkeli", "FI")
    assert normalise.address("MIKONKATU  16", "50 100", "mikkeli", "fi") == one
    assert normalise.address("Mikonkatu 1", "650100", "Mikkeli", "FI") != one


@given(st.text(max_size=20), st.text(max_size=20))
def test_folding_a_name_twice_changes_nothing(given_name: str, family: str) -> None:
    """R50."""
    once = normalise.name(given_name, family).split("|", 1)
    if "|" not in given_name + family:
        assert normalise.name(*once) == "|".join(once)


# Personal identity codes: individual numbers from 900 on are never given out

CODES = ["010594Y9032", "010594Y9021", "020594X903P", "030594W903B", "050594U903M", "010516B903X",
         "020516C903K", "030516D9037", "010501E9032", "020503F9037", "020504A902E"]  # fmt: skip


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_found_in_any_text(code: str) -> None:
    """R28: also beside letters, and in lower case."""
    for text in (code, code.lower(), f"hetu:{code}", f"x{code}y", f"({code})", f"1-{code} / 2"):
        assert normalise.has_identity_code(text)


@pytest.mark.parametrize(
    "text",
    ["", "010594Y9033", "010594-903", "310294-9035", "2010594Y9032", "050-7654321", "0112038-9",
     "2026-03-01T00:00:00+00:00", "order-010594",
     "00-0a7211e62ff6669cb641f070819c143f-09bc434d32bd1152-01",
     "5f020516-903b-4000-8000-000000000000"],
)  # fmt: skip
def test_other_numbers_are_no_codes(text: str) -> None:
    """R28: a false alarm would turn a message away."""
    assert not normalise.has_identity_code(text)


# Anything at all


@pytest.mark.parametrize(
    "normal",
    [normalise.phone, normalise.email, normalise.email_generous, normalise.business_id],
)
@given(
    text=st.one_of(
        st.text(max_size=40),
        st.text(alphabet="+0123456789 ()-", max_size=20),
        st.text(max_size=12).map(lambda local: f"{local}@example.fi"),
    )
)
def test_arbitrary_text_is_normal_or_invalid(normal: Callable[[str], str], text: str) -> None:
    """R53 to R55: nothing but `Invalid` is raised, and it holds no value."""
    try:
        normal(text)
    except Invalid as error:
        assert not error.args  # noqa: PT017 - the other outcome is as good


@given(st.text(max_size=60))
def test_arbitrary_text_breaks_no_comparison(text: str) -> None:
    """R28, R50."""
    normalise.name(text, text)
    normalise.address(text, text, text, text)
    assert normalise.product(text) == normalise.product(f" {text.upper().casefold()} ")
    normalise.has_identity_code(text)
