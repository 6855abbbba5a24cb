"""One cell of a case, and what bears on it."""

from collections.abc import Iterator
from dataclasses import dataclass

from register.rules.answers import POINT_OF
from register.rules.cells import bit
from register.rules.decide import Binding, bindings, named_and_held
from register.rules.explain.case import Case
from register.rules.facts import LISTING, Fact, JsonDict
from register.rules.fold import Order, PersonState
from register.rules.permissions import Consent
from register.rules.screening import Question
from register.rules.table import PURPOSE_RULES
from schemas.terms import Channel, Purpose


@dataclass(frozen=True, slots=True)
class Asked:
    """A cell of a case; `question` names the product asked about, if any."""

    case: Case
    purpose: Purpose
    channel: Channel
    question: Question | None

    @property
    def state(self) -> PersonState:
        """The person's state."""
        return self.case.state

    @property
    def bit(self) -> int:
        """The cell."""
        return bit(self.purpose, self.channel)

    @property
    def field(self) -> str:
        """What of the person's data the channel needs (R36)."""
        return POINT_OF[self.channel]

    @property
    def must_be_named(self) -> bool:
        """Whether only a consent that names the purpose counts (R34)."""
        return PURPOSE_RULES[self.purpose].consent_must_name_it and not self.state.is_customer

    def concerns(self, products: frozenset[str] | None) -> bool:
        """Whether a ban on these products (None: all) bears on what is asked."""
        if products is None:
            return True
        if self.question is None:
            return False
        return not self.question.known or not self.question.related.isdisjoint(products)

    def reaches(self, consent: Consent, product: str | None) -> bool:
        """Whether a consent that stands in the cell, for a product alone unless that is None,
        opens it for what is asked."""
        if product is None:
            return not self.must_be_named or self.purpose in (consent.scope.purposes or ())
        question = self.question
        return question is not None and product in {question.product, *question.groups}

    def bindings(self) -> Iterator[Binding]:
        """Bans that stand for the person and bear on what is asked, whatever their cells."""
        for ban in bindings(self.state, [line.entry for line in self.case.others]):
            if self.concerns(frozenset({ban.product}) if ban.product is not None else None):
                yield ban

    def orders(self) -> list[Order]:
        """The person's orders, the newest first."""
        return sorted(self.state.orders, key=lambda order: order.fact.order, reverse=True)

    def obtained(self, order: Order) -> bool:
        """Whether the sale gave the contact point that the channel uses."""
        if order.cancelled or not order.fact.body["contact_obtained_in_sale"]:
            return False
        return self.field in named_and_held(order, self.state)

    def giver(self, name: str, part: str | None = None) -> Fact | None:
        """Who said what is held in a field: the newest word, a listing's only if no other's."""

        def said(holder: JsonDict) -> object:
            value = holder.get(name)
            return value.get(part) if part and isinstance(value, dict) else value

        held = said(self.state.profile)
        givers = [fact for fact in self.state.live if fact.party and said(fact.party) == held]
        own = [fact for fact in givers if fact.type != LISTING]
        return max(own or givers, key=lambda fact: fact.order, default=None)
