"""Loads the decision table (`decision_table.toml`) into look-ups, once at import."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from register.rules.cells import CELLS, PURPOSES
from schemas.terms import Audience, Basis, Channel, Denial, Kind, Purpose


@dataclass(frozen=True, slots=True)
class PurposeRule:
    """What a purpose asks beyond its cell's code (R30 to R35)."""

    needs_agreement: bool
    consent_must_name_it: bool
    similar_products_only: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table for one audience and kind.

    `codes` holds (channel, bit, code) per cell of each purpose, in the enums' order.
    """

    codes: Mapping[Purpose, tuple[tuple[Channel, int, str], ...]]
    opt_out_basis: Basis | None
    without_consent: Denial


def _load() -> tuple[dict[tuple[Audience, Kind], Row], dict[Purpose, PurposeRule]]:
    text = resources.files("register.rules").joinpath("decision_table.toml").read_text("utf-8")
    data = tomllib.loads(text)
    replacements = {Purpose(row["name"]): row.get("replace", {}) for row in data["purpose"]}
    rules = {
        Purpose(row["name"]): PurposeRule(
            needs_agreement=row.get("needs_agreement", False),
            consent_must_name_it=row.get("consent_must_name_it", False),
            similar_products_only=row.get("similar_products_only", False),
        )
        for row in data["purpose"]
    }
    rows: dict[tuple[Audience, Kind], Row] = {}
    for row in data["audience"]:
        codes = {
            named: tuple(
                (channel, bit, replacements[named].get(row[channel], row[channel]))
                for purpose, channel, bit in CELLS
                if purpose is named
            )
            for named in PURPOSES
        }
        opt_out = row.get("opt_out_basis")
        rows[Audience(row["name"]), Kind(row["kind"])] = Row(
            codes, Basis(opt_out) if opt_out else None, Denial(row["without_consent"])
        )
    return rows, rules


ROWS, PURPOSE_RULES = _load()
