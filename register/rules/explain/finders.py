"""The events on which each basis and each reason rests, the deciding ones first."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from register.rules.agreements import SIGNED
from register.rules.decide import MOBILE, Binding, standing_consents
from register.rules.explain.asked import Asked
from register.rules.explain.evidence import Evidence, Role, of_ban, of_consent, of_fact, of_line
from register.rules.explain.grounds import Outcome
from register.rules.facts import CANCELLED, ENDED, LEFT_COMPANY, LISTING, TAKE_AWAY, Fact
from register.rules.fold import Order
from register.rules.permissions import Consent, No, alive_cells
from schemas.terms import Basis, Denial, PointKind

# What allows


def _by_consent(asked: Asked) -> Iterator[Evidence]:
    standing = [
        consent
        for consent, product, cells in standing_consents(asked.state)
        if cells & asked.bit and asked.reaches(consent, product)
    ]
    for consent in reversed(standing):
        yield of_consent(Role.DECIDES, consent)
    yield from _set_aside(asked)


def _set_aside(asked: Asked) -> Iterator[Evidence]:
    """Bans that newer consents freed the cell of (R5b)."""
    for ban in asked.bindings():
        if ban.freed & asked.bit:
            yield of_ban(Role.SET_ASIDE, ban, asked.case)


def _by_soft_opt_in(asked: Asked) -> Iterator[Evidence]:
    for order in asked.orders():
        if asked.obtained(order) and order.fact.body["marketing_opt_out_offered"]:
            yield of_fact(Role.DECIDES, order.fact)
    yield from _set_aside(asked)


def _by_relationship(asked: Asked) -> Iterator[Evidence]:
    for order in reversed(asked.orders()):
        if order.active:
            yield of_fact(Role.DECIDES, order.fact)
    yield from _set_aside(asked)


def _by_interest(asked: Asked) -> Iterator[Evidence]:
    giver = asked.giver(asked.field)
    if giver is not None:
        yield of_fact(Role.DECIDES, giver)
    yield from _set_aside(asked)


def _by_role(asked: Asked) -> Iterator[Evidence]:
    giver = asked.giver("company", "role")
    if giver is not None:
        yield of_fact(Role.DECIDES, giver)
    yield from _set_aside(asked)


def _by_contract(asked: Asked) -> Iterator[Evidence]:
    for order in asked.orders():
        yield of_fact(Role.DECIDES, order.fact)


# What stands against


def _collection_banned(asked: Asked) -> Iterator[Evidence]:
    for ban in reversed(asked.state.collecting):
        if ban.ended_by is None:
            yield of_fact(Role.DECIDES, ban.no.fact)


def _role_ended(asked: Asked) -> Iterator[Evidence]:
    """The end of the role in the company that the person acted for last."""
    facts = asked.case.facts
    acted = [fact for fact in facts if fact.brings_data and _companies(fact)]
    own = [fact for fact in acted if fact.type != LISTING]
    company = _companies((own or acted)[-1])
    left = [fact for fact in facts if fact.type == LEFT_COMPANY and _companies(fact) & company]
    yield of_fact(Role.DECIDES, left[-1])


def _companies(fact: Fact) -> set[bytes]:
    return {point.digest for point in fact.points if point.kind is PointKind.COMPANY}


def _said_no(reason: Denial) -> Callable[[Asked], Iterator[Evidence]]:
    def find(asked: Asked) -> Iterator[Evidence]:
        binding = [
            ban for ban in asked.bindings() if ban.reason is reason and ban.cells & asked.bit
        ]
        for ban in sorted(binding, key=_since):
            yield of_ban(Role.DECIDES, ban, asked.case)
        yield from _ended_consents(asked)

    return find


def _since(ban: Binding) -> datetime:
    return ban.by.time if isinstance(ban.by, No) else ban.by.since


def _gone(asked: Asked) -> Iterator[Evidence]:
    """Why nothing is held of somebody: what took the data away last."""
    case = asked.case
    taken = [fact for fact in case.facts if fact.type in TAKE_AWAY]
    if taken:
        yield of_fact(Role.DECIDES, taken[-1])
        return
    if not any(fact.brings_data for fact in case.facts):
        return
    collecting = [ban.no for ban in case.state.collecting if ban.ended_by is None]
    nos = collecting or case.state.permissions.nos
    if nos:
        yield of_fact(Role.DECIDES, nos[-1].fact)
    for line in case.forbidding:
        yield of_line(Role.DECIDES, line)


# What is missing


def _no_agreement(asked: Asked) -> Iterator[Evidence]:
    """Agreements that opened the purpose once, and what ended them."""
    partners: dict[str, list[Fact]] = {}
    for fact in sorted(asked.case.agreements, key=lambda fact: (fact.time, fact.received)):
        partners.setdefault(fact.body["partner_id"], []).append(fact)
    for facts in partners.values():
        opened = [
            fact for fact in facts if fact.type == SIGNED and asked.purpose in fact.body["purposes"]
        ]
        if opened:
            yield of_fact(Role.ENDED, opened[-1])
            yield of_fact(Role.ENDED_BY, facts[-1])


def _no_consent(asked: Asked) -> Iterator[Evidence]:
    """Consents that do not reach the cell, or did once."""
    short = {
        consent.fact.fact_id: consent
        for consent, product, cells in standing_consents(asked.state)
        if cells & asked.bit and not asked.reaches(consent, product)
    }
    for consent in short.values():
        yield of_consent(Role.FALLS_SHORT, consent)
    yield from _ended_consents(asked)


def _ended_consents(asked: Asked) -> Iterator[Evidence]:
    nos = asked.state.permissions.nos
    for consent in reversed(asked.state.permissions.consents):
        if not consent.scope.cells & asked.bit or _left(consent, nos) & asked.bit:
            continue
        yield of_consent(Role.ENDED, consent)
        for no in nos:
            if not _left(consent, [no]) & asked.bit:
                yield of_fact(Role.ENDED_BY, no.fact)


def _left(consent: Consent, nos: Sequence[No]) -> int:
    """Cells of a consent that stand for any of its products."""
    cells = 0
    for product in consent.scope.products or (None,):
        cells |= alive_cells(consent, nos, product)
    return cells


def _not_a_customer(asked: Asked) -> Iterator[Evidence]:
    for order in asked.orders():
        yield from _ended_order(order, asked)
    yield from _no_consent(asked)


def _ended_order(order: Order, asked: Asked) -> Iterator[Evidence]:
    yield of_fact(Role.ENDED, order.fact)
    for fact in asked.case.facts:
        if (
            fact.type in (CANCELLED, ENDED)
            and fact.time == order.over
            and fact.source == order.fact.source
            and fact.body["order_id"] == order.fact.body["order_id"]
        ):
            yield of_fact(Role.ENDED_BY, fact)


def _no_opt_out_offered(asked: Asked) -> Iterator[Evidence]:
    for order in asked.orders():
        if asked.obtained(order):
            yield of_fact(Role.DECIDES, order.fact)
    yield from _no_consent(asked)


def _role_unknown(asked: Asked) -> Iterator[Evidence]:
    giver = asked.giver("company") if "company" in asked.state.profile else None
    if giver is not None:
        yield of_fact(Role.FALLS_SHORT, giver)
    yield from _no_consent(asked)


def _mobile_by_phone(asked: Asked) -> Iterator[Evidence]:
    for order in asked.orders():
        if MOBILE in order.categories:
            yield from _ended_order(order, asked)
    yield from _no_consent(asked)


def _no_contact_point(asked: Asked) -> Iterator[Evidence]:
    """A contact point that went with the contact's role (R27)."""
    gave = [fact for fact in asked.state.live if asked.field in (fact.party or {})]
    for fact in gave:
        yield of_fact(Role.ENDED, fact)
    for fact in asked.case.facts if gave else ():
        if fact.type == LEFT_COMPANY:
            yield of_fact(Role.ENDED_BY, fact)


FINDERS: Mapping[Outcome, Callable[[Asked], Iterator[Evidence]]] = {
    Basis.CONSENT: _by_consent,
    Basis.SOFT_OPT_IN: _by_soft_opt_in,
    Basis.CUSTOMER_RELATIONSHIP: _by_relationship,
    Basis.BUSINESS_INTEREST: _by_interest,
    Basis.BUSINESS_ROLE: _by_role,
    Basis.CONTRACT: _by_contract,
    Denial.ERASED: _gone,
    Denial.COLLECTION_BANNED: _collection_banned,
    Denial.ROLE_ENDED: _role_ended,
    Denial.BANNED: _said_no(Denial.BANNED),
    Denial.WITHDRAWN: _said_no(Denial.WITHDRAWN),
    Denial.NO_AGREEMENT: _no_agreement,
    Denial.NO_CONSENT: _no_consent,
    Denial.NOT_A_CUSTOMER: _not_a_customer,
    Denial.NO_OPT_OUT_OFFERED: _no_opt_out_offered,
    Denial.ROLE_UNKNOWN: _role_unknown,
    Denial.NOT_SIMILAR_PRODUCT: _by_soft_opt_in,
    Denial.NO_CONTACT_POINT: _no_contact_point,
    Denial.MOBILE_BY_PHONE: _mobile_by_phone,
    Denial.UNKNOWN: _gone,
}
"""By outcome, in the order of the codes; of equal rank the one that decides comes first."""
