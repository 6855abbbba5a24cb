"""What the service says: eligibility and ban-register messages, and when they differ."""

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import orjson

from register.rules.decide import Decision, DeniedProduct
from register.rules.facts import Identity, JsonDict
from schemas.terms import Channel, Purpose

CONTENT_BYTES = 16


def eligibility(decision: Decision, identities: Iterable[Identity]) -> JsonDict:
    """The part of `eligibility.updated` whose change makes a new version."""
    return {
        "audience": decision.audience,
        "identities": [
            {"source": source, "subject": subject}
            for source, subject in sorted({(one.source, one.subject) for one in identities})
        ],
        "contact": decision.contact,
        "allow": _cells(decision.allow),
        "deny": _cells(decision.deny),
        "products": {
            "soft_opt_in": decision.soft_opt_in,
            "denied": [_denied_product(row) for row in decision.denied_products],
        },
    }


def _cells(cells: Mapping[Purpose, Mapping[Channel, StrEnum]]) -> dict[str, dict[str, str]]:
    return {
        purpose.value: {channel.value: code.value for channel, code in channels.items()}
        for purpose, channels in cells.items()
    }


def _denied_product(row: DeniedProduct) -> JsonDict:
    shown: JsonDict = {"product": row.product}
    if row.purposes is not None:
        shown["purposes"] = row.purposes
    if row.channels is not None:
        shown["channels"] = row.channels
    shown["reason"] = row.reason
    return shown


def content_hash(data: Any) -> bytes:
    """16 bytes that tell whether a message differs from the last one."""
    return hashlib.blake2b(
        orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=CONTENT_BYTES
    ).digest()
