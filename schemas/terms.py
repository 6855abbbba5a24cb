"""The field's closed vocabularies, as they stand on the wire."""

from enum import StrEnum


class Channel(StrEnum):
    """How a person may be reached."""

    EMAIL = "email"
    SMS = "sms"
    AUTOMATED_CALL = "automated_call"
    PHONE = "phone"
    POST = "post"


class Purpose(StrEnum):
    """What a person may be reached for (contract, "Shared types")."""

    NEWSLETTER = "newsletter"
    BULLETIN = "bulletin"
    OFFERS = "offers"
    CAMPAIGN = "campaign"
    COMPETITION = "competition"
    MARKET_RESEARCH = "market_research"
    PARTNER_MARKETING = "partner_marketing"
    DISCLOSURE = "disclosure"
    SERVICE_NOTICE = "service_notice"


class Kind(StrEnum):
    """Whether a party acts as a consumer or for a company."""

    CONSUMER = "consumer"
    BUSINESS = "business"


class Audience(StrEnum):
    """The row of the decision table that a person stands in."""

    CONSUMER_CUSTOMER = "consumer_customer"
    CONSUMER_PROSPECT = "consumer_prospect"
    BUSINESS_CUSTOMER = "business_customer"
    BUSINESS_PROSPECT = "business_prospect"
    FORMER_CUSTOMER = "former_customer"


class Basis(StrEnum):
    """Why a cell is allowed (rules, section 3)."""

    CONSENT = "consent"
    SOFT_OPT_IN = "soft_opt_in"
    CUSTOMER_RELATIONSHIP = "customer_relationship"
    BUSINESS_INTEREST = "business_interest"
    BUSINESS_ROLE = "business_role"
    CONTRACT = "contract"


class Denial(StrEnum):
    """Why a cell, a product or a screened recipient is denied (rules, section 3)."""

    ERASED = "erased"
    COLLECTION_BANNED = "collection_banned"
    ROLE_ENDED = "role_ended"
    BANNED = "banned"
    WITHDRAWN = "withdrawn"
    NO_AGREEMENT = "no_agreement"
    NO_CONSENT = "no_consent"
    NOT_A_CUSTOMER = "not_a_customer"
    NO_OPT_OUT_OFFERED = "no_opt_out_offered"
    ROLE_UNKNOWN = "role_unknown"
    NOT_SIMILAR_PRODUCT = "not_similar_product"
    NO_CONTACT_POINT = "no_contact_point"
    MOBILE_BY_PHONE = "mobile_by_phone"
    UNKNOWN = "unknown"


class PointKind(StrEnum):
    """What a digest of the ban register stands for."""

    EMAIL = "email"
    PHONE = "phone"
    POST = "post"
    COMPANY = "company"
    IDENTITY = "identity"


class Language(StrEnum):
    """Languages that the controller writes in."""

    FI = "fi"
    SV = "sv"
    EN = "en"


class BillingStatus(StrEnum):
    """State of a customer's invoices; never an input to eligibility (R29)."""

    OK = "ok"
    OVERDUE = "overdue"
    IN_COLLECTION = "in_collection"


class Form(StrEnum):
    """Which form a sign-up came from."""

    NEWSLETTER = "newsletter"
    COMPETITION = "competition"
    EVENT = "event"
    INTEREST = "interest"
    ACCOUNT = "account"


class ListingOrigin(StrEnum):
    """Where a listed prospect was found (§6)."""

    PUBLIC_REGISTER = "public_register"
    DIRECTORY = "directory"
    PARTNER = "partner"
    INTEREST = "interest"
    EVENT = "event"


class Region(StrEnum):
    """Where a partner keeps what it receives (§8)."""

    EEA = "EEA"
    OUTSIDE_EEA = "outside_EEA"


class Recipient(StrEnum):
    """To whom a disclosure goes (R63, R64)."""

    PARTNER = "partner"
    AUTHORITY = "authority"
    PERSON = "person"
