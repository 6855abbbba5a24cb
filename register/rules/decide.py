"""The decision: allow or deny, with basis or reason, for every purpose × channel (R30 to R36)."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from register.rules import normalise
from register.rules.answers import POINT_OF, Answers, Case, answers
from register.rules.bans import Entry, binding_cells
from register.rules.cells import CAMPAIGN_CELLS, CHANNEL_CELLS, PURPOSE_CELLS, bit, cells_in
from register.rules.facts import JsonDict, Scope, cells_of
from register.rules.fold import Order, PersonState
from register.rules.permissions import Consent, No, alive_cells, freed_cells
from schemas.terms import Audience, Basis, Channel, Denial, Kind, PointKind, Purpose

MOBILE = "mobile"
"""The product group that Act 917/2014 §201 speaks of (R31)."""


@dataclass(frozen=True, slots=True)
class DeniedProduct:
    """A product that is denied in `cells`; `purposes` and `channels` None mean all."""

    product: str
    cells: int
    purposes: tuple[str, ...] | None
    channels: tuple[str, ...] | None
    reason: Denial


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be done with a person, and why.

    `consented_products` are cells that a consent limited to a product opens for it alone:
    no cell of `allow`, but an answer to a screening that names the product. `consented` tells
    whether any consent stands (R26), `refuses_disclosure` whether a ban on disclosure or
    collecting does, whatever else denies that cell (R65).
    """

    audience: Audience
    answers: Answers
    soft_opt_in: tuple[str, ...]
    denied_products: tuple[DeniedProduct, ...]
    contact: JsonDict
    consented_products: Mapping[str, int]
    consented: bool
    refuses_disclosure: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """A ban or withdrawal that stands for a person: own (`No`), or under a contact point or
    company of theirs (`Entry`); a ban on several products binds once per `product`.

    `cells` are denied by it, `freed` are those of its cells that newer consents freed (R5b).
    """

    by: No | Entry
    scope: Scope
    product: str | None
    reason: Denial
    cells: int
    freed: int


@dataclass(frozen=True, slots=True)
class _Bans:
    banned: int
    withdrawn: int
    products: tuple[DeniedProduct, ...]


@dataclass(frozen=True, slots=True)
class _Sale:
    """Which contact points were got in a sale and, per point for which an opt-out was offered
    then, the groups bought in those sales (soft opt-in)."""

    obtained: frozenset[str]
    groups: Mapping[str, Collection[str]]


def audience(state: PersonState) -> Audience:
    """The row of the table that the person stands in (R20, R26)."""
    if state.is_former:
        return Audience.FORMER_CUSTOMER
    if state.kind is Kind.BUSINESS:
        return Audience.BUSINESS_CUSTOMER if state.is_customer else Audience.BUSINESS_PROSPECT
    return Audience.CONSUMER_CUSTOMER if state.is_customer else Audience.CONSUMER_PROSPECT


def decide(state: PersonState, others: Iterable[Entry], agreements: frozenset[Purpose]) -> Decision:
    """Decide every cell of a person who is present.

    `others` are the bans that stand in the ban register under the person's current contact
    points and company and were placed by somebody else (R8, R9). `agreements` are the
    purposes for which some partner's agreement is active (R33, R34).
    """
    bans = _bans(state, others)
    consented, by_product = _consented(state)
    sale = _sale(state)
    case = Case(
        audience=audience(state),
        kind=state.kind,
        collection_banned=state.collection_banned,
        role_ended=state.role_ended,
        has_role=bool(state.profile.get("company", {}).get("role")),
        ever_ordered=bool(state.orders),
        is_customer=state.is_customer,
        banned=bans.banned,
        withdrawn=bans.withdrawn,
        consented=consented.any,
        named=consented.naming,
        offered=frozenset(sale.groups),
        obtained=sale.obtained,
        held=_CONTACT_POINTS.intersection(state.profile),
        agreements=agreements,
    )
    given = answers(case)
    said_no = bans.banned | bans.withdrawn
    return Decision(
        audience=case.audience,
        answers=given,
        soft_opt_in=_soft_groups(given.allow, sale),
        denied_products=_denied_products(state, bans, consented),
        contact=_contact(state, given.allowed),
        consented_products=by_product,
        consented=consented.stands,
        refuses_disclosure=state.collection_banned or bool(said_no & _DISCLOSURE),
    )


_CONTACT_POINTS = frozenset(POINT_OF.values())
_DISCLOSURE = bit(Purpose.DISCLOSURE, Channel.POST)


@dataclass(frozen=True, slots=True)
class _Consented:
    """Cells under a standing consent; `naming` only where the purpose is named (R34),
    `mobile_by_phone` only where `phone` and the product `mobile` are (R31). `stands` tells
    whether there is any, limited to products or not."""

    any: int
    naming: int
    mobile_by_phone: int
    stands: bool


def _consented(state: PersonState) -> tuple[_Consented, dict[str, int]]:
    every = naming = mobile = 0
    stands = False
    by_product: dict[str, int] = {}
    for consent, product, cells in standing_consents(state):
        stands = True
        named = cells & sum(PURPOSE_CELLS[Purpose(one)] for one in consent.scope.purposes or ())
        if product is not None:
            # No service notice, which asks for none (R35), and disclosure only by name (R34).
            opens = cells & CAMPAIGN_CELLS | named & PURPOSE_CELLS[Purpose.DISCLOSURE]
            by_product[product] = by_product.get(product, 0) | opens
            if product == MOBILE and Channel.PHONE.value in (consent.scope.channels or ()):
                mobile |= cells & CHANNEL_CELLS[Channel.PHONE]
            continue
        every |= cells
        naming |= named
    return _Consented(every, naming, mobile, stands), _reachable(by_product, state)


def _reachable(by_product: Mapping[str, int], state: PersonState) -> dict[str, int]:
    """Only the cells of channels for which a contact point is held (R36)."""
    if not by_product:
        return {}
    held = sum(
        CHANNEL_CELLS[channel] for channel, point in POINT_OF.items() if point in state.profile
    )
    return {product: cells & held for product, cells in by_product.items() if cells & held}


def standing_consents(state: PersonState) -> Iterator[tuple[Consent, str | None, int]]:
    """Consents of which some cells stand, with those cells: once, or once per product where
    the consent is limited to some."""
    for consent in state.permissions.consents:
        for product in consent.scope.products or (None,):
            cells = alive_cells(consent, state.permissions.nos, product)
            if cells:
                yield consent, product, cells


def _bans(state: PersonState, others: Iterable[Entry]) -> _Bans:
    banned = withdrawn = 0
    products: list[DeniedProduct] = []
    for ban in bindings(state, others):
        if ban.product is not None:
            products.extend(_product_ban(ban, ban.product))
        elif ban.reason is Denial.BANNED:
            banned |= ban.cells
        else:
            withdrawn |= ban.cells
    return _Bans(banned, withdrawn, tuple(products))


def bindings(state: PersonState, others: Iterable[Entry]) -> Iterator[Binding]:
    """Every ban that stands for the person, with what consents have freed of it (R5, R8, R9)."""
    consents = [consent for consent in state.permissions.consents if consent.scope.named]
    for no in state.standing:
        yield from _bindings(no, no.scope, no.reason, no.scope.cells, consents)
    for entry in others:
        naming = [consent for consent in consents if _names_point(consent, entry, state)]
        yield from _bindings(entry, entry.scope, entry.reason, binding_cells(entry), naming)


def _bindings(
    by: No | Entry, scope: Scope, reason: Denial, bound: int, consents: Sequence[Consent]
) -> Iterator[Binding]:
    time = by.time if isinstance(by, No) else by.since
    for product in scope.products or (None,):
        freed = freed_cells(time, product, consents) & bound
        yield Binding(by, scope, product, reason, bound & ~freed, freed)


def _names_point(consent: Consent, entry: Entry, state: PersonState) -> bool:
    """Whether the consent names the banned contact point, compared exactly (R8, R54)."""
    party = consent.fact.party or {}
    held = state.profile
    if entry.kind is PointKind.EMAIL:
        return "email" in party and "email" in held and _same_email(party["email"], held["email"])
    if entry.kind is PointKind.PHONE:
        return "phone" in party and party["phone"] == held.get("phone")
    if entry.kind is PointKind.POST:
        return "address" in party and party["address"] == held.get("address")
    return False


def _same_email(one: str, other: str) -> bool:
    return one == other or normalise.email_exact(one) == normalise.email_exact(other)


def _product_ban(ban: Binding, product: str) -> Iterable[DeniedProduct]:
    """A denied product: as its ban's scope says, or, where it denies other cells than that says
    (some were freed, R5; a no to disclosure is one on any channel), a row per channel and its
    purposes."""
    if not ban.cells:
        return
    scope = ban.scope
    if isinstance(ban.by, No) and cells_of(scope.purposes, scope.channels) == ban.cells:
        yield DeniedProduct(product, ban.cells, scope.purposes, scope.channels, ban.reason)
        return
    by_purposes: dict[tuple[str, ...], list[Channel]] = {}
    for channel, column in CHANNEL_CELLS.items():
        purposes = tuple(purpose.value for purpose, _ in cells_in(ban.cells & column))
        if purposes:
            by_purposes.setdefault(purposes, []).append(channel)
    for purposes, channels in by_purposes.items():
        bits = ban.cells & sum(CHANNEL_CELLS[channel] for channel in channels)
        named = tuple(channel.value for channel in channels)
        yield DeniedProduct(product, bits, purposes, named, ban.reason)


def _denied_products(
    state: PersonState, bans: _Bans, consented: _Consented
) -> tuple[DeniedProduct, ...]:
    denied = set(bans.products)
    if state.kind is Kind.CONSUMER and not _may_call_about_mobile(state):
        denied.update(_mobile_by_phone(consented.mobile_by_phone))
    return tuple(
        sorted(
            denied,
            key=lambda row: (row.product, row.reason, row.purposes or (), row.channels or ()),
        )
    )


def _may_call_about_mobile(state: PersonState) -> bool:
    """R31: the person now has a mobile contract."""
    return any(order.active and MOBILE in order.categories for order in state.orders)


def _mobile_by_phone(consented: int) -> Iterable[DeniedProduct]:
    """R31: mobile by phone, but for the purposes that a consent naming both opens."""
    cells = CAMPAIGN_CELLS & CHANNEL_CELLS[Channel.PHONE] & ~consented
    if not cells:
        return
    purposes = tuple(purpose.value for purpose, _ in cells_in(cells)) if consented else None
    yield DeniedProduct(MOBILE, cells, purposes, (Channel.PHONE.value,), Denial.MOBILE_BY_PHONE)


def _sale(state: PersonState) -> _Sale:
    """Contact points that the person gave in a sale, as they are held now."""
    obtained: set[str] = set()
    groups: dict[str, set[str]] = {}
    for order in state.orders:
        if order.cancelled or not order.fact.body["contact_obtained_in_sale"]:
            continue
        points = named_and_held(order, state)
        obtained |= points
        if points and order.fact.body["marketing_opt_out_offered"]:
            categories = order.categories
            for point in points:
                groups.setdefault(point, set()).update(categories)
    return _Sale(frozenset(obtained), groups)


def named_and_held(order: Order, state: PersonState) -> set[str]:
    """Contact points that the order gave and that are still held: `email`, `phone`."""
    party: Mapping[str, Any] = order.fact.party or {}
    named: set[str] = set()
    if "email" in party and _same_email(party["email"], state.profile.get("email", "")):
        named.add("email")
    if "phone" in party and party["phone"] == state.profile.get("phone"):
        named.add("phone")
    return named


def _soft_groups(allow: Mapping[Purpose, Mapping[Channel, Basis]], sale: _Sale) -> tuple[str, ...]:
    """Groups bought in the sales that gave a contact point which a soft opt-in uses."""
    groups: set[str] = set()
    for channels in allow.values():
        for channel, basis in channels.items():
            if basis is Basis.SOFT_OPT_IN:
                groups.update(sale.groups[POINT_OF[channel]])
    return tuple(sorted(groups))


def _contact(state: PersonState, allowed: int) -> JsonDict:
    """Only contact points that an allowed marketing cell uses (R44)."""
    contact: JsonDict = {}
    for channel, point in POINT_OF.items():
        if allowed & CAMPAIGN_CELLS & CHANNEL_CELLS[channel]:
            contact[point] = state.profile[point]
    return contact
