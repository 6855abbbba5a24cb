"""Which rules stand behind an outcome, which law behind a row, and what is missing."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

from register.rules.explain.evidence import Evidence, Role
from register.rules.facts import ERASURE, RETENTION
from schemas.terms import Audience, Basis, Denial, Kind, PointKind, Purpose

Outcome = Basis | Denial


class Missing(StrEnum):
    """What would have to be there for the cell to be allowed."""

    CONSENT = "consent"
    NAMING_CONSENT = "consent_naming_the_purpose"
    AGREEMENT = "agreement_with_a_partner"
    ORDER = "order"
    OPT_OUT_OFFER = "opt_out_offered_in_the_sale"
    ROLE = "role_in_the_company"
    SIMILAR_PRODUCT = "similar_product_bought"
    MOBILE_CONTRACT = "mobile_contract"
    CONTACT_POINT = "contact_point"
    DATA = "personal_data"


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands behind a row of the decision table: the notice's sections, and the law."""

    notice: str
    law: str


_MISSING: Mapping[Outcome, Missing] = {
    Denial.NO_AGREEMENT: Missing.AGREEMENT,
    Denial.NO_CONSENT: Missing.CONSENT,
    Denial.NOT_A_CUSTOMER: Missing.CONSENT,
    Denial.NO_OPT_OUT_OFFERED: Missing.OPT_OUT_OFFER,
    Denial.ROLE_UNKNOWN: Missing.ROLE,
    Denial.NOT_SIMILAR_PRODUCT: Missing.SIMILAR_PRODUCT,
    Denial.NO_CONTACT_POINT: Missing.CONTACT_POINT,
    Denial.MOBILE_BY_PHONE: Missing.MOBILE_CONTRACT,
    Denial.UNKNOWN: Missing.DATA,
}

# Rules that an outcome adds to its purpose's, or has instead of it.
_WITH_PURPOSE: Mapping[Outcome, tuple[str, ...]] = {
    Basis.CONSENT: ("R10",),
    Basis.CUSTOMER_RELATIONSHIP: ("R20",),
    Denial.NOT_A_CUSTOMER: ("R26",),
}
_INSTEAD: Mapping[Outcome, tuple[str, ...]] = {
    Denial.COLLECTION_BANNED: ("R24",),
    Denial.ROLE_ENDED: ("R27",),
    Denial.WITHDRAWN: ("R6",),
    Denial.MOBILE_BY_PHONE: ("R31",),
    Denial.NO_CONTACT_POINT: ("R36",),
    Denial.UNKNOWN: ("R12",),
    Denial.BANNED: (),  # by whose ban it is
    Denial.ERASED: (),  # by what took the data away
}


def missing(outcome: Outcome, purpose: Purpose, *, must_be_named: bool) -> Missing | None:
    """What a denied cell lacks; None where something stands against it instead.

    `must_be_named`: only a consent that names the purpose counts (R34).
    """
    if outcome is Denial.NOT_A_CUSTOMER and purpose is Purpose.SERVICE_NOTICE:
        return Missing.ORDER
    if outcome is Denial.NO_CONSENT and must_be_named:
        return Missing.NAMING_CONSENT
    return _MISSING.get(outcome)


def rules(outcome: Outcome, purpose: Purpose, events: Sequence[Evidence]) -> tuple[str, ...]:
    """Ids of the rules by which the events make the outcome."""
    if outcome in _INSTEAD:
        found = [*_INSTEAD[outcome]]
    else:
        found = [_PURPOSE_RULE[purpose]]
        if outcome is not Denial.NOT_A_CUSTOMER or purpose is not Purpose.SERVICE_NOTICE:
            found.extend(_WITH_PURPOSE.get(outcome, ()))
    deciding = [event for event in events if event.role is Role.DECIDES]
    if outcome is Denial.BANNED:
        found.extend(_ban_rule(event) for event in deciding)
    if outcome is Denial.ERASED:
        found.extend(_erasure_rule(event) for event in deciding)
    if any(event.role is Role.SET_ASIDE for event in events):
        found.append("R5")
    return tuple(dict.fromkeys(found))


def _ban_rule(event: Evidence) -> str:
    """Under a contact point (R8), or of the person's own or of the company (R9)."""
    return "R9" if event.under in (None, PointKind.COMPANY) else "R8"


def _erasure_rule(event: Evidence) -> str:
    if event.under is not None:
        return "R23"
    if event.type == ERASURE:
        return "R25"
    if event.type == RETENTION:
        return "R26"
    return "R24" if event.details.get("collection") else "R22"


def ground(audience: Audience, kind: Kind) -> Ground:
    """What stands behind a row of the decision table."""
    return _GROUNDS[audience, kind]


def _read() -> tuple[dict[tuple[Audience, Kind], Ground], dict[Purpose, str]]:
    """From the decision table itself, so that there is no second copy of what it says."""
    text = resources.files("register.rules").joinpath("decision_table.toml").read_text("utf-8")
    data = tomllib.loads(text)
    grounds = {
        (Audience(row["name"]), Kind(row["kind"])): Ground(row["notice"], row["law"])
        for row in data["audience"]
    }
    return grounds, {Purpose(row["name"]): row["rule"] for row in data["purpose"]}


_GROUNDS, _PURPOSE_RULE = _read()
