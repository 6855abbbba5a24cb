"""Cooperation agreements with partners, folded by time (S5, S27, R33, R34, R63)."""

from collections.abc import Iterable
from dataclasses import dataclass

from register.rules.facts import Fact, JsonDict
from schemas.terms import Purpose, Region

SIGNED = "agreement.signed"
ENDED = "agreement.ended"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A partner's agreement that is active now."""

    partner_id: str
    name: str
    region: Region
    transfer_basis: str | None
    purposes: frozenset[Purpose]

    @property
    def may_receive(self) -> bool:
        """Names and addresses: if agreed, and outside the EEA only with a basis (S38)."""
        settled = self.region is Region.EEA or self.transfer_basis is not None
        return settled and Purpose.DISCLOSURE in self.purposes


def active(facts: Iterable[Fact]) -> dict[str, Agreement]:
    """Active agreements by partner id; at equal times the end of one wins, as any no does."""
    latest: dict[str, JsonDict | None] = {}
    for fact in sorted(facts, key=lambda fact: (fact.time, fact.type == ENDED, fact.fact_id)):
        latest[fact.body["partner_id"]] = fact.body if fact.type == SIGNED else None
    return {
        partner_id: Agreement(
            partner_id,
            body["name"],
            Region(body["region"]),
            body.get("transfer_basis"),
            frozenset(Purpose(purpose) for purpose in body["purposes"]),
        )
        for partner_id, body in latest.items()
        if body is not None
    }


def purposes(agreements: Iterable[Agreement]) -> frozenset[Purpose]:
    """Purposes for which some partner's agreement is active (R33, R34)."""
    return frozenset(purpose for agreement in agreements for purpose in agreement.purposes)
