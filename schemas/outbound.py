"""Every message that the service writes (contract, "Outbound types")."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from schemas.base import Contract
from schemas.party import Address, Name, Scope
from schemas.terms import Audience, Basis, Channel, Denial, PointKind, Purpose


class OutboundEvent(Contract):
    """A CloudEvents 1.0 event of the service's own, always in structured mode."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    subject: str | None = None
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None


class Identity(Contract):
    """A channel identity of the customer."""

    source: str
    subject: str


class Contact(Contract):
    """Only the contact points that some allowed marketing purpose may use (R44)."""

    email: str | None = None
    phone: str | None = None
    address: Address | None = None


class DeniedProduct(Contract):
    """A product, or product group, that is denied; a list that is left out means all."""

    product: str
    purposes: list[Purpose] | None = None
    channels: list[Channel] | None = None
    reason: Denial


class Products(Contract):
    """Which product groups a soft opt-in covers, and which products are denied."""

    soft_opt_in: list[str]
    denied: list[DeniedProduct]


class Cause(Contract):
    """The event that caused a change."""

    source: str
    id: str


class EligibilityData(Contract):
    """Whom a campaign tool may contact, how, for what, and why."""

    customer_id: str
    version: Annotated[int, Field(ge=1)]
    audience: Audience
    identities: list[Identity]
    contact: Contact
    allow: dict[Purpose, dict[Channel, Basis]]
    deny: dict[Purpose, dict[Channel, Denial]]
    products: Products
    caused_by: Cause
    occurred_at: AwareDatetime
    decided_at: AwareDatetime


class StandingBan(Contract):
    """A ban that stands; `collection` where collecting and storing is banned too (R24)."""

    scope: Scope
    since: AwareDatetime
    collection: bool = False


class BanRegisterData(Contract):
    """What stands in the ban register under one digest (HMAC-SHA-256, hex)."""

    digest: str
    kind: PointKind
    bans: list[StandingBan]
    version: Annotated[int, Field(ge=1)]


class RecipientDecision(Contract):
    """The answer for one screened recipient: a basis if allowed, else a reason.

    `products` are the only product groups that a soft opt-in covers, where none was named.
    """

    ref: str
    allowed: bool
    basis: Basis | None = None
    reason: Denial | None = None
    products: list[str] | None = None


class ScreeningDecidedData(Contract):
    """The answer to a screening, from the state as committed."""

    screening_id: str
    campaign_id: str
    decisions: list[RecipientDecision]


class DisclosedPerson(Contract):
    """Name and address, nothing else (R43)."""

    name: Name
    address: Address


class DisclosureMadeData(Contract):
    """A part of what a partner receives."""

    request_id: str
    partner_id: str | None
    people: list[DisclosedPerson]
    part: int
    parts: int


class DisclosureRecalledData(Contract):
    """Persons whose data the partner must no longer use (R65)."""

    partner_id: str
    people: list[DisclosedPerson]
    reason: str


class AccessReport(Contract):
    """All that is held on a person (R60).

    A line of `log` has in `holds` what is still held of what that event said of the person,
    where newer events have replaced it too. A line of `disclosures` has the name and the address
    as handed over, until they are recalled.
    """

    identity: list[Identity]
    contact: dict[str, Any]
    company: dict[str, Any] | None
    orders: list[dict[str, Any]]
    billing: list[dict[str, Any]]
    profiling: dict[str, Any]
    consents: list[dict[str, Any]]
    bans: list[dict[str, Any]]
    eligibility: dict[str, Any] | None
    disclosures: list[dict[str, Any]]
    sources: list[str]
    log: list[dict[str, Any]]


class AccessReportedData(Contract):
    """The answer to an access request."""

    request_id: str
    report: AccessReport


class RequestOutcomeData(Contract):
    """How a request ended."""

    request_id: str
    request_type: str
    reason: str | None = None


class EventRefusedData(Contract):
    """A well-formed event that a rule turned away; no personal data in it."""

    source: str
    id: str
    type: str
    rule: str
    reason: str


class EligibilityUpdated(OutboundEvent):
    """`eligibility.updated`."""

    type: Literal["eligibility.updated"] = "eligibility.updated"
    data: EligibilityData


class BanRegisterUpdated(OutboundEvent):
    """`ban-register.updated`."""

    type: Literal["ban-register.updated"] = "ban-register.updated"
    data: BanRegisterData


class ScreeningDecided(OutboundEvent):
    """`screening.decided`."""

    type: Literal["screening.decided"] = "screening.decided"
    data: ScreeningDecidedData


class DisclosureMade(OutboundEvent):
    """`disclosure.made`."""

    type: Literal["disclosure.made"] = "disclosure.made"
    data: DisclosureMadeData


class DisclosureRecalled(OutboundEvent):
    """`disclosure.recalled`."""

    type: Literal["disclosure.recalled"] = "disclosure.recalled"
    data: DisclosureRecalledData


class AccessReported(OutboundEvent):
    """`access.reported`."""

    type: Literal["access.reported"] = "access.reported"
    data: AccessReportedData


class RequestCompleted(OutboundEvent):
    """`request.completed`."""

    type: Literal["request.completed"] = "request.completed"
    data: RequestOutcomeData


class RequestRefused(OutboundEvent):
    """`request.refused`."""

    type: Literal["request.refused"] = "request.refused"
    data: RequestOutcomeData


class EventRefused(OutboundEvent):
    """`event.refused`."""

    type: Literal["event.refused"] = "event.refused"
    data: EventRefusedData


OUTBOUND_TYPES: dict[str, type[OutboundEvent]] = {
    model.model_fields["type"].default: model for model in OutboundEvent.__subclasses__()
}
"""Wire type → model."""
