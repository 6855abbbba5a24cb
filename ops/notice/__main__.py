"""`python -m ops.notice [--check]`: write the notices and the decision table, or name old ones."""

import sys
from typing import Annotated

import typer

from ops.notice import DOCS, stale, write
from ops.notice.wording import WordingError
from register.controller import ControllerError


def main(
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; exit 1 if a page is stale")
    ] = False,
) -> None:
    """Write docs/notice.generated.*.md, docs/processing-record.*.md and docs/decision-table.md."""
    try:
        changed = stale() if check else write()
    except (ControllerError, WordingError) as error:
        print(f"notice: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    word = "stale" if check else "written"
    for path in changed:
        print(f"{word}: {path.relative_to(DOCS.parent)}")
    if check and changed:
        print("run: python -m ops.notice")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
