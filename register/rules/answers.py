"""The answer to every cell of a person, from the little that it depends on (rules, section 3).

Many persons share the same combination of that little, and more of them that of one purpose:
the newest of both are remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from register.rules.cells import PURPOSE_CELLS, PURPOSES
from register.rules.table import PURPOSE_RULES, ROWS, Row
from schemas.terms import Audience, Basis, Channel, Denial, Kind, Purpose

POINT_OF = {
    Channel.EMAIL: "email",
    Channel.SMS: "phone",
    Channel.AUTOMATED_CALL: "phone",
    Channel.PHONE: "phone",
    Channel.POST: "address",
}
"""What of a person's data each channel needs (R36)."""


class Case(NamedTuple):
    """All that the cells of a person depend on.

    `banned`, `withdrawn`, `consented` and `named` are cells; `named` are those under a consent
    that names their purpose (R34). `offered` are the contact points got in a sale with an
    opt-out, `obtained` all that were got in one. `held` are the contact points held now.
    """

    audience: Audience
    kind: Kind
    collection_banned: bool
    role_ended: bool
    has_role: bool
    ever_ordered: bool
    is_customer: bool
    banned: int
    withdrawn: int
    consented: int
    named: int
    offered: frozenset[str]
    obtained: frozenset[str]
    held: frozenset[str]
    agreements: frozenset[Purpose]

    def within(self, cells: int) -> "Case":
        """The same of some cells alone."""
        return Case(
            *self[:7],
            self.banned & cells,
            self.withdrawn & cells,
            self.consented & cells,
            self.named & cells,
            *self[11:],
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """Every cell, allowed with its basis or denied with its reason; shared, never changed.

    `allowed` are the allowed cells; the `shown` ones are as the message has them.
    """

    allow: Mapping[Purpose, Mapping[Channel, Basis]]
    deny: Mapping[Purpose, Mapping[Channel, Denial]]
    allowed: int
    shown_allow: Mapping[str, Mapping[str, str]]
    shown_deny: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Line:
    """The cells of one purpose."""

    allow: Mapping[Channel, Basis]
    deny: Mapping[Channel, Denial]
    allowed: int
    shown_allow: Mapping[str, str]
    shown_deny: Mapping[str, str]


@lru_cache(maxsize=2_000)
def answers(case: Case) -> Answers:
    """Answer every cell."""
    lines = {purpose: _line(purpose, case.within(PURPOSE_CELLS[purpose])) for purpose in PURPOSES}
    return Answers(
        allow={purpose: line.allow for purpose, line in lines.items() if line.allow},
        deny={purpose: line.deny for purpose, line in lines.items() if line.deny},
        allowed=sum(line.allowed for line in lines.values()),
        shown_allow={
            purpose.value: line.shown_allow for purpose, line in lines.items() if line.allow
        },
        shown_deny={purpose.value: line.shown_deny for purpose, line in lines.items() if line.deny},
    )


@lru_cache(maxsize=4_000)
def _line(purpose: Purpose, case: Case) -> _Line:
    row = ROWS[case.audience, case.kind]
    allow: dict[Channel, Basis] = {}
    deny: dict[Channel, Denial] = {}
    allowed = 0
    for channel, bit, code in row.codes[purpose]:
        outcome = _blocked(case, purpose, bit) or _basis(case, row, purpose, channel, bit, code)
        if isinstance(outcome, Basis) and POINT_OF[channel] not in case.held:
            outcome = Denial.NO_CONTACT_POINT
        if isinstance(outcome, Basis):
            allow[channel] = outcome
            allowed |= bit
        else:
            deny[channel] = outcome
    return _Line(allow, deny, allowed, _shown(allow), _shown(deny))


def _blocked(case: Case, purpose: Purpose, bit: int) -> Denial | None:
    """The first check that fails, up to the basis."""
    if purpose is Purpose.SERVICE_NOTICE:
        return Denial.ROLE_ENDED if case.role_ended else None
    if case.collection_banned:
        return Denial.COLLECTION_BANNED
    if case.role_ended:
        return Denial.ROLE_ENDED
    if case.banned & bit:
        return Denial.BANNED
    if case.withdrawn & bit:
        return Denial.WITHDRAWN
    if PURPOSE_RULES[purpose].needs_agreement and purpose not in case.agreements:
        return Denial.NO_AGREEMENT
    return None


def _basis(
    case: Case, row: Row, purpose: Purpose, channel: Channel, bit: int, code: str
) -> Basis | Denial:
    if code == "K":
        return Basis.CONTRACT if case.ever_ordered else Denial.NOT_A_CUSTOMER
    if code == "O":
        assert row.opt_out_basis is not None
        return row.opt_out_basis
    if code == "B" and case.has_role:
        return Basis.BUSINESS_ROLE
    must_name = PURPOSE_RULES[purpose].consent_must_name_it and not case.is_customer
    if (case.named if must_name else case.consented) & bit:
        return Basis.CONSENT
    if code == "B":
        return Denial.ROLE_UNKNOWN
    if code == "S":
        return _soft(case, POINT_OF[channel])
    return row.without_consent


def _soft(case: Case, point: str) -> Basis | Denial:
    if point in case.offered:
        return Basis.SOFT_OPT_IN
    return Denial.NO_OPT_OUT_OFFERED if point in case.obtained else Denial.NO_CONSENT


def _shown(cells: Mapping[Channel, StrEnum]) -> dict[str, str]:
    return {channel.value: code.value for channel, code in cells.items()}
