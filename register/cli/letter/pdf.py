"""A letter as a PDF on A4, in pure Python, with its font embedded."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from register.cli.letter.document import (
    Block,
    Bullets,
    Closing,
    Heading,
    Letter,
    Numbered,
    Pairs,
    Paragraph,
    Table,
)

_FONT = "Fira Sans"
_INK, _BLUE, _GREY, _LINE = (28, 36, 48), (18, 73, 107), (74, 88, 102), (201, 212, 220)

# Millimetres, but for the sizes of letters, which are points.
_MARGIN, _FOOT = 20.0, 22.0
_RECIPIENT_TOP, _TITLE_TOP = 48.0, 84.0
_BODY, _SMALL, _TABLE = 10.0, 8.0, 9.0
_LEADING = 4.9
_TABLE_LEADING = 4.4

_ROW_LINES = 40
"""A row of more lines is cut: fpdf writes no row that takes more than a page."""

# It would tell of signs that the font lacks, and those come from names: we count them instead.
logging.getLogger("fpdf.output").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Pdf:
    """The file, and how many different signs of the letter its font cannot show."""

    data: bytes
    missing_signs: int


def to_pdf(letter: Letter) -> Pdf:
    """Render a letter; the same letter gives the same bytes."""
    page = _Page(letter)
    page.add_page()
    page.head()
    for block in letter.blocks:
        page.block(block)
    data = bytes(page.output())
    return Pdf(data, page.missing_signs())


class _Page(FPDF):
    """The letter's pages: a foot on each, the head on the first."""

    def __init__(self, letter: Letter) -> None:
        super().__init__(format="A4")
        self._letter = letter
        fonts = resources.files("fontpkg_fira_sans").joinpath("files")
        with (
            resources.as_file(fonts.joinpath("FiraSans-Regular.ttf")) as regular,
            resources.as_file(fonts.joinpath("FiraSans-SemiBold.ttf")) as bold,
        ):
            self.add_font(_FONT, fname=regular)
            self.add_font(_FONT, "B", fname=bold)
        self.set_margins(_MARGIN, _MARGIN)
        self.set_auto_page_break(True, margin=_FOOT)
        self.set_title(letter.title)
        self.set_author(letter.sender[0])
        self.set_lang(letter.language)
        self.set_creation_date(letter.written)
        self._ink(_BODY)

    def missing_signs(self) -> int:
        """Different signs that stand in the letter and not in the font."""
        fonts = [font for font in self.fonts.values() if isinstance(font, TTFFont)]
        return len({sign for font in fonts for sign in font.missing_glyphs})

    def footer(self) -> None:
        """The foot of every page: who writes, whom to ask, which page of how many."""
        letter = self._letter
        self.set_y(-_FOOT + 5)
        self._rule()
        self._ink(_SMALL, _GREY)
        top = self.get_y() + 1.5
        for number, line in enumerate(letter.foot):
            self.set_xy(_MARGIN, top + number * 3.8)
            self.cell(self.epw - 25, 3.8, line)
        # How many pages there are is filled in at the end, in place of the sign "{nb}".
        pages = letter.page.format(page=self.page_no(), pages="{nb}")
        self.set_xy(-_MARGIN - self.get_string_width(pages.replace("{nb}", "0")) - 2, top)
        self.cell(0, 3.8, pages)

    def head(self) -> None:
        """Sender, reference, recipient and title."""
        letter = self._letter
        name, *address = letter.sender
        self._ink(13, _BLUE, bold=True)
        self._line(name, 6)
        self._ink(9, _GREY)
        for line in address:
            self._line(line, 4.2)
        self.set_y(_MARGIN)
        for label, value in letter.reference:
            self.set_x(-_MARGIN - 80)
            self.cell(80, 4.6, f"{label}: {value}", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._ink(_BODY)
        self.set_y(_RECIPIENT_TOP)
        for line in letter.recipient:
            self._line(line, _LEADING)
        self.set_y(max(_TITLE_TOP, self.get_y() + 10))
        self._ink(17, _BLUE, bold=True)
        self._line(letter.title, 8)
        self.ln(2)

    def block(self, block: Block) -> None:
        """One part of the body."""
        match block:
            case Heading(text):
                self._heading(text)
            case Paragraph(text, label):
                self._paragraph(text, label)
            case Bullets(items):
                self._list([("•", item) for item in items])
            case Numbered(items):
                self._list([(str(number), item) for number, item in enumerate(items, start=1)])
            case Pairs(rows):
                self._pairs(rows)
            case Table(heads, rows, widths):
                self._table(heads, rows, widths)
            case Closing(lines):
                self.ln(6)
                self._ink(_BODY)
                for line in lines:
                    self._line(line, _LEADING + 1)

    def _heading(self, text: str) -> None:
        # A heading never stands alone at the end of a page.
        if self.will_page_break(26):
            self.add_page()
        self.ln(4)
        self._ink(12, _BLUE, bold=True)
        self._line(text, 6)
        self._rule()
        self.ln(1.5)

    def _paragraph(self, text: str, label: str | None) -> None:
        if label is not None:
            if self.will_page_break(14):
                self.add_page()
            self.ln(1)
            self._ink(_BODY, bold=True)
            self._line(label, _LEADING)
        self._ink(_BODY)
        if text:
            self.multi_cell(0, _LEADING, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(1)

    def _list(self, items: Sequence[tuple[str, str]]) -> None:
        self._ink(_BODY)
        for mark, item in items:
            self.cell(5, _LEADING, mark)
            self.multi_cell(0, _LEADING, item, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(1)

    def _pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        self._ink(_TABLE)
        widths = (34, 66)
        with self.table(
            col_widths=widths,
            first_row_as_headings=False,
            borders_layout=TableBordersLayout.NONE,
            line_height=_TABLE_LEADING,
            text_align="LEFT",
            v_align="TOP",
            padding=(0.5, 1, 0.5, 0),
        ) as table:
            for pair in rows:
                for label, value in self._cut(pair, widths):
                    row = table.row()
                    row.cell(label, style=FontFace(color=_GREY))
                    row.cell(value)
        self.ln(1)

    def _table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]
    ) -> None:
        self._ink(_TABLE)
        self.set_draw_color(*_LINE)
        with self.table(
            col_widths=tuple(widths),
            headings_style=FontFace(emphasis="BOLD", color=_BLUE),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            line_height=_TABLE_LEADING,
            text_align="LEFT",
            v_align="TOP",
            padding=(0.7, 1.5, 0.7, 0),
        ) as table:
            for whole in (heads, *rows):
                for cells in self._cut(whole, widths):
                    row = table.row()
                    for text in cells:
                        row.cell(text)
        self.ln(1)

    def _cut(self, row: Sequence[str], widths: Sequence[int]) -> Iterator[Sequence[str]]:
        """A row as it is, or as several where it may not fit on a page."""
        share = self.epw / sum(widths)
        cells = [
            self._wrapped(text, share * width - 2) for text, width in zip(row, widths, strict=True)
        ]
        longest = max(map(len, cells))
        if longest <= _ROW_LINES:
            yield row
            return
        for start in range(0, longest, _ROW_LINES):
            yield ["\n".join(lines[start : start + _ROW_LINES]) for lines in cells]

    def _wrapped(self, text: str, width: float) -> list[str]:
        lines = self.multi_cell(
            width, text=text, align="L", dry_run=True, output=MethodReturnValue.LINES
        )
        assert isinstance(lines, list)
        return lines

    def _ink(self, size: float, color: tuple[int, int, int] = _INK, *, bold: bool = False) -> None:
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*color)

    def _line(self, text: str, height: float) -> None:
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _rule(self) -> None:
        self.set_draw_color(*_LINE)
        self.line(_MARGIN, self.get_y(), _MARGIN + self.epw, self.get_y())
