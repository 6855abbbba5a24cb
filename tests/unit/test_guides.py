"""The guides name every code there is, and their snippets do what they say."""

import re
from pathlib import Path
from typing import Any

import pytest

from schemas.docs.contract import codes
from schemas.docs.events import DOCS, example
from schemas.terms import Basis, Denial
from topics import INBOUND, TOPICS

ROOT = DOCS.parent
PUBLISHING = (DOCS / "publishing.md").read_text(encoding="utf-8")
CONSUMING = (DOCS / "consuming.md").read_text(encoding="utf-8")


def first_cells(guide: str) -> set[str]:
    """What stands in back ticks in the first cell of a guide's table rows."""
    return {
        code for line in guide.splitlines() if line[:1] == "|" for code in codes(line.split("|")[1])
    }


def in_source(pattern: str) -> set[str]:
    """What a pattern captures in the project's Python files."""
    files = [path for part in ("schemas", "register", "workers") for path in sources(part)]
    return {match for path in files for match in re.findall(pattern, path.read_text("utf-8"))}


def sources(part: str) -> list[Path]:
    """The Python files of a top-level package."""
    return sorted((ROOT / part).rglob("*.py"))


def test_publishing_explains_every_dead_letter_code() -> None:
    raised = in_source(r'Unreadable\(\s*"([a-z_]+)"')
    assert {"null_value", "too_large", "malformed_json"} <= raised
    assert raised <= first_cells(PUBLISHING)


def test_publishing_explains_every_refusal() -> None:
    assert in_source(r'\("R\d+", "([a-z_]+)"\)') <= first_cells(PUBLISHING)


def test_publishing_names_every_inbound_topic_and_type() -> None:
    named = set(codes(PUBLISHING))
    assert {topic.name for topic in INBOUND} <= named
    assert {name for topic in INBOUND for name in topic.types} <= named


def test_consuming_explains_every_basis_and_reason() -> None:
    assert {*Basis, *Denial} <= first_cells(CONSUMING)


@pytest.mark.parametrize("guide", [PUBLISHING, CONSUMING], ids=["publishing", "consuming"])
def test_links_and_topics_exist(guide: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", guide):
        assert (DOCS / target).exists(), target
    for target in re.findall(r"\bdocs/[\w./-]+\.json", guide):
        assert (ROOT / target).exists(), target
    assert set(re.findall(r"(?:-t|--topic) (\S+)", guide)) <= TOPICS.keys()


@pytest.fixture
def reader() -> dict[str, Any]:
    """The names that the snippets of consuming.md define."""
    names: dict[str, Any] = {}
    for snippet in re.findall(r"```python\n(.*?)```", CONSUMING, re.DOTALL):
        exec(compile(snippet, "consuming.md", "exec"), names)
    return names


def record(version: int) -> bytes:
    """A message of marketing.eligibility, of which only the version matters."""
    return b'{"data": {"version": %d}}' % version


def test_the_reader_keeps_the_highest_version_and_forgets(reader: dict[str, Any]) -> None:
    for version in (1, 3, 2, 3):
        reader["keep"](b"c-1", record(version))
    assert reader["held"] == {"c-1": {"version": 3}}
    reader["keep"](b"c-1", None)
    assert reader["held"] == {}


@pytest.mark.parametrize(
    ("purpose", "channel", "group", "product", "allowed"),
    [
        ("offers", "email", "broadband", None, True),
        ("offers", "email", "Broadband", None, True),
        ("offers", "email", "tv", None, False),
        ("offers", "email", "mobile", None, False),
        ("offers", "post", "mobile", None, True),
        ("offers", "phone", "broadband", None, False),
        ("offers", "email", "broadband", "tv", False),
        ("newsletter", "email", "tv", None, True),
        ("disclosure", "email", "broadband", None, False),
    ],
)
def test_the_reader_decides_as_the_message_says(
    reader: dict[str, Any],
    purpose: str,
    channel: str,
    group: str,
    product: str | None,
    allowed: bool,
) -> None:
    data = example("eligibility.updated")["data"]
    assert reader["may_contact"](data, purpose, channel, group, product) is allowed
