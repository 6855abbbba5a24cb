"""Facts: what the register keeps of each event, personal data apart from the rest."""

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any

from register.rules.cells import PURPOSE_CELLS, mask
from register.rules.digest import Point
from schemas.terms import Channel, Purpose

JsonDict = dict[str, Any]

ORDER = "order.placed"
CANCELLED = "order.cancelled"
ENDED = "contract.ended"
BILLING = "billing.status-changed"
SIGNUP = "signup.received"
CONSENT = "consent.granted"
WITHDRAWAL = "consent.withdrawn"
BAN = "ban.placed"
LIFT = "ban.lifted"
PROFILE = "profile.updated"
LEFT_COMPANY = "contact.left-company"
LISTING = "prospect.listed"
MERGE = "merge.ordered"
RECTIFICATION = "rectification.requested"
ERASURE = "erasure.requested"
RETENTION = "retention.expired"
"""The register's own: a former customer's time is over (R26)."""

PROTECTIVE = frozenset({BAN, WITHDRAWAL})
"""Types that say no: they take effect in any case (R1, R4, R7)."""

NOES = PROTECTIVE | {ERASURE}
"""Types that stand in the ban register: an erasure is a ban on everything too (R25)."""

TAKE_AWAY = frozenset({ERASURE, RETENTION})
"""Types that take facts away altogether (R25, R26)."""


class Rank(IntEnum):
    """Order of facts of equal time: ban beats withdrawal beats lift beats consent (R3)."""

    OTHER = 0
    LIFT = 1
    WITHDRAWAL = 2
    BAN = 3


_RANKS = {
    LIFT: Rank.LIFT,
    WITHDRAWAL: Rank.WITHDRAWAL,
    BAN: Rank.BAN,
    ERASURE: Rank.BAN,
    RETENTION: Rank.BAN,
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A channel identity; `digest` is what the register keeps of it once the person is gone."""

    digest: bytes
    source: str
    subject: str


@dataclass(frozen=True, slots=True)
class Fact:
    """An immutable event, as kept.

    `fact_id` is derived from (`source`, `event_id`, body), so a redelivery is the same fact.
    `time` is when it counts (R4), `received` the broker's timestamp. `body` holds what says
    nothing about the person but permissions and trade; `party` holds the personal data, or
    None where the event brought none or where it has been erased. `points` are the digests of
    the contact points and companies that the event names, `names` and `contacts` digests of
    the name and of the contact points by which two identities are found to be one (R50).
    `subject` names the identity in its source's words; it is personal data like `party`, and
    kept with it.
    """

    fact_id: uuid.UUID
    source: str
    event_id: str
    type: str
    identity: bytes | None
    time: datetime
    received: datetime
    body: JsonDict
    party: JsonDict | None
    points: tuple[Point, ...] = ()
    names: tuple[bytes, ...] = ()
    contacts: tuple[bytes, ...] = ()
    subject: str | None = None

    @property
    def order(self) -> tuple[datetime, int, int]:
        """Where the fact stands in the fold (R2, R3)."""
        return (self.time, _RANKS.get(self.type, Rank.OTHER), self.fact_id.int)

    @property
    def match_keys(self) -> frozenset[bytes]:
        """What makes another identity that has one of them the same person (R50)."""
        return match_keys([self])

    @property
    def brings_data(self) -> bool:
        """Whether it brought a person's data, erased since or not; others wait for one (R12)."""
        return "kind" in self.body


def match_keys(facts: Iterable[Fact]) -> frozenset[bytes]:
    """R50: every name with every contact point that the data of one identity ever gave, also in
    different events; what a no names counts only as it stands in that no."""
    facts = list(facts)
    data = [fact for fact in facts if fact.brings_data]
    contacts = {contact for one in data for contact in one.contacts}
    pairs = {(name, contact) for one in data for name in one.names for contact in contacts}
    for fact in facts:
        if not fact.brings_data:
            pairs.update((name, contact) for name in fact.names for contact in fact.contacts)
    return frozenset(
        hashlib.blake2b(name + contact, digest_size=16).digest() for name, contact in pairs
    )


def keys_by_identity(facts: Iterable[Fact]) -> set[tuple[bytes, bytes]]:
    """(match key, identity) for all identities that the facts are of."""
    by_identity: dict[bytes, list[Fact]] = {}
    for fact in facts:
        if fact.identity is not None:
            by_identity.setdefault(fact.identity, []).append(fact)
    return {(key, one) for one, given in by_identity.items() for key in match_keys(given)}


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope as cells; `products` None means all.

    `named` holds only the cells whose purpose and channel are both named (R5b).
    """

    cells: int
    named: int
    products: frozenset[str] | None
    purposes: tuple[str, ...] | None
    channels: tuple[str, ...] | None

    def covers(self, other: "Scope") -> bool:
        """Whether it takes in all of the other scope (R5a)."""
        if other.cells & ~self.cells:
            return False
        if self.products is None:
            return True
        return other.products is not None and other.products <= self.products


_Terms = tuple[str, ...] | None

_DISTINCT_SCOPES = 512
"""A channel system uses a few dozen. Each takes about a kilobyte."""


def parse_scope(data: Mapping[str, Any]) -> Scope:
    """Read the kept scope of a consent; a list that is left out means all."""
    return _scope(*_lists(data))


def parse_ban_scope(data: Mapping[str, Any]) -> Scope:
    """Read the kept scope of a no or of a lift.

    A no to disclosure is one whichever channel it names: there is only one (R34). No no touches
    a service notice (R35).
    """
    return _ban_scope(*_lists(data))


def _lists(data: Mapping[str, Any]) -> tuple[_Terms, _Terms, _Terms]:
    purposes, channels, products = data.get("purposes"), data.get("channels"), data.get("products")
    return (
        tuple(purposes) if purposes is not None else None,
        tuple(channels) if channels is not None else None,
        tuple(products) if products is not None else None,
    )


@lru_cache(_DISTINCT_SCOPES)
def cells_of(purposes: _Terms, channels: _Terms) -> int:
    """The cells that a scope's words name; apart from products, of which there may be any number
    of combinations."""
    return mask(
        None if purposes is None else map(Purpose, purposes),
        None if channels is None else map(Channel, channels),
    )


@lru_cache(_DISTINCT_SCOPES)
def _scope(purposes: _Terms, channels: _Terms, products: _Terms) -> Scope:
    cells = cells_of(purposes, channels)
    return Scope(
        cells=cells,
        named=cells if purposes and channels else 0,
        products=frozenset(products) if products else None,
        purposes=purposes or None,
        channels=channels or None,
    )


@lru_cache(_DISTINCT_SCOPES)
def _ban_scope(purposes: _Terms, channels: _Terms, products: _Terms) -> Scope:
    scope = _scope(purposes, channels, products)
    cells = scope.cells & ~PURPOSE_CELLS[Purpose.SERVICE_NOTICE]
    if Purpose.DISCLOSURE.value in (purposes or ()):
        cells |= PURPOSE_CELLS[Purpose.DISCLOSURE]
    return replace(scope, cells=cells)
