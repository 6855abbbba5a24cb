"""Words for the code's closed vocabularies, one file per language."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from schemas.party import Party
from schemas.terms import (
    Audience,
    Basis,
    BillingStatus,
    Channel,
    Form,
    Kind,
    Language,
    ListingOrigin,
    PointKind,
    Purpose,
    Recipient,
    Region,
)
from topics import TOPICS

LANGUAGES = (Language.FI, Language.EN)
"""The languages that the pages are written in."""


class WordingError(Exception):
    """A word is missing, or stands in a file for nothing; names language, table and key."""


def _roles() -> Iterable[str]:
    return sorted({role for topic in TOPICS.values() for role in (*topic.writers, *topic.readers)})


VOCABULARIES: Mapping[str, Iterable[str]] = {
    "purpose": Purpose,
    "channel": Channel,
    "audience": Audience,
    "kind": Kind,
    "basis": Basis,
    "basis_law": Basis,
    "form": Form,
    "origin": ListingOrigin,
    "region": Region,
    "recipient": Recipient,
    "billing": BillingStatus,
    "point": PointKind,
    "language": Language,
    "field": Party.model_fields,
    "role": tuple(_roles()),
    "topic": tuple(TOPICS),
}
"""What every language needs a word for, by the table of its file."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of one language; `words` by table and key."""

    language: Language
    words: Mapping[str, Mapping[str, str]]

    def of(self, table: str, key: str) -> str:
        """The word; raises `WordingError` where there is none."""
        try:
            return self.words[table][key]
        except KeyError:
            raise WordingError(f"{self.language}.toml: no word for {table}.{key}") from None

    def text(self, key: str) -> str:
        """A sentence or heading of the pages."""
        return self.of("text", key)

    def all(self, table: str) -> list[str]:
        """The words of a vocabulary, in the code's order."""
        return [self.of(table, str(key)) for key in VOCABULARIES[table]]


def load_wording(language: Language | str) -> Wording:
    """Read a language's file."""
    source = resources.files("ops.notice").joinpath("wording", f"{language}.toml")
    return Wording(Language(language), tomllib.loads(source.read_text("utf-8")))


def problems(wording: Wording) -> list[str]:
    """Values of the code without a word, and words for what the code does not have."""
    found: list[str] = []
    for table, keys in VOCABULARIES.items():
        wanted = {str(key) for key in keys}
        given = set(wording.words.get(table, {}))
        found += [f"{wording.language}: no word for {table}.{key}" for key in wanted - given]
        found += [f"{wording.language}: {table}.{key} is no value" for key in given - wanted]
    return sorted(found)
