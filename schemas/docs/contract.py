"""Reads the tables of `docs/contract.md`, so that its wording is written once."""

import re
from collections.abc import Iterator
from pathlib import Path

CONTRACT = Path(__file__).parents[2] / "docs" / "contract.md"

_CELL_BORDER = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`]+)`")


def table(heading: str) -> list[list[str]]:
    r"""The rows of the table under a `## heading`, without its head; `\|` becomes `|`.

    Raises `LookupError` where the page has no such heading or no table under it.
    """
    rows = [
        [cell.strip().replace("\\|", "|") for cell in _CELL_BORDER.split(line)[1:-1]]
        for line in _section(heading)
        if line.startswith("|")
    ]
    if len(rows) < 3:
        raise LookupError(f"no table under {heading!r} in {CONTRACT.name}")
    return rows[2:]


def json_blocks(heading: str) -> list[str]:
    """The fenced json blocks under a `## heading`."""
    return re.findall(r"```json\n(.*?)```", "\n".join(_section(heading)), re.DOTALL)


def codes(cell: str) -> list[str]:
    """What stands between back ticks in a cell."""
    return _CODE.findall(cell)


def attributes() -> dict[str, str]:
    """CloudEvents attribute → what the contract says of it."""
    return {codes(name)[0]: meaning for name, meaning in table("Envelope")}


def inbound_data() -> dict[str, str]:
    """Inbound type → what the contract says of its `data`."""
    return {
        name: meaning for names, meaning in table("Inbound types: `data`") for name in codes(names)
    }


def _section(heading: str) -> Iterator[str]:
    lines = iter(CONTRACT.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line == f"## {heading}":
            break
    else:
        raise LookupError(f"no heading {heading!r} in {CONTRACT.name}")
    for line in lines:
        if line.startswith("## "):
            return
        yield line
