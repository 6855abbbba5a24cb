"""What the service says: eligibility and ban-register messages, and when they differ."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from register.rules.decide import Decision, DeniedProduct
from register.rules.facts import Identity, JsonDict

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
        "allow": decision.answers.shown_allow,
        "deny": decision.answers.shown_deny,
        "products": {
            "soft_opt_in": decision.soft_opt_in,
            "denied": [_denied_product(row) for row in decision.denied_products],
        },
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
