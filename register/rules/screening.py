"""The gate right before a campaign sends: may these recipients be contacted, and why?"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from register.rules import cells, normalise
from register.rules.bans import Entry, binding_cells
from register.rules.facts import JsonDict
from register.rules.table import PURPOSE_RULES
from schemas.terms import Basis, Channel, Denial, Purpose


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every recipient.

    `product` is folded as products are compared; `related` is the product with its groups or,
    for a group, with its products, as far as orders have shown them; `groups` are the product's
    groups. `known` tells whether any order has shown the product.
    """

    purpose: Purpose
    channel: Channel
    product: str | None
    related: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    known: bool = True

    @property
    def bit(self) -> int:
        """The cell asked."""
        return cells.bit(self.purpose, self.channel)


@dataclass(frozen=True, slots=True)
class Found:
    """A customer that a recipient may be: the last message (None: gone), what a consent opens
    for a product alone, and whether the contact point named is exactly the one held."""

    message: JsonDict | None
    consented_products: Mapping[str, int]
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed with a basis, or denied with a reason; `groups` are the only product groups
    that an allowance covers, where it is limited (soft opt-in)."""

    basis: Basis | None
    reason: Denial | None
    groups: tuple[str, ...] = ()

    def shown(self, ref: str) -> JsonDict:
        """As `screening.decided` shows it."""
        if self.basis is not None:
            shown: JsonDict = {"ref": ref, "allowed": True, "basis": self.basis}
            if self.groups:
                shown["products"] = self.groups
            return shown
        return {"ref": ref, "allowed": False, "reason": self.reason}


def decide_known(question: Question, found: Sequence[Found], bans: Iterable[Entry]) -> Verdict:
    """Decide a recipient: where several customers share the contact point, a no of one counts.

    `bans` stand under the contact point by which the recipient was named, if any. A customer
    whose address is only much like the one named (R54) can deny, not allow.
    """
    verdicts = [(_customer(question, one), one.exact) for one in found]
    for verdict, _ in verdicts:
        if verdict.basis is None:
            return verdict
    for verdict, exact in verdicts:
        if exact:
            return _for_all(verdict, [verdict for verdict, _ in verdicts])
    return _unknown(question, bans)


def _for_all(verdict: Verdict, verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict, for the product groups alone that nobody's is without."""
    limits = [one.groups for one in verdicts if one.groups]
    if not limits:
        return verdict
    left = tuple(group for group in limits[0] if all(group in groups for groups in limits))
    return replace(verdict, groups=left) if left else Verdict(None, Denial.NOT_SIMILAR_PRODUCT)


def _unknown(question: Question, bans: Iterable[Entry]) -> Verdict:
    for ban in bans:
        products = ban.scope.products
        covers = binding_cells(ban) & question.bit
        if ban.collection or (covers and (products is None or _concerns(question, products))):
            return Verdict(None, Denial.BANNED)
    return Verdict(None, Denial.UNKNOWN)


def _customer(question: Question, found: Found) -> Verdict:
    if found.message is None:
        return Verdict(None, Denial.ERASED)
    product = question.product
    if product is not None:
        denied = _denied_product(question, found.message)
        if denied is not None:
            return Verdict(None, denied)
    reason = found.message["deny"].get(question.purpose, {}).get(question.channel)
    if reason is not None:
        if Denial(reason) in _FOR_WANT_OF_CONSENT and _opened(question, found):
            return Verdict(Basis.CONSENT, None)
        return Verdict(None, Denial(reason))
    code = found.message["allow"].get(question.purpose, {}).get(question.channel)
    if code is None:  # `disclosure` has no other channel than post
        return Verdict(None, Denial.NO_CONTACT_POINT)
    return _similar(question, Basis(code), found, found.message)


_FOR_WANT_OF_CONSENT = frozenset(
    {
        Denial.NO_CONSENT,
        Denial.NOT_A_CUSTOMER,
        Denial.NO_OPT_OUT_OFFERED,
        Denial.ROLE_UNKNOWN,
    }
)
"""Denials that a consent to the one product named answers."""


def _concerns(question: Question, products: Collection[str]) -> bool:
    """Whether a ban on these products bears on the product asked about.

    A ban on a group bans its products, and a ban on a product bans asking about its group. Of
    a product that no order has shown the group is not known: any product ban counts.
    """
    if question.product is None:
        return False
    return not question.known or not question.related.isdisjoint(products)


def _denied_products(question: Question, message: JsonDict) -> Iterator[tuple[str, Denial]]:
    """The products and groups that are denied in the cell asked."""
    for row in message["products"]["denied"]:
        if cells.mask(row.get("purposes"), row.get("channels")) & question.bit:
            yield row["product"], Denial(row["reason"])


def _denied_product(question: Question, message: JsonDict) -> Denial | None:
    denied = _denied_products(question, message)
    return next((reason for name, reason in denied if _concerns(question, (name,))), None)


def _similar(question: Question, basis: Basis, found: Found, message: JsonDict) -> Verdict:
    """A soft opt-in for offers and campaigns covers only the groups bought."""
    limited = PURPOSE_RULES[question.purpose].similar_products_only
    if basis is not Basis.SOFT_OPT_IN or not limited:
        return Verdict(basis, None)
    bought = message["products"]["soft_opt_in"]
    if question.product is None:
        return _groups_left(question, basis, bought, message)
    if question.groups.isdisjoint(bought) and question.product not in bought:
        if _opened(question, found):
            return Verdict(Basis.CONSENT, None)
        return Verdict(None, Denial.NOT_SIMILAR_PRODUCT)
    return Verdict(basis, None)


def _groups_left(
    question: Question, basis: Basis, bought: Sequence[str], message: JsonDict
) -> Verdict:
    """The groups that may be marketed where no product is named: not those that are banned (R6)."""
    denied = dict(_denied_products(question, message))
    left = tuple(group for group in bought if group not in denied)
    return Verdict(basis, None, left) if left else Verdict(None, denied[bought[0]])


def _opened(question: Question, found: Found) -> bool:
    """Whether a consent limited to the product asked about, or a group of its, opens the cell."""
    return question.product is not None and any(
        found.consented_products.get(name, 0) & question.bit
        for name in (question.product, *question.groups)
    )


def question(
    purpose: Purpose, channel: Channel, product: str | None, catalogue: Collection[tuple[str, str]]
) -> Question:
    """The question as asked; `catalogue` holds (product, group) as orders have shown them."""
    if product is None:
        return Question(purpose, channel, None)
    name = normalise.product(product)
    groups = frozenset(group for item, group in catalogue if item == name)
    within = frozenset(item for item, group in catalogue if group == name)
    known = bool(groups or within)
    return Question(purpose, channel, name, groups | within | {name}, groups, known)
