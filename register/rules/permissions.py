"""What a person said about what may be done, and what of it stands (R5, R5a, R5b, R6, R9)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from register.rules.facts import (
    CONSENT,
    LIFT,
    NOES,
    ORDER,
    SIGNUP,
    WITHDRAWAL,
    Fact,
    Scope,
    parse_ban_scope,
    parse_scope,
)
from schemas.terms import Denial

Moment = datetime


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


def permissions_of(ordered: Sequence[Fact]) -> Permissions:
    """Everything that facts in the order of the fold say about what may be done."""
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
        if no.time >= consent.time and _takes(no.scope, product):
            cells &= ~no.scope.cells
    return cells


def _takes(scope: Scope, product: str | None) -> bool:
    """Whether a no of the scope takes what was agreed for the product, or for all (None)."""
    return scope.products is None or product in scope.products


def stands(consent: Consent, nos: Sequence[No]) -> bool:
    """Whether any cell of a consent is left, for any of its products."""
    return any(alive_cells(consent, nos, product) for product in consent.scope.products or (None,))


class StandingConsents:
    """What consents leave open as time goes on, in one pass, however many there are."""

    def __init__(self, permissions: Permissions) -> None:
        """Begin before the first of them."""
        self._permissions = permissions
        self._to_come: list[Consent | No] | None = None
        self._cells: dict[str | None, int] = {}

    def any_at(self, now: Moment) -> bool:
        """Whether any cell of a consent stands at that moment: not earlier than the last asked."""
        if self._to_come is None:
            # A no of the same time takes a consent away (R3).
            self._to_come = sorted(
                (*self._permissions.consents, *self._permissions.nos),
                key=lambda one: (one.time, isinstance(one, No)),
                reverse=True,
            )
        while self._to_come and self._to_come[-1].time <= now:
            self._take(self._to_come.pop())
        return any(self._cells.values())

    def _take(self, one: Consent | No) -> None:
        scope = one.scope
        if isinstance(one, Consent):
            for product in scope.products or (None,):
                self._cells[product] = self._cells.get(product, 0) | scope.cells
            return
        for product in self._cells:
            if _takes(scope, product):
                self._cells[product] &= ~scope.cells


def collecting(permissions: Permissions, ordered: Sequence[Fact]) -> Iterator[Collecting]:
    """The bans on collecting, each with what ended it (R24)."""
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


def without_parties(permissions: Permissions, dead: Sequence[Fact]) -> Permissions:
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
