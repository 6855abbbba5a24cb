"""Every message that channel systems and campaign tools send (contract, "Inbound types")."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from schemas.base import Contract, Reference, Text, WholeNumber
from schemas.party import PartialParty, Party, Scope
from schemas.terms import (
    Audience,
    BillingStatus,
    Channel,
    Form,
    ListingOrigin,
    Purpose,
    Recipient,
    Region,
)

ProfilingValue = str | WholeNumber | float | bool
Profiling = dict[str, ProfilingValue]


class InboundEvent(Contract):
    """A CloudEvents 1.0 event; `type` and `data` are fixed by the subclasses.

    (`source`, `id`) is the duplicate key (R1); `time` orders (R2) and needs an offset (R4).
    """

    specversion: Literal["1.0"]
    id: Reference
    source: Reference
    subject: Reference | None = None
    time: AwareDatetime
    datacontenttype: str | None = None
    traceparent: str | None = None


class OrderLine(Contract):
    """One ordered product; `category` is its product group, `price_cents` in euro cents."""

    product: Reference
    category: Reference
    quantity: Annotated[WholeNumber, Field(ge=1)]
    price_cents: WholeNumber


class OrderPlacedData(Contract):
    """An order; the first one makes a customer (R20)."""

    order_id: Reference
    party: Party
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=1000)]
    contact_obtained_in_sale: bool = True
    marketing_opt_out_offered: bool = True


class OrderRefData(Contract):
    """Names an order of the same source."""

    order_id: Reference


class BillingStatusData(Contract):
    """State of the customer's invoices (R29)."""

    status: BillingStatus
    invoice_ref: Reference | None = None


class SignupConsent(Contract):
    """A consent given inside a sign-up (R21); without wording it is none (R10)."""

    scope: Scope
    wording: Reference | None = None


class SignupData(Contract):
    """A person's own sign-up."""

    party: Party
    form: Form
    consents: list[SignupConsent] = Field(default_factory=list, max_length=100)
    profiling: Profiling | None = None


class ConsentData(Contract):
    """A consent given or withdrawn; `wording` is the version of the text agreed to (R10)."""

    scope: Scope
    party: Party | None = None
    wording: Reference | None = None
    evidence: Text | None = None


class BanPlacedData(Contract):
    """A ban; `collection` also forbids collecting and storing (R24)."""

    scope: Scope
    party: Party | None = None
    collection: bool = False
    recorded_by: Text | None = None
    evidence: Text | None = None


class BanLiftedData(BanPlacedData):
    """The end of a ban whose scope this one covers (R5a)."""


class ProfileData(Contract):
    """What is given replaces what is held."""

    party: Party
    profiling: Profiling | None = None


class LeftCompanyData(Contract):
    """The contact no longer works for the company (R27)."""

    business_id: Reference


class ListingData(Contract):
    """A prospect found in a directory, a public register or a partner's data (R23)."""

    party: Party
    listed_in: Text
    origin: ListingOrigin


class AgreementSignedData(Contract):
    """A cooperation agreement with a partner (S5, S27); outside the EEA with a basis (S38)."""

    partner_id: Reference
    name: Text
    region: Region
    transfer_basis: Text | None = None
    purposes: Annotated[
        list[Literal[Purpose.PARTNER_MARKETING, Purpose.DISCLOSURE]], Field(min_length=1)
    ]


class AgreementEndedData(Contract):
    """The agreement's end."""

    partner_id: Reference


class AccessData(Contract):
    """A request to see what is held (R60)."""

    request_id: Reference
    party: Party
    in_writing: bool
    signed: bool


class RectificationData(Contract):
    """A request to correct what is held (R62)."""

    request_id: Reference
    party: Party
    corrections: PartialParty


class ErasureData(Contract):
    """A request to erase what is held (R25)."""

    request_id: Reference
    party: Party


class IdentityRef(Contract):
    """A channel identity: a system and its own reference for the person."""

    source: Reference
    subject: Reference


class MergeData(Contract):
    """Records that a person at customer service found to be one (R52)."""

    request_id: Reference
    keep: IdentityRef
    merge: Annotated[list[IdentityRef], Field(min_length=1)]
    ordered_by: Text


class Selection(Contract):
    """Whom a disclosure takes; a list that is left out means all."""

    audience: Audience | list[Audience] | None = None
    products: list[Reference] | None = None
    postal_codes: list[Reference] | None = None


class DisclosureData(Contract):
    """A request to hand over names and addresses (R63, R64)."""

    request_id: Reference
    recipient: Recipient
    partner_id: Reference | None = None
    legal_basis: Text | None = None
    selection: Selection


class ScreenedRecipient(Contract):
    """Somebody a campaign tool wants to contact, named in exactly one way."""

    ref: Reference
    customer_id: Reference | None = None
    email: Reference | None = None
    phone: Reference | None = None

    @model_validator(mode="after")
    def _named_once(self) -> "ScreenedRecipient":
        if sum(name is not None for name in (self.customer_id, self.email, self.phone)) != 1:
            raise ValueError("exactly one of customer_id, email and phone names a recipient")
        return self


class ScreeningData(Contract):
    """A campaign tool's question right before it sends: may I contact these, and why?"""

    screening_id: Reference
    campaign_id: Reference
    purpose: Purpose
    channel: Channel
    product: Reference | None = None
    recipients: Annotated[list[ScreenedRecipient], Field(min_length=1, max_length=1000)]


class OrderPlaced(InboundEvent):
    """`order.placed`."""

    type: Literal["order.placed"]
    data: OrderPlacedData


class OrderCancelled(InboundEvent):
    """`order.cancelled`."""

    type: Literal["order.cancelled"]
    data: OrderRefData


class ContractEnded(InboundEvent):
    """`contract.ended`."""

    type: Literal["contract.ended"]
    data: OrderRefData


class BillingStatusChanged(InboundEvent):
    """`billing.status-changed`."""

    type: Literal["billing.status-changed"]
    data: BillingStatusData


class SignupReceived(InboundEvent):
    """`signup.received`."""

    type: Literal["signup.received"]
    data: SignupData


class ConsentGranted(InboundEvent):
    """`consent.granted`."""

    type: Literal["consent.granted"]
    data: ConsentData


class ConsentWithdrawn(InboundEvent):
    """`consent.withdrawn`."""

    type: Literal["consent.withdrawn"]
    data: ConsentData


class BanPlaced(InboundEvent):
    """`ban.placed`."""

    type: Literal["ban.placed"]
    data: BanPlacedData


class BanLifted(InboundEvent):
    """`ban.lifted`."""

    type: Literal["ban.lifted"]
    data: BanLiftedData


class ProfileUpdated(InboundEvent):
    """`profile.updated`."""

    type: Literal["profile.updated"]
    data: ProfileData


class ContactLeftCompany(InboundEvent):
    """`contact.left-company`."""

    type: Literal["contact.left-company"]
    data: LeftCompanyData


class ProspectListed(InboundEvent):
    """`prospect.listed`."""

    type: Literal["prospect.listed"]
    data: ListingData


class AgreementSigned(InboundEvent):
    """`agreement.signed`."""

    type: Literal["agreement.signed"]
    data: AgreementSignedData


class AgreementEnded(InboundEvent):
    """`agreement.ended`."""

    type: Literal["agreement.ended"]
    data: AgreementEndedData


class AccessRequested(InboundEvent):
    """`access.requested`."""

    type: Literal["access.requested"]
    data: AccessData


class RectificationRequested(InboundEvent):
    """`rectification.requested`."""

    type: Literal["rectification.requested"]
    data: RectificationData


class ErasureRequested(InboundEvent):
    """`erasure.requested`."""

    type: Literal["erasure.requested"]
    data: ErasureData


class MergeOrdered(InboundEvent):
    """`merge.ordered`."""

    type: Literal["merge.ordered"]
    data: MergeData


class DisclosureRequested(InboundEvent):
    """`disclosure.requested`."""

    type: Literal["disclosure.requested"]
    data: DisclosureData


class ScreeningRequested(InboundEvent):
    """`screening.requested`."""

    type: Literal["screening.requested"]
    data: ScreeningData


AnyInbound = (
    OrderPlaced
    | OrderCancelled
    | ContractEnded
    | BillingStatusChanged
    | SignupReceived
    | ConsentGranted
    | ConsentWithdrawn
    | BanPlaced
    | BanLifted
    | ProfileUpdated
    | ContactLeftCompany
    | ProspectListed
    | AgreementSigned
    | AgreementEnded
    | AccessRequested
    | RectificationRequested
    | ErasureRequested
    | MergeOrdered
    | DisclosureRequested
    | ScreeningRequested
)
"""Any inbound event; `type` tells which."""

INBOUND: TypeAdapter[AnyInbound] = TypeAdapter(Annotated[AnyInbound, Field(discriminator="type")])
"""Reads any inbound event in one pass over its JSON."""

INBOUND_TYPES: dict[str, type[InboundEvent]] = {
    model.model_fields["type"].annotation.__args__[0]: model  # type: ignore[union-attr]
    for model in InboundEvent.__subclasses__()
}
"""Wire type → model."""
