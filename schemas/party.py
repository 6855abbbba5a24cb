"""Who an event is about, and what a permission covers."""

from typing import Annotated

from pydantic import Field

from schemas.base import Contract, Reference, Text
from schemas.terms import Channel, Kind, Language, Purpose


class Name(Contract):
    """A person's name, as given."""

    given: Text | None = None
    family: Text | None = None


class Address(Contract):
    """A postal address, as given; `country` is an ISO 3166-1 alpha-2 code."""

    street: Text
    postal_code: Text
    city: Text
    country: Text = "FI"


class Company(Contract):
    """The company that a business contact acts for, and the contact's role there (§5)."""

    business_id: Reference | None = None
    name: Text | None = None
    role: Text | None = None


class PartialParty(Contract):
    """Any part of a party: the corrections of a rectification (R62)."""

    kind: Kind | None = None
    name: Name | None = None
    email: Reference | None = None
    phone: Reference | None = None
    address: Address | None = None
    language: Language | None = None
    company: Company | None = None


class Party(PartialParty):
    """Who the event is about, as far as the sender knows. Only `kind` is required."""

    kind: Kind


class Scope(Contract):
    """What a consent or a ban covers. A list that is left out means all.

    All purposes means all but `service_notice`. A product is named by its product or its
    category.
    """

    purposes: Annotated[list[Purpose], Field(max_length=100)] | None = None
    channels: Annotated[list[Channel], Field(max_length=100)] | None = None
    products: Annotated[list[Reference], Field(max_length=1000)] | None = None
