"""The pages that people read first: links lead somewhere, and named commands exist."""

import re
from pathlib import Path

import pytest

from ops.notice import render

ROOT = Path(__file__).parents[2]
GENERATED = {path.name for path in render()} | {"traceability.md"}
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    # The normative pages are not this project's to change.
    if path.name not in {"contract.md", "rules.md", "obligations.md"}
)
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text_of(page: Path) -> str:
    """The page, with its code blocks."""
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Anchors of the page's headings, and those that it sets itself."""
    text = text_of(page)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), target


@EVERY_PAGE
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    named = re.findall(r"(?:`|^)make ([a-z][\w-]*)", text_of(page), re.MULTILINE)
    assert set(named) <= targets


@EVERY_PAGE
def test_modules_exist(page: Path) -> None:
    for module in re.findall(r"python -m ([a-z][\w.]*\w)", text_of(page)):
        path = ROOT.joinpath(*module.split("."))
        assert (path / "__main__.py").exists() or path.with_suffix(".py").exists(), module


@EVERY_PAGE
def test_files_exist(page: Path) -> None:
    """Files of the repository that a page names in code."""
    folders = "schemas|topics|register|workers|ops|bench|tests|docs"
    named = re.findall(rf"`((?:{folders})/[\w./-]+)`", text_of(page))
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_the_index_lists_every_page() -> None:
    index = text_of(ROOT / "docs" / "README.md")
    listed = set(re.findall(r"\]\(([\w.-]+)\)", index))
    there = {path.name for path in (ROOT / "docs").iterdir() if not path.name.startswith(".")}
    assert there - {"README.md"} <= listed


def test_generated_pages_say_so() -> None:
    for name in GENERATED:
        assert "`python -m ops." in text_of(ROOT / "docs" / name)


def test_the_example_settings_name_every_secret_of_the_compose_file() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", compose))
    given = set(re.findall(r"^([A-Z_]+)=", text_of(ROOT / ".env.example"), re.MULTILINE))
    assert asked <= given
