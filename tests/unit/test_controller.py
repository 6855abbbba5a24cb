"""The controller's file says what the notice says (S1 to S3, S36, S50)."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from register.controller import ControllerError, Texts, load
from schemas.docs.events import DOCS
from schemas.terms import Language

NOTICE = " ".join((DOCS / "notice.fi.txt").read_text("utf-8").split())
FILE = Path(__file__).parents[2] / "register" / "controller.toml"


def test_names_and_addresses_are_the_notice_s() -> None:
    """S1: controller and mailboxes; S2: contact; S3: register; S36: where requests go."""
    controller = load()
    told = [
        controller.name,
        controller.phone,
        controller.register_name,
        ", ".join(controller.address.lines),
        *(getattr(controller.mailboxes, field.name) for field in fields(controller.mailboxes)),
        f"{controller.contact.name}, {', '.join(controller.contact.address.lines)}",
        controller.contact.email,
        " ".join(controller.access_requests.lines),
    ]
    for text in told:
        assert text in NOTICE


def test_every_purpose_of_the_notice_is_told() -> None:
    """S4: as many purposes in every language as the notice lists."""
    texts = load().texts
    assert {len(texts[language].purposes) for language in Language} == {8}
    assert {len(texts[language].rights) for language in Language} == {4}


@pytest.mark.parametrize("language", Language)
def test_no_text_is_empty(language: Language) -> None:
    """S50: purposes, groups, recipients, transfers, protection, in every language."""
    texts = load().texts[language]
    assert all(getattr(texts, field.name) for field in fields(Texts))


def test_the_supervisory_authority_is_named_in_every_language() -> None:
    """S35: where to complain."""
    names = {load().texts[language].authority.name for language in Language}
    assert len(names) == len(Language)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: text.replace("phone =", "telephone =", 1), "phone"),
        (lambda text: text.replace("[texts.sv.authority]", "[texts.sv.office]"), "texts.sv"),
        (lambda text: text.replace("[texts.en", "[texts.de"), "texts.de"),
        (lambda text: text[: text.index("[texts.en]")], "no en"),
        (lambda text: text.replace('"MPY"', "7", 1), "short_name"),
        (lambda _: "name = ", "controller.toml"),
    ],
)
def test_an_error_says_where(change: Callable[[str], str], named: str, tmp_path: Path) -> None:
    """A letter with a text missing is never written."""
    file = tmp_path / "controller.toml"
    file.write_text(change(FILE.read_text("utf-8")), "utf-8")
    with pytest.raises(ControllerError, match=named):
        load(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ControllerError, match=r"none\.toml"):
        load(tmp_path / "none.toml")
