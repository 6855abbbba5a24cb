"""The answer for one cell: outcome, rules, evidence, and what is missing."""

from dataclasses import dataclass

from register.rules import messages
from register.rules.decide import audience
from register.rules.explain.asked import Asked
from register.rules.explain.case import Case
from register.rules.explain.evidence import Evidence, Role, of_consent, of_fact, unique
from register.rules.explain.finders import FINDERS
from register.rules.explain.grounds import Ground, Missing, Outcome, ground, missing, rules
from register.rules.facts import TAKE_AWAY
from register.rules.screening import Found, Question, decide_known
from schemas.terms import Channel, Denial, Purpose


@dataclass(frozen=True, slots=True)
class Why:
    """The outcome of a cell, and what it rests on; the deciding events come first.

    `outcome` is None where it cannot be told any more, since the data has been erased. `groups`
    are the only product groups that a soft opt-in covers. `ground` is what stands behind the
    person's row of the decision table; None where nothing is held.
    """

    purpose: Purpose
    channel: Channel
    product: str | None
    outcome: Outcome | None
    rules: tuple[str, ...] = ()
    events: tuple[Evidence, ...] = ()
    missing: Missing | None = None
    groups: tuple[str, ...] = ()
    ground: Ground | None = None


def why(case: Case, purpose: Purpose, channel: Channel, question: Question | None = None) -> Why:
    """Explain one cell; with a `question` (of `screening.question`) for the product it names."""
    product = question.product if question else None
    outcome, groups = _outcome(case, purpose, channel, question)
    if outcome is None:
        return Why(purpose, channel, product, None)
    asked = Asked(case, purpose, channel, question)
    events = tuple(unique(FINDERS[outcome](asked)))
    return Why(
        purpose=purpose,
        channel=channel,
        product=product,
        outcome=outcome,
        rules=rules(outcome, purpose, events),
        events=events,
        missing=missing(outcome, purpose, must_be_named=asked.must_be_named),
        groups=groups,
        ground=ground(audience(case.state), case.state.kind) if case.decision else None,
    )


def _outcome(
    case: Case, purpose: Purpose, channel: Channel, question: Question | None
) -> tuple[Outcome | None, tuple[str, ...]]:
    decision = case.decision
    if decision is None:
        return _without_data(case), ()
    found = Found(messages.eligibility(decision, ()), decision.consented_products)
    verdict = decide_known(question or Question(purpose, channel, None), [found], ())
    return verdict.basis or verdict.reason, verdict.groups


def _without_data(case: Case) -> Outcome | None:
    """Erased, never known (R12), or known at the time and erased since."""
    if not case.is_whole:
        return None
    was_held = any(fact.brings_data or fact.type in TAKE_AWAY for fact in case.facts)
    return Denial.ERASED if was_held else Denial.UNKNOWN


def remains(case: Case) -> tuple[Evidence, ...]:
    """What is kept of somebody of whom no personal data is held: what was agreed to, what was
    said no to, and which no was lifted."""
    said = case.state.permissions
    kept = [of_consent(Role.KEPT, consent) for consent in said.consents]
    kept += [of_fact(Role.KEPT, no.fact) for no in said.nos]
    kept += [of_fact(Role.KEPT, lift.fact) for lift in said.lifts]
    return tuple(sorted(kept, key=lambda event: event.time))
