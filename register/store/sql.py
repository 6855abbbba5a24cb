"""Loads the named queries of `queries.sql`."""

import re
from importlib import resources
from types import SimpleNamespace

_HEADER = re.compile(r"^-- name: (\w+)\n((?:-- .*\n)*)", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Queries by name; each starts with `-- name: NAME` and comment lines that describe it.

    Raises `ValueError` for a query without description or for one given twice.
    """
    headers = list(_HEADER.finditer(text))
    queries: dict[str, str] = {}
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        name = header[1]
        if not header[2]:
            raise ValueError(f"query {name} has no description")
        if name in queries:
            raise ValueError(f"query {name} is given twice")
        queries[name] = text[header.end() : following.start() if following else None].strip()
    return queries


def _load() -> SimpleNamespace:
    text = resources.files("register.store").joinpath("queries.sql").read_text("utf-8")
    return SimpleNamespace(**parse(text))


queries = _load()
"""Every query as an attribute."""
