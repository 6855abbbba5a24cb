"""What a letter consists of, whatever it is rendered to. Every text is plain, never markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.terms import Language


@dataclass(frozen=True, slots=True)
class Heading:
    """A section's heading."""

    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; a label, if any, stands before it as a small heading."""

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of points."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """Notes, numbered from 1."""

    items: Sequence[str]


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of a letter: who greets, line by line."""

    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and values, one pair a line."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; `widths` are shares of the page's width."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]


Block = Heading | Paragraph | Bullets | Numbered | Pairs | Table | Closing


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter: head, recipient, body, and a foot for every page.

    `page` is a pattern with {page} and {pages}; `written` dates the file itself.
    """

    language: Language
    title: str
    sender: Sequence[str]
    recipient: Sequence[str]
    reference: Sequence[tuple[str, str]]
    blocks: Sequence[Block]
    foot: Sequence[str]
    page: str
    written: datetime
