"""The words of letters, one file a language, and how each language writes dates and money."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any

from register.cli.times import FINLAND
from schemas.terms import Language

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@dataclass(frozen=True, slots=True)
class Words:
    """Texts in one language, by section and key."""

    language: Language
    sections: Mapping[str, Mapping[str, str]]

    def text(self, section: str, key: str, **parts: object) -> str:
        """A text of ours; raises `KeyError` for one that the file lacks."""
        return self.sections[section][key].format(**parts)

    def code(self, section: str, code: Any) -> str:
        """What a code is called; one that nobody translated yet stands as it is."""
        return self.sections[section].get(str(code), str(code))

    def day(self, moment: datetime) -> str:
        """A date in Finnish time."""
        local = moment.astimezone(FINLAND)
        if self.language is Language.EN:
            return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"
        return f"{local.day}.{local.month}.{local.year}"

    def moment(self, moment: datetime) -> str:
        """A date and a time of day in Finnish time."""
        local = moment.astimezone(FINLAND)
        clock = {
            Language.FI: f"klo {local.hour}.{local.minute:02}",
            Language.SV: f"kl. {local.hour}.{local.minute:02}",
            Language.EN: f"{local.hour}:{local.minute:02}",
        }
        return f"{self.day(moment)} {clock[self.language]}"

    def euros(self, cents: int) -> str:
        """A sum of money."""
        sign, whole, rest = "−" if cents < 0 else "", abs(cents) // 100, abs(cents) % 100
        if self.language is Language.EN:
            return f"{sign}€{whole:,}.{rest:02}"
        return f"{sign}{whole:,},{rest:02} €".replace(",", " ", f"{whole:,}".count(","))


@cache
def words(language: Language) -> Words:
    """The words of one language."""
    text = resources.files(__package__).joinpath(f"{language}.toml").read_text("utf-8")
    return Words(language, tomllib.loads(text))
