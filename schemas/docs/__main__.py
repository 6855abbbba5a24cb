"""`python -m schemas.docs [--check]`: write the generated docs, or say which are stale."""

from typing import Annotated

import typer

from schemas.docs import stale, write
from schemas.docs.events import DOCS


def main(
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; exit 1 if a file is stale")
    ] = False,
) -> None:
    """Write docs/schemas/*.json and docs/asyncapi.yaml from the contract's models."""
    changed = stale() if check else write()
    word = "stale" if check else "written"
    for path in changed:
        print(f"{word}: {path.relative_to(DOCS.parent)}")
    if check and changed:
        print("run: python -m schemas.docs")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
