"""`python -m ops.traceability [--check]`: write docs/traceability.md, and name what is untested."""

from typing import Annotated

import typer

from ops.traceability import PAGE, gaps, is_stale, read_sources, write


def main(
    check: Annotated[
        bool, typer.Option("--check", help="write nothing; exit 1 if stale or untested")
    ] = False,
) -> None:
    """Write docs/traceability.md from the mapping, the rules and the tests."""
    stale = is_stale() if check else write()
    if stale:
        print(f"{'stale' if check else 'written'}: docs/{PAGE.name}")
    found = gaps(read_sources())
    for gap in found:
        print(gap)
    if check and (stale or found):
        print("run: python -m ops.traceability")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
