"""An access report as a letter that a person can read (R60, S35).

`compose` turns a report into a `document.Letter` in one language; `html` and `pdf` render it.
"""

from register.cli.letter.compose import Reported, compose
from register.cli.letter.document import Letter
from register.cli.letter.html import to_html
from register.cli.letter.pdf import to_pdf

__all__ = ["Letter", "Reported", "compose", "to_html", "to_pdf"]
