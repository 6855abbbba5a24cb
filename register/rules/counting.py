"""Which facts of a person count (R40)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from register.rules.facts import CONSENT, LIFT, MERGE, NOES, Fact
from register.rules.permissions import collecting, permissions_of, standing


def counting(facts: Iterable[Fact]) -> list[Fact]:
    """The facts of a person that count: of a reference that gave no data, and that only a no
    proved to be this person's, its nos count and what it allows does not (R40). A merge by hand
    proves it where it reaches somebody who gave data (R52)."""
    facts = list(facts)
    with_data = {fact.identity for fact in facts if fact.brings_data}
    if not with_data or all(fact.identity in with_data for fact in facts):
        return facts
    merges = [
        {fact.identity, *map(bytes.fromhex, fact.body["merged"])}
        for fact in facts
        if fact.type == MERGE
    ]
    while reached := [one for one in merges if one & with_data and not one <= with_data]:
        with_data.update(*reached)
    own = [fact for fact in facts if fact.identity in with_data]
    for identity in {fact.identity for fact in facts} - with_data:
        said = sorted(
            (fact for fact in facts if fact.identity == identity), key=lambda fact: fact.order
        )
        own += _saying_no(said)
    return own


def _saying_no(said: Sequence[Fact]) -> Iterator[Fact]:
    """What one reference said, without what it allows: its lifts end its own nos, no others."""
    permissions = permissions_of(said)
    marketing = {no.fact.fact_id for no in standing(permissions)}
    forbidden = {
        one.no.fact.fact_id for one in collecting(permissions, said) if one.ended_by is None
    }
    for fact in said:
        if fact.type in (CONSENT, LIFT):
            continue
        if fact.type not in NOES or fact.fact_id in marketing:
            yield fact
        elif fact.fact_id in forbidden:
            yield replace(fact, body={**fact.body, "scope": {"purposes": []}})
