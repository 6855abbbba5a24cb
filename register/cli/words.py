"""The register's codes as customer service reads them."""

from collections.abc import Mapping

from register.rules.explain import Missing, Role
from register.rules.facts import JsonDict
from schemas.terms import Basis, Channel, Denial, PointKind, Purpose

OUTCOMES: Mapping[Basis | Denial, str] = {
    Basis.CONSENT: "the person agreed",
    Basis.SOFT_OPT_IN: "the contact came with a sale, and a way to refuse was offered then",
    Basis.CUSTOMER_RELATIONSHIP: "a customer, who has not said no",
    Basis.BUSINESS_INTEREST: "contacted for a company, and has not said no",
    Basis.BUSINESS_ROLE: "it belongs to the contact's role in the company",
    Basis.CONTRACT: "a service notice to somebody who ordered",
    Denial.ERASED: "the data is gone",
    Denial.COLLECTION_BANNED: "the person forbade collecting and storing",
    Denial.ROLE_ENDED: "the contact left the company",
    Denial.BANNED: "a ban stands",
    Denial.WITHDRAWN: "a consent was taken back",
    Denial.NO_AGREEMENT: "no partner has an agreement for it now",
    Denial.NO_CONSENT: "it needs a consent, and none stands",
    Denial.NOT_A_CUSTOMER: "it is for customers",
    Denial.NO_OPT_OUT_OFFERED: "the sale offered no way to refuse",
    Denial.ROLE_UNKNOWN: "the contact's role in the company is not known",
    Denial.NOT_SIMILAR_PRODUCT: "the soft opt-in does not cover this product",
    Denial.NO_CONTACT_POINT: "no such contact point is held",
    Denial.MOBILE_BY_PHONE: "mobile subscriptions are not sold to consumers by phone",
    Denial.UNKNOWN: "the register holds nothing on this person",
}

ERASED_SINCE = (
    "personal data that was known then has been erased since: what it allowed can't be shown"
)

MISSING: Mapping[Missing, str] = {
    Missing.CONSENT: "a consent with wording that covers it",
    Missing.NAMING_CONSENT: "a consent with wording that names disclosure",
    Missing.AGREEMENT: "a partner's agreement for it",
    Missing.ORDER: "an order",
    Missing.OPT_OUT_OFFER: "a sale that offers a way to refuse, or a consent",
    Missing.ROLE: "the contact's role in the company, or a consent",
    Missing.SIMILAR_PRODUCT: "an order of the same product group, or a consent",
    Missing.MOBILE_CONTRACT: "a mobile contract, or a consent that names mobile and phone",
    Missing.CONTACT_POINT: "a contact point for this channel",
    Missing.DATA: "an event that brings the person's data",
}

ROLES: Mapping[Role, str] = {
    Role.DECIDES: "decides",
    Role.SET_ASIDE: "set aside here by it (R5)",
    Role.FALLS_SHORT: "stands, but does not reach this",
    Role.ENDED: "stood once",
    Role.ENDED_BY: "ended that",
    Role.KEPT: "is kept",
}

OWN = "the person's own: every contact point in its scope (R9)"

UNDER: Mapping[PointKind, str] = {
    PointKind.EMAIL: "under the e-mail address, for whoever uses it (R8)",
    PointKind.PHONE: "under the phone number, for whoever uses it (R8)",
    PointKind.POST: "under the postal address, for whoever uses it (R8)",
    PointKind.COMPANY: "under the company, for all its contacts (R9)",
    PointKind.IDENTITY: "under the channel identity (R9)",
}

CHANNEL_HEADS: Mapping[Channel, str] = {Channel.AUTOMATED_CALL: "auto call"}
"""Channels over a narrow column, where their code is too long."""

SHORT: Mapping[Basis | Denial, str] = {
    Basis.SOFT_OPT_IN: "soft opt-in",
    Basis.CUSTOMER_RELATIONSHIP: "customer",
    Basis.BUSINESS_INTEREST: "business",
    Basis.BUSINESS_ROLE: "role",
    Denial.COLLECTION_BANNED: "no collecting",
    Denial.NO_OPT_OUT_OFFERED: "no opt-out",
    Denial.NO_CONTACT_POINT: "no contact",
    Denial.NO_AGREEMENT: "no partner",
    Denial.NOT_A_CUSTOMER: "no customer",
    Denial.NOT_SIMILAR_PRODUCT: "other product",
    Denial.MOBILE_BY_PHONE: "mobile by phone",
}
"""What a narrow table says instead of a long code."""


def short(outcome: Basis | Denial) -> str:
    """A code for a narrow table."""
    return SHORT.get(outcome, outcome.replace("_", " "))


def plain(code: Purpose | Channel | str) -> str:
    """A code without its underlines."""
    return code.replace("_", " ")


def scope(data: JsonDict) -> str:
    """A scope in words; a list that is left out means all."""
    purposes = ", ".join(map(plain, data.get("purposes") or ())) or "all marketing"
    channels = ", ".join(map(plain, data.get("channels") or ())) or "every channel"
    products = ", ".join(data.get("products") or ())
    return f"{purposes} by {channels}" + (f", only {products}" if products else "")


def clean(text: object) -> str:
    """What an event says, without signs that would steer a terminal."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text))
