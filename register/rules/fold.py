"""A person's facts, folded by time into a state (R2 to R6, R9, R20 to R27, R51).

The result depends only on the set of facts, never on the order in which they are given.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from register.rules.digest import Point
from register.rules.facts import (
    BILLING,
    CANCELLED,
    CONSENT,
    ENDED,
    ERASURE,
    LEFT_COMPANY,
    LIFT,
    LISTING,
    MERGE,
    NOES,
    ORDER,
    RECTIFICATION,
    RETENTION,
    SIGNUP,
    WITHDRAWAL,
    Fact,
    JsonDict,
    Scope,
    parse_ban_scope,
    parse_scope,
)
from register.rules.outcomes import (
    COLLECTION_BANNED,
    CONSUMER_LISTING,
    ERASED,
    NO_PRIOR_CONSENT,
    Refused,
)
from schemas.terms import Denial, Kind, PointKind

Moment = datetime


@dataclass(frozen=True, slots=True)
class CollectionBan:
    """What the ban register says of collecting under one contact point (R23, R24).

    `latest` is the time of the newest such ban, lifted or not: no listing dated before it
    counts. `stands` tells whether one stands now: then no listing counts at all.
    """

    latest: Moment
    stands: bool

    def forbids(self, listed: Moment) -> bool:
        """Whether a listing of that time never counts."""
        return self.stands or listed <= self.latest


CollectionBans = Mapping[bytes, CollectionBan]
"""By digest of the contact point."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent with wording; `email`, `phone` are what it names, compared exactly (R54)."""

    time: Moment
    scope: Scope
    fact: Fact


@dataclass(frozen=True, slots=True)
class No:
    """A ban or a withdrawal of the person's own (R6, R9)."""

    time: Moment
    scope: Scope
    reason: Denial
    collection: bool
    fact: Fact


@dataclass(frozen=True, slots=True)
class Lift:
    """The end of the bans that its scope covers (R5a)."""

    time: Moment
    scope: Scope
    collection: bool
    fact: Fact


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
class Permissions:
    """Everything the person said about what may be done."""

    consents: tuple[Consent, ...]
    nos: tuple[No, ...]
    lifts: tuple[Lift, ...]


@dataclass(frozen=True, slots=True)
class Collecting:
    """A ban on collecting and storing; `ended_by` is the person's own later order or sign-up,
    or a lift, that ended it, `returned` the first such order or sign-up (R24)."""

    no: No
    ended_by: Fact | None
    returned: Fact | None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A contact point that a rectification replaced: the old one's bans bind the new one (R62)."""

    old: bytes
    new: Point
    by: bytes
    time: Moment


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
    `corrected` the contact points that a rectification replaced (R62).
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
    billing: str | None
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


@dataclass(slots=True)
class _Walk:
    """Where the walk through time stands.

    `floor` is the last moment without any ground to store: what was given until then is gone.
    """

    own_kind: str | None = None
    ordered: bool = False
    collection: bool = False
    latest_collection: Moment | None = None
    floor: Moment | None = None

    def forbids(self, listed: Moment) -> bool:
        """Whether a listing of that time never counts (R24)."""
        return self.latest_collection is not None and (
            self.collection or listed <= self.latest_collection
        )


def fold(facts: Iterable[Fact], collection_bans: CollectionBans | None = None) -> PersonState:
    """Fold the facts of one person.

    `collection_bans` are the collection bans that others placed on contact points which the
    person's listings name.
    """
    given = sorted(counting(facts), key=lambda fact: fact.order)
    expired = _expired(given)
    gone = {fact.fact_id for fact in expired}
    ordered = [fact for fact in given if fact.fact_id not in gone] if gone else given
    permissions = _permissions(ordered)
    walk = _walk(ordered, permissions)
    live, dead = _split(ordered, walk, collection_bans or {})
    left = _left_companies(ordered)
    orders = _orders(ordered, live)
    profile, profiling = _profile(live, _of_ended_roles(ordered, left))
    return PersonState(
        present=bool(live),
        kind=Kind(profile.get("kind", Kind.CONSUMER)),
        profile=profile,
        profiling=profiling,
        orders=orders,
        permissions=_without_parties(permissions, dead),
        standing=tuple(standing(permissions)),
        collection_banned=walk.collection,
        collecting=tuple(_collecting(permissions, ordered)),
        role_ended=walk.own_kind != Kind.CONSUMER and _role_ended(ordered, left),
        billing=_billing(ordered),
        live=tuple(live),
        dead=tuple(dead),
        ungrounded=tuple(
            fact
            for fact in ordered
            if (fact.brings_data or fact.type == RETENTION)
            and walk.floor is not None
            and fact.time <= walk.floor
        ),
        expired=tuple(expired),
        erased_at=max((fact.time for fact in ordered if fact.type == ERASURE), default=None),
        former_since=_former_since(orders),
        corrected=tuple(_corrected(live)),
    )


def counting(facts: Iterable[Fact]) -> list[Fact]:
    """The facts of a person that count: of a reference that gave no data, and that only a no
    proved to be this person's, its nos count and what it allows does not (R40)."""
    facts = list(facts)
    with_data = {fact.identity for fact in facts if fact.brings_data}
    if not with_data or all(fact.identity in with_data for fact in facts):
        return facts
    for fact in facts:
        if fact.type == MERGE:
            with_data.update([fact.identity, *map(bytes.fromhex, fact.body["merged"])])
    own = [fact for fact in facts if fact.identity in with_data]
    for identity in {fact.identity for fact in facts} - with_data:
        said = sorted(
            (fact for fact in facts if fact.identity == identity), key=lambda fact: fact.order
        )
        own += _saying_no(said)
    return own


def _saying_no(said: Sequence[Fact]) -> Iterator[Fact]:
    """What one reference said, without what it allows: its lifts end its own nos, no others."""
    permissions = _permissions(said)
    marketing = {no.fact.fact_id for no in standing(permissions)}
    collecting = {
        one.no.fact.fact_id for one in _collecting(permissions, said) if one.ended_by is None
    }
    for fact in said:
        if fact.type in (CONSENT, LIFT):
            continue
        if fact.type not in NOES or fact.fact_id in marketing:
            yield fact
        elif fact.fact_id in collecting:
            yield replace(fact, body={**fact.body, "scope": {"purposes": []}})


def admits(facts: Sequence[Fact], fact: Fact, collection_bans: CollectionBans) -> Refused | None:
    """Whether the register may hold what `fact` brings, judged by what has arrived (R21, R23).

    `facts` are the person's other facts. Returns the refusal, or None where it may.
    """
    ordered = sorted(counting([*facts, fact]), key=lambda other: other.order)
    erased = [other.time for other in facts if other.type == ERASURE]
    if erased and fact.time <= max(erased) and fact.type not in _SURVIVES:
        return Refused(*ERASED)
    if not fact.brings_data or fact.type == ORDER:
        return None
    if fact.type == LISTING:
        return _admits_listing(ordered, fact, collection_bans)
    until = [other for other in ordered if other.time <= fact.time]
    walk = _walk(until, _permissions(until))
    if walk.floor is not None and walk.floor >= fact.time:
        return Refused(*(COLLECTION_BANNED if walk.collection else NO_PRIOR_CONSENT))
    return None


def _admits_listing(
    ordered: Sequence[Fact], fact: Fact, collection_bans: CollectionBans
) -> Refused | None:
    walk = _walk(ordered, _permissions(ordered))
    if fact.body["kind"] == Kind.CONSUMER or walk.own_kind == Kind.CONSUMER:
        return Refused(*CONSUMER_LISTING)
    if walk.forbids(fact.time) or _listing_forbidden(fact, collection_bans):
        return Refused(*COLLECTION_BANNED)
    return None


def _listing_forbidden(fact: Fact, collection_bans: CollectionBans) -> bool:
    return any(
        point.digest in collection_bans and collection_bans[point.digest].forbids(fact.time)
        for point in fact.points
    )


def standing(permissions: Permissions) -> Iterable[No]:
    """The person's own bans and withdrawals that no newer covering lift has ended (R5a)."""
    for no in permissions.nos:
        if not any(
            lift.time > no.time and lift.scope.covers(no.scope) for lift in permissions.lifts
        ):
            yield no


def freed_cells(no_time: Moment, product: str | None, consents: Iterable[Consent]) -> int:
    """Cells that newer consents naming purpose and channel free (R5b).

    A ban on a `product` is ended by a consent that names it, a ban on all products only by one
    that is not limited to some.
    """
    freed = 0
    for consent in consents:
        if consent.time > no_time and _names(consent.scope, product):
            freed |= consent.scope.named
    return freed


def _names(scope: Scope, product: str | None) -> bool:
    if product is None:
        return scope.products is None
    return scope.products is not None and product in scope.products


def alive_cells(consent: Consent, nos: Iterable[No], product: str | None = None) -> int:
    """Cells of a consent that no ban or withdrawal of the same time or newer has taken.

    Of a consent limited to products, ask for each `product`. A lift ends a ban, but gives no
    consent back: who lifts a ban is asked anew.
    """
    cells = consent.scope.cells
    for no in nos:
        if no.time >= consent.time and (no.scope.products is None or product in no.scope.products):
            cells &= ~no.scope.cells
    return cells


def stands(consent: Consent, nos: Iterable[No]) -> bool:
    """Whether any cell of a consent is left, for any of its products."""
    nos = tuple(nos)
    return any(alive_cells(consent, nos, product) for product in consent.scope.products or (None,))


def _collecting(permissions: Permissions, ordered: Sequence[Fact]) -> Iterator[Collecting]:
    ends = [
        fact
        for fact in ordered
        if fact.type in (ORDER, SIGNUP) or (fact.type == LIFT and fact.body.get("collection"))
    ]
    for no in permissions.nos:
        if no.collection:
            later = [end for end in ends if end.time > no.time]
            returns = (end for end in later if end.type != LIFT)
            yield Collecting(no, next(iter(later), None), next(returns, None))


def _permissions(ordered: Sequence[Fact]) -> Permissions:
    consents: list[Consent] = []
    nos: list[No] = []
    lifts: list[Lift] = []
    for fact in ordered:
        body = fact.body
        if fact.type == CONSENT:
            consents.append(Consent(fact.time, parse_scope(body["scope"]), fact))
        elif fact.type == SIGNUP:
            consents.extend(
                Consent(fact.time, parse_scope(given["scope"]), fact) for given in body["consents"]
            )
        elif fact.type in NOES:
            reason = Denial.WITHDRAWN if fact.type == WITHDRAWAL else Denial.BANNED
            collection = bool(body.get("collection"))
            nos.append(No(fact.time, parse_ban_scope(body["scope"]), reason, collection, fact))
        elif fact.type == LIFT:
            collection = bool(body.get("collection"))
            lifts.append(Lift(fact.time, parse_ban_scope(body["scope"]), collection, fact))
    return Permissions(tuple(consents), tuple(nos), tuple(lifts))


def _without_parties(permissions: Permissions, dead: Sequence[Fact]) -> Permissions:
    """Consents, of which those whose personal data must go name nobody any more (R8, R22)."""
    if not dead:
        return permissions
    gone = {fact.fact_id for fact in dead}
    consents = tuple(
        replace(consent, fact=replace(consent.fact, party=None))
        if consent.fact.fact_id in gone
        else consent
        for consent in permissions.consents
    )
    return replace(permissions, consents=consents)


def _walk(ordered: Sequence[Fact], permissions: Permissions) -> _Walk:
    """Go through time and find the last moment without any ground to store (R22, R24)."""
    walk = _Walk()
    for time, group in groupby(ordered, key=lambda fact: fact.time):
        for fact in group:
            _step(walk, fact)
        if not _grounded(walk, permissions, time):
            walk.floor = time
    return walk


def _step(walk: _Walk, fact: Fact) -> None:
    if fact.type in (ERASURE, RETENTION):
        walk.ordered = False
        walk.own_kind = None
        walk.floor = fact.time
    if fact.brings_data and fact.type != LISTING:
        walk.own_kind = fact.body["kind"]
    if fact.type in (ORDER, SIGNUP):
        walk.ordered = walk.ordered or fact.type == ORDER
        walk.collection = False
    if not fact.body.get("collection"):
        return
    if fact.type in NOES:
        walk.collection = True
        walk.latest_collection = fact.time
        if not walk.ordered:
            walk.floor = fact.time
    elif walk.latest_collection is not None and walk.latest_collection < fact.time:
        walk.collection = False


def _grounded(walk: _Walk, permissions: Permissions, now: Moment) -> bool:
    if walk.ordered:
        return True
    if walk.collection:
        return False
    if walk.own_kind != Kind.CONSUMER:
        return True
    nos = [no for no in permissions.nos if no.time <= now]
    return any(consent.time <= now and stands(consent, nos) for consent in permissions.consents)


def _split(
    ordered: Sequence[Fact], walk: _Walk, collection_bans: CollectionBans
) -> tuple[list[Fact], list[Fact]]:
    live: list[Fact] = []
    dead: list[Fact] = []
    for fact in ordered:
        if fact.party is None:
            continue
        gone = walk.floor is not None and fact.time <= walk.floor
        if fact.type == LISTING and not gone:
            gone = (
                walk.own_kind == Kind.CONSUMER
                or walk.forbids(fact.time)
                or _listing_forbidden(fact, collection_bans)
            )
        (dead if gone else live).append(fact)
    return live, dead


def _left_companies(ordered: Sequence[Fact]) -> dict[bytes, Moment]:
    """R27: by company digest, the last moment it was left."""
    return {
        point.digest: fact.time
        for fact in ordered
        if fact.type == LEFT_COMPANY
        for point in fact.points
    }


def _company_digest(fact: Fact) -> bytes | None:
    return next((point.digest for point in fact.points if point.kind is PointKind.COMPANY), None)


def _of_ended_roles(ordered: Sequence[Fact], left: Mapping[bytes, Moment]) -> set[uuid.UUID]:
    """R27: facts whose contact points belong to a role that ended.

    A fact that names no company was given for the company named before it, else for the first
    one named after. A listing cannot know that a role ended: it never brings one back.
    """
    gone: set[uuid.UUID] = set()
    if not left:
        return gone
    given = [fact for fact in ordered if fact.brings_data]
    named = [company for fact in given if (company := _company_digest(fact)) is not None]
    own: bytes | None = None
    for fact in given:
        company = _company_digest(fact)
        if fact.type != LISTING:
            own = company or own
        company = company or own or (named[0] if named else None)
        ended = left.get(company) if company is not None else None
        if ended is not None and (fact.type == LISTING or fact.time <= ended):
            gone.add(fact.fact_id)
    return gone


def _role_ended(ordered: Sequence[Fact], left: Mapping[bytes, Moment]) -> bool:
    """R27: the newest company that the person acted for is one that was left since; what the
    person or an order said of it comes before what a listing did."""
    acted = [fact for fact in ordered if fact.brings_data and _company_digest(fact) is not None]
    if not left or not acted:
        return False
    own = [fact for fact in acted if fact.type != LISTING]
    newest = (own or acted)[-1]
    company = _company_digest(newest)
    ended = left.get(company) if company is not None else None
    return ended is not None and (newest.type == LISTING or newest.time <= ended)


_ROLE_FIELDS = frozenset({"email", "phone", "address", "company"})


def _profile(live: Sequence[Fact], ended: Collection[uuid.UUID]) -> tuple[JsonDict, JsonDict]:
    """What is held, field by field: the newest word of the person or an order; what a listing
    said only where nobody else did (R23). The role's contact points go with the role (R27)."""
    own: JsonDict = {}
    listed: JsonDict = {}
    profiling: dict[str, Any] = {}
    for fact in live:
        party = fact.party or {}
        target = listed if fact.type == LISTING else own
        dropped = _ROLE_FIELDS if fact.fact_id in ended else frozenset()
        for name, value in party.items():
            if name == "profiling":
                if fact.type != LISTING:
                    profiling.update(value)
            elif name == "company" and name not in dropped:
                target[name] = _company(target.get(name), value)
            elif name not in dropped:
                target[name] = value
    profile = {**listed, **own}
    if "company" in listed and "company" in own:
        profile["company"] = _company(listed["company"], own["company"])
    return profile, profiling


def _corrected(live: Sequence[Fact]) -> Iterator[Corrected]:
    held: dict[PointKind, bytes] = {}
    for fact in live:
        for point in fact.points:
            old = held.get(point.kind)
            replaced = old is not None and old != point.digest
            if replaced and fact.type == RECTIFICATION and point.kind is not PointKind.COMPANY:
                assert old is not None
                assert fact.identity is not None
                yield Corrected(old, point, fact.identity, fact.time)
            held[point.kind] = point.digest


def _company(held: JsonDict | None, given: JsonDict) -> JsonDict:
    """A new business id replaces the company, other fields add to it."""
    if held is None or given.get("business_id", held.get("business_id")) != held.get("business_id"):
        return given
    return {**held, **given}


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


def _expired(ordered: Sequence[Fact]) -> list[Fact]:
    """Facts that an erasure (R25) or the end of their time (R26) takes away altogether; what
    says no stays, and holds no personal data."""
    ends = [fact.time for fact in ordered if fact.type in (ERASURE, RETENTION)]
    if not ends:
        return []
    end = max(ends)
    return [fact for fact in ordered if fact.time <= end and fact.type not in _SURVIVES]


_SURVIVES = NOES | {LIFT, RETENTION}


def _billing(ordered: Sequence[Fact]) -> str | None:
    statuses = [fact.body["status"] for fact in ordered if fact.type == BILLING]
    return statuses[-1] if statuses else None
