"""The decision: allow or deny, with basis or reason, for every purpose × channel (R30 to R36)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from register.rules import normalise
from register.rules.bans import Entry, binding_cells
from register.rules.cells import CAMPAIGN_CELLS, CHANNEL_CELLS, PURPOSE_CELLS, cells_in
from register.rules.facts import JsonDict, Scope
from register.rules.fold import Consent, No, Order, PersonState, alive_cells, freed_cells
from register.rules.table import PURPOSE_RULES, ROWS, PurposeRule, Row
from schemas.terms import Audience, Basis, Channel, Denial, Kind, PointKind, Purpose

MOBILE = "mobile"
"""The product group that Act 917/2014 §201 speaks of (R31)."""

POINT_OF = {
    Channel.EMAIL: "email",
    Channel.SMS: "phone",
    Channel.AUTOMATED_CALL: "phone",
    Channel.PHONE: "phone",
    Channel.POST: "address",
}
"""What of a person's data each channel needs (R36)."""


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
    whether any consent stands (R26).
    """

    audience: Audience
    allow: Mapping[Purpose, Mapping[Channel, Basis]]
    deny: Mapping[Purpose, Mapping[Channel, Denial]]
    soft_opt_in: tuple[str, ...]
    denied_products: tuple[DeniedProduct, ...]
    contact: JsonDict
    consented_products: Mapping[str, int]
    consented: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """A ban or withdrawal that stands for a person: own (`No`), or under a contact point or
    company of theirs (`Entry`).

    `cells` are denied by it, `freed` are those of its cells that newer consents freed (R5b).
    """

    by: No | Entry
    scope: Scope
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
    """Which contact points were got in a sale (soft opt-in), and the groups bought."""

    obtained: frozenset[str]
    offered: frozenset[str]
    groups: frozenset[str]


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
    row = ROWS[audience(state), state.kind]
    bans = _bans(state, others)
    consented, by_product = _consented(state)
    sale = _sale(state)
    allow: dict[Purpose, dict[Channel, Basis]] = {}
    deny: dict[Purpose, dict[Channel, Denial]] = {}
    allowed_cells = 0
    for purpose, channel, bit, code in row.codes:
        outcome = _blocked(state, bans, purpose, bit, agreements) or _basis(
            state, row, purpose, channel, code, _consent_for(consented, bit, purpose, state), sale
        )
        if isinstance(outcome, Basis) and POINT_OF[channel] not in state.profile:
            outcome = Denial.NO_CONTACT_POINT
        if isinstance(outcome, Basis):
            allow.setdefault(purpose, {})[channel] = outcome
            allowed_cells |= bit
        else:
            deny.setdefault(purpose, {})[channel] = outcome
    return Decision(
        audience=audience(state),
        allow=allow,
        deny=deny,
        soft_opt_in=_soft_groups(allow, sale),
        denied_products=_denied_products(state, bans, by_product),
        contact=_contact(state, allowed_cells),
        consented_products=by_product,
        consented=bool(consented.any or by_product),
    )


def _blocked(
    state: PersonState, bans: _Bans, purpose: Purpose, bit: int, agreements: frozenset[Purpose]
) -> Denial | None:
    """The first check that fails, up to the basis."""
    if purpose is Purpose.SERVICE_NOTICE:
        return Denial.ROLE_ENDED if state.role_ended else None
    if state.collection_banned:
        return Denial.COLLECTION_BANNED
    if state.role_ended:
        return Denial.ROLE_ENDED
    if bans.banned & bit:
        return Denial.BANNED
    if bans.withdrawn & bit:
        return Denial.WITHDRAWN
    if PURPOSE_RULES[purpose].needs_agreement and purpose not in agreements:
        return Denial.NO_AGREEMENT
    return None


def _basis(
    state: PersonState,
    row: Row,
    purpose: Purpose,
    channel: Channel,
    code: str,
    consented: bool,
    sale: _Sale,
) -> Basis | Denial:
    if code == "K":
        ever_ordered = bool(state.orders)
        return Basis.CONTRACT if ever_ordered else Denial.NOT_A_CUSTOMER
    if code == "O":
        assert row.opt_out_basis is not None
        return row.opt_out_basis
    if code == "B" and state.profile.get("company", {}).get("role"):
        return Basis.BUSINESS_ROLE
    if consented:
        return Basis.CONSENT
    if code == "B":
        return Denial.ROLE_UNKNOWN
    if code == "S":
        return _soft(purpose, POINT_OF[channel], sale)
    return row.without_consent


def _soft(purpose: Purpose, point: str, sale: _Sale) -> Basis | Denial:
    if point in sale.offered:
        if PURPOSE_RULES[purpose].similar_products_only and not sale.groups:
            return Denial.NO_CONSENT
        return Basis.SOFT_OPT_IN
    return Denial.NO_OPT_OUT_OFFERED if point in sale.obtained else Denial.NO_CONSENT


def _consent_for(consented: "_Consented", bit: int, purpose: Purpose, state: PersonState) -> bool:
    rule: PurposeRule = PURPOSE_RULES[purpose]
    must_name = rule.consent_must_name_it and not state.is_customer
    return bool((consented.naming if must_name else consented.any) & bit)


@dataclass(frozen=True, slots=True)
class _Consented:
    """Cells under a standing consent; `naming` only where the purpose is named (R34)."""

    any: int
    naming: int


def _consented(state: PersonState) -> tuple[_Consented, dict[str, int]]:
    every = naming = 0
    by_product: dict[str, int] = {}
    for consent, cells in standing_consents(state):
        if consent.scope.products is None:
            every |= cells
            for purpose in consent.scope.purposes or ():
                naming |= cells & PURPOSE_CELLS[Purpose(purpose)]
        else:
            for product in consent.scope.products:
                by_product[product] = by_product.get(product, 0) | cells
    return _Consented(every, naming), by_product


def standing_consents(state: PersonState) -> Iterator[tuple[Consent, int]]:
    """Consents of which some cells stand, with those cells."""
    for consent in state.permissions.consents:
        cells = alive_cells(consent, state.permissions.nos)
        if cells:
            yield consent, cells


def _bans(state: PersonState, others: Iterable[Entry]) -> _Bans:
    banned = withdrawn = 0
    products: list[DeniedProduct] = []
    for ban in bindings(state, others):
        if ban.scope.products is not None:
            products.extend(_product_bans(ban, ban.scope.products))
        elif ban.reason is Denial.BANNED:
            banned |= ban.cells
        else:
            withdrawn |= ban.cells
    return _Bans(banned, withdrawn, tuple(products))


def bindings(state: PersonState, others: Iterable[Entry]) -> Iterator[Binding]:
    """Every ban that stands for the person, with what consents have freed of it (R5, R8, R9)."""
    consents = state.permissions.consents
    for no in state.standing:
        freed = freed_cells(no.time, no.scope.products, consents) & no.scope.cells
        yield Binding(no, no.scope, no.reason, no.scope.cells & ~freed, freed)
    for entry in others:
        naming = [consent for consent in consents if _names_point(consent, entry, state)]
        scope, bound = entry.scope, binding_cells(entry)
        freed = freed_cells(entry.since, scope.products, naming) & bound
        yield Binding(entry, scope, entry.reason, bound & ~freed, freed)


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
    return normalise.email_exact(one) == normalise.email_exact(other)


def _product_bans(ban: Binding, products: frozenset[str]) -> Iterable[DeniedProduct]:
    scope = ban.scope
    if isinstance(ban.by, No) and not ban.freed:
        for product in products:
            yield DeniedProduct(product, ban.cells, scope.purposes, scope.channels, ban.reason)
    else:
        yield from _denied(products, ban.cells, ban.reason)


def _denied(products: frozenset[str], cells: int, reason: Denial) -> Iterable[DeniedProduct]:
    """Denied products of which only some cells are left: one row per channel and its purposes."""
    by_purposes: dict[tuple[str, ...], list[str]] = {}
    for channel, column in CHANNEL_CELLS.items():
        purposes = tuple(dict.fromkeys(purpose.value for purpose, _ in cells_in(cells & column)))
        if purposes:
            by_purposes.setdefault(purposes, []).append(channel.value)
    for purposes, channels in by_purposes.items():
        bits = 0
        for channel_name in channels:
            for purpose_name in purposes:
                bits |= PURPOSE_CELLS[Purpose(purpose_name)] & CHANNEL_CELLS[Channel(channel_name)]
        for product in products:
            yield DeniedProduct(product, bits, purposes, tuple(channels), reason)


def _denied_products(
    state: PersonState, bans: _Bans, by_product: Mapping[str, int]
) -> tuple[DeniedProduct, ...]:
    denied = set(bans.products)
    if state.kind is Kind.CONSUMER and not _may_call_about_mobile(state):
        denied.add(_mobile_by_phone(by_product.get(MOBILE, 0)))
    return tuple(
        sorted(
            denied,
            key=lambda row: (row.product, row.reason, row.purposes or (), row.channels or ()),
        )
    )


def _may_call_about_mobile(state: PersonState) -> bool:
    """R31: the person now has a mobile contract."""
    return any(order.active and MOBILE in order.categories for order in state.orders)


def _mobile_by_phone(consented: int) -> DeniedProduct:
    """R31: mobile by phone, but for the purposes that a consent naming both opens."""
    cells = CAMPAIGN_CELLS & CHANNEL_CELLS[Channel.PHONE] & ~consented
    purposes = tuple(purpose.value for purpose, _ in cells_in(cells))
    whole = not consented & CHANNEL_CELLS[Channel.PHONE]
    return DeniedProduct(
        MOBILE, cells, None if whole else purposes, (Channel.PHONE.value,), Denial.MOBILE_BY_PHONE
    )


def _sale(state: PersonState) -> _Sale:
    """Contact points that the person gave in a sale, as they are held now."""
    obtained: set[str] = set()
    offered: set[str] = set()
    groups: set[str] = set()
    for order in state.orders:
        if order.cancelled or not order.fact.body["contact_obtained_in_sale"]:
            continue
        named = named_and_held(order, state)
        obtained |= named
        if order.fact.body["marketing_opt_out_offered"]:
            offered |= named
            groups |= order.categories
    return _Sale(frozenset(obtained), frozenset(offered), frozenset(groups))


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
    used = any(Basis.SOFT_OPT_IN in channels.values() for channels in allow.values())
    return tuple(sorted(sale.groups)) if used else ()


def _contact(state: PersonState, allowed: int) -> JsonDict:
    """Only contact points that an allowed marketing cell uses (R44)."""
    contact: JsonDict = {}
    for channel, point in POINT_OF.items():
        if allowed & CAMPAIGN_CELLS & CHANNEL_CELLS[channel]:
            contact[point] = state.profile[point]
    return contact
