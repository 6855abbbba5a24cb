"""`python -m schemas.compat [--release VERSION]`: does the contract fit every released one?"""

from typing import Annotated

import typer

from schemas.compat.released import broken_by_today, release, versions

ADVICE = """\
Nothing that a released contract names is dropped, renamed, or made to mean something else.
Add instead: an optional field, a new type of event, an alternative. Readers who shall expect new
values of an enum must be told so first (docs/consuming.md, OPEN_ENUMS in schemas/compat)."""


def main(
    version: Annotated[
        str | None,
        typer.Option("--release", metavar="VERSION", help="Keep today's contract as released."),
    ] = None,
) -> None:
    """Compare docs/schemas with each contract in tests/data/contract; exit code 1 if one breaks."""
    broken = [line for folder in versions() for line in broken_by_today(folder)]
    for line in broken:
        print(line)
    if broken:
        print(ADVICE)
        raise typer.Exit(1)
    if version is not None:
        print(f"kept as {release(version)}; commit it")


if __name__ == "__main__":
    typer.run(main)
