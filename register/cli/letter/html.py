"""A letter as one HTML page that needs nothing else."""

from collections.abc import Iterable
from html import escape

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

_STYLE = """
@page { size: A4; margin: 20mm 20mm 18mm }
body { font: 10.5pt/1.45 "Noto Sans", "Segoe UI", Helvetica, Arial, sans-serif; color: #1c2430;
       max-width: 46rem; margin: 2rem auto; padding: 0 1.25rem }
header { display: flex; justify-content: space-between; border-bottom: 2px solid #12496b;
         padding-bottom: .75rem; margin-bottom: 1.5rem }
header strong { color: #12496b; font-size: 12pt }
header p, address p { margin: 0 }
address { font-style: normal; margin-bottom: 2rem }
.reference { text-align: right }
h1 { font-size: 17pt; color: #12496b; margin: 0 0 1rem }
h2 { font-size: 12pt; color: #12496b; margin: 1.75rem 0 .5rem; border-bottom: 1px solid #c9d4dc;
     break-after: avoid }
h3 { font-size: 10.5pt; margin: 1rem 0 .15rem; break-after: avoid }
p { margin: .35rem 0 }
ul, ol { margin: .35rem 0; padding-left: 1.25rem }
table { border-collapse: collapse; width: 100%; font-size: 9.5pt; margin: .35rem 0 }
th, td { text-align: left; vertical-align: top; padding: .28rem .5rem .28rem 0;
         border-bottom: 1px solid #dfe6eb; white-space: pre-line; overflow-wrap: anywhere }
thead { display: table-header-group }
tr { break-inside: avoid }
th { color: #12496b; font-weight: 600 }
.pairs th { width: 34%; color: #4a5866; font-weight: 400 }
.closing { margin-top: 2rem; break-inside: avoid }
footer { margin-top: 2.5rem; border-top: 1px solid #c9d4dc; padding-top: .5rem; font-size: 9pt;
         color: #4a5866 }
"""
# Nothing in the letter loads or runs anything, whatever a name or an answer may hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def to_html(letter: Letter) -> str:
    """Render a letter; every text is escaped."""
    head, *sender = letter.sender
    title = escape(letter.title)
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="{letter.language}">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="robots" content="noindex">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<div><strong>{escape(head)}</strong>{_lines(sender)}</div>",
            f'<div class="reference">{_lines(f"{k}: {v}" for k, v in letter.reference)}</div>',
            "</header>",
            f"<address>{_lines(letter.recipient)}</address>",
            "<main>",
            f"<h1>{title}</h1>",
            *(_block(block) for block in letter.blocks),
            "</main>",
            f"<footer>{_lines(letter.foot)}</footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{escape(text)}</h2>"
        case Paragraph(text, label):
            heading = f"<h3>{escape(label)}</h3>" if label else ""
            return heading + (f"<p>{escape(text)}</p>" if text else "")
        case Bullets(items):
            return f"<ul>{_items(items)}</ul>"
        case Numbered(items):
            return f"<ol>{_items(items)}</ol>"
        case Pairs(rows):
            return f'<table class="pairs"><tbody>{"".join(map(_pair, rows))}</tbody></table>'
        case Table(heads, rows, _):
            head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
            body = "".join(_row(row) for row in rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        case Closing(lines):
            return f'<div class="closing">{_lines(lines)}</div>'


def _items(items: Iterable[str]) -> str:
    return "".join(f"<li>{escape(item)}</li>" for item in items)


def _pair(pair: tuple[str, str]) -> str:
    label, value = pair
    return f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'


def _row(row: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)
