"""How often each kind of thing happens: the table to read and to change."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ops.generate import customers, permissions, prospects, services
from ops.generate.world import Draft, World

Action = Callable[[World], Draft | None]
"""Says one thing; None where nobody is there to say it of."""

LATE_SHARE = 0.08
"""Share of events whose time lies up to `LATE_HOURS` back when they are delivered (R11)."""
LATE_HOURS = 72.0
REPEATED_SHARE = 0.02
"""Share of records that are a repeated delivery of one of the last (R1)."""
TRACED_SHARE = 0.2
"""Share of events that carry a trace context; bans always do."""
POISON_SHARE = 0.02
"""Share of records that are unreadable, where poison is asked for."""

MIX: tuple[tuple[int, Action], ...] = (
    # customers
    (220, customers.first_order),
    (85, customers.repeat_order),
    (35, customers.order_elsewhere),
    (20, customers.cancellation),
    (30, customers.contract_end),
    (90, customers.billing),
    (55, customers.profile),
    (10, customers.left_company),
    # prospects
    (105, prospects.signup),
    (10, prospects.signup_without_consent),
    (25, prospects.signup_elsewhere),
    (65, prospects.business_listing),
    (10, prospects.consumer_listing),
    # permissions
    (95, permissions.consent),
    (5, permissions.consent_without_wording),
    (35, permissions.withdrawal),
    (45, permissions.ban_by_person),
    (20, permissions.ban_by_contact_point),
    (5, permissions.ban_by_company),
    (10, permissions.ban_in_advance),
    (5, permissions.ban_dated_ahead),
    (5, permissions.ban_on_collection),
    (15, permissions.lift),
)
"""(share per thousand, what happens): the channels."""

AGREEMENTS: tuple[tuple[int, Action], ...] = (
    (2, services.agreement),
    (1, services.agreement_end),
)
SCREENINGS: tuple[tuple[int, Action], ...] = ((20, services.screening),)
REQUESTS: tuple[tuple[int, Action], ...] = (
    (4, services.access),
    (3, services.rectification),
    (3, services.erasure),
    (1, services.merge),
)
DISCLOSURES: tuple[tuple[int, Action], ...] = ((1, services.disclosure),)


@dataclass(frozen=True, slots=True)
class Options:
    """What is generated besides the channels' events.

    What concerns the whole register, agreements and disclosures, comes `seldom` times less often
    than the tables say: at their shares the register decides everybody anew without end.
    """

    poison: bool = False
    agreements: bool = False
    screenings: bool = False
    requests: bool = False
    seldom: int = 1

    def mix(self) -> tuple[tuple[float, Action], ...]:
        """The table with what is switched on."""
        return (
            *MIX,
            *(self._seldom(AGREEMENTS) if self.agreements else ()),
            *(SCREENINGS if self.screenings else ()),
            *((*REQUESTS, *self._seldom(DISCLOSURES)) if self.requests else ()),
        )

    def _seldom(self, table: Iterable[tuple[int, Action]]) -> Iterator[tuple[float, Action]]:
        return ((share / self.seldom, action) for share, action in table)
