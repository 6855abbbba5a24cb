"""The little Markdown that the pages need."""

from collections.abc import Iterable, Sequence


def items(texts: Iterable[str]) -> str:
    """A bulleted list."""
    return "\n".join(f"- {text}" for text in texts)


def lines(texts: Iterable[str]) -> str:
    """Lines of an address, kept apart."""
    return "\\\n".join(texts)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a `|` in a cell is escaped."""
    made = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in made)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def paragraphs(*parts: str) -> str:
    """Parts with an empty line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part)
