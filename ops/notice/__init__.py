"""The register notice, the record of processing and the decision table, out of the code.

`python -m ops.notice` writes them into `docs/`, `--check` says which are stale
(`tests/unit/test_notice.py` does the same). They are made from `register/controller.toml`, the
closed vocabularies of `schemas.terms`, the topics' declarations, the decision table and the
rules' settings, with the words of `wording/*.toml`: what the code may do is what the notice
says (S50).

It is in `ops`, not in `register`: it reads every package, no package reads it, and the register
runs without it.
"""

from pathlib import Path

from ops.notice.notice import notice
from ops.notice.record import record
from ops.notice.table import decision_table
from ops.notice.wording import LANGUAGES, load_wording
from register.controller import load
from register.rules.settings import RuleSettings

DOCS = Path(__file__).parents[2] / "docs"


def render() -> dict[Path, str]:
    """Every generated page's path and the text it should have."""
    controller, settings = load(), RuleSettings()
    pages = {DOCS / "decision-table.md": decision_table(load_wording("en"))}
    for language in LANGUAGES:
        wording = load_wording(language)
        pages[DOCS / f"notice.generated.{language}.md"] = notice(controller, settings, wording)
        pages[DOCS / f"processing-record.{language}.md"] = record(controller, settings, wording)
    return pages


def stale() -> list[Path]:
    """The generated pages that are missing or differ."""
    return [
        path
        for path, text in render().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def write() -> list[Path]:
    """Bring the pages up to date; returns those that were written."""
    changed, pages = stale(), render()
    for path in changed:
        path.write_text(pages[path], encoding="utf-8")
    return changed
