"""A person's facts, folded by time into a state (R2 to R6, R9, R20 to R27, R51).

The result depends only on the set of facts, never on the order in which they are given.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from register.rules.counting import counting
from register.rules.facts import (
    BILLING,
    CANCELLED,
    ENDED,
    ERASURE,
    ORDER,
    RETENTION,
    Fact,
    JsonDict,
)
from register.rules.ground import CollectionBans, expired_facts, split, walk_through
from register.rules.permissions import (
    Collecting,
    Moment,
    No,
    Permissions,
    collecting,
    permissions_of,
    standing,
    without_parties,
)
from register.rules.profile import Corrected, corrected_points, profile_of
from register.rules.roles import left_companies, of_ended_roles, role_ended
from schemas.terms import Kind


@dataclass(frozen=True, slots=True)
class Order:
    """An order, and when it was cancelled or its contract ended (R20)."""

    fact: Fact
    cancelled: Moment | None
    ended: Moment | None

    @property
    def over(self) -> Moment | None:
        """When it was cancelled or its contract ended; None while it runs."""
        return min((end for end in (self.cancelled, self.ended) if end), default=None)

    @property
    def active(self) -> bool:
        """Neither cancelled nor its contract ended."""
        return self.cancelled is None and self.ended is None

    @property
    def categories(self) -> frozenset[str]:
        """Product groups ordered."""
        return frozenset(line["category"] for line in self.fact.body["lines"])


@dataclass(frozen=True, slots=True)
class PersonState:
    """What the register holds of a person now.

    `present` says whether any personal data may be held; where it is False only digests and
    facts without personal data are kept. `live` are the facts whose personal data stands,
    `dead` those whose personal data must go; `ungrounded` all that were given before the last
    moment without a ground to store, gone already or not (R22, R24). `profile` is what is held,
    field by field. `collecting` are its bans on collecting (R24). `expired` are facts that go
    altogether, with an erasure or with the end of their time (R25, R26); `erased_at` is the
    newest erasure; `former_since` is when the last order ended, for a former customer (R26);
    `billing` are the last statuses of its invoices (R25); `corrected` the contact points that a
    rectification replaced (R62).
    """

    present: bool
    kind: Kind
    profile: JsonDict
    profiling: JsonDict
    orders: tuple[Order, ...]
    permissions: Permissions
    standing: tuple[No, ...]
    collection_banned: bool
    collecting: tuple[Collecting, ...]
    role_ended: bool
    billing: frozenset[str]
    live: tuple[Fact, ...]
    dead: tuple[Fact, ...]
    ungrounded: tuple[Fact, ...]
    expired: tuple[Fact, ...]
    erased_at: Moment | None
    former_since: Moment | None
    corrected: tuple[Corrected, ...]

    @property
    def is_customer(self) -> bool:
        """Some order still runs (R20)."""
        return any(order.active for order in self.orders)

    @property
    def is_former(self) -> bool:
        """Was a customer and no order runs any more (R20, R26)."""
        return bool(self.orders) and not self.is_customer


def fold(facts: Iterable[Fact], collection_bans: CollectionBans | None = None) -> PersonState:
    """Fold the facts of one person.

    `collection_bans` are the collection bans that others placed on contact points which the
    person's listings name.
    """
    given = list(facts)
    expired = expired_facts(given)
    gone = {fact.fact_id for fact in expired}
    kept = [fact for fact in given if fact.fact_id not in gone] if gone else given
    ordered = sorted(counting(kept), key=lambda fact: fact.order)
    permissions = permissions_of(ordered)
    walk = walk_through(ordered, permissions)
    live, dead = split(ordered, walk, collection_bans or {})
    left = left_companies(ordered)
    orders = _orders(ordered, live)
    profile, profiling = profile_of(live, of_ended_roles(ordered, left))
    return PersonState(
        present=bool(live),
        kind=Kind(profile.get("kind", Kind.CONSUMER)),
        profile=profile,
        profiling=profiling,
        orders=orders,
        permissions=without_parties(permissions, dead),
        standing=tuple(standing(permissions)),
        collection_banned=walk.collection,
        collecting=tuple(collecting(permissions, ordered)),
        role_ended=walk.own_kind != Kind.CONSUMER and role_ended(ordered, left),
        billing=_billing(ordered),
        live=tuple(live),
        dead=tuple(dead),
        ungrounded=_ungrounded(ordered, walk.floor),
        expired=tuple(expired),
        erased_at=max((fact.time for fact in ordered if fact.type == ERASURE), default=None),
        former_since=_former_since(orders),
        corrected=tuple(corrected_points(ordered)),
    )


def _ungrounded(ordered: Sequence[Fact], floor: Moment | None) -> tuple[Fact, ...]:
    if floor is None:
        return ()
    return tuple(
        fact
        for fact in ordered
        if fact.time <= floor and (fact.brings_data or fact.type == RETENTION)
    )


def _orders(ordered: Sequence[Fact], live: Sequence[Fact]) -> tuple[Order, ...]:
    ends: dict[str, dict[tuple[str, str], Moment]] = {CANCELLED: {}, ENDED: {}}
    for fact in ordered:
        if fact.type in ends:
            ends[fact.type].setdefault((fact.source, fact.body["order_id"]), fact.time)
    return tuple(
        Order(
            fact,
            cancelled=ends[CANCELLED].get((fact.source, fact.body["order_id"])),
            ended=ends[ENDED].get((fact.source, fact.body["order_id"])),
        )
        for fact in live
        if fact.type == ORDER
    )


def _former_since(orders: Sequence[Order]) -> Moment | None:
    """R26: when the last order ended; None while one runs, or where there was none."""
    ends = [order.over for order in orders]
    if not ends or None in ends:
        return None
    return max(end for end in ends if end is not None)


def _billing(ordered: Sequence[Fact]) -> frozenset[str]:
    """R25: the last status of each invoice. One that names no invoice is of all that was billed
    under the same reference until then."""
    invoices: dict[tuple[str, str], tuple[bytes | None, str]] = {}
    wholes: dict[bytes | None, str] = {}
    for fact in ordered:
        if fact.type == BILLING:
            invoice, status = fact.body.get("invoice_ref"), fact.body["status"]
            if invoice is not None:
                invoices[fact.source, invoice] = (fact.identity, status)
                continue
            wholes[fact.identity] = status
            settled = [key for key, (whose, _) in invoices.items() if whose == fact.identity]
            for key in settled:
                del invoices[key]
    return frozenset(wholes.values()) | {status for _, status in invoices.values()}
