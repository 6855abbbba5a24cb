"""Events of the controller's own systems: agreements, screenings, and persons' requests."""

from ops.generate.people import Json, party
from ops.generate.published import CAMPAIGN_TOOL, CONTRACTS, CUSTOMER_SERVICE
from ops.generate.vocabulary import COMPANY_TRADES, PRODUCTS
from ops.generate.world import Draft, World
from topics import AGREEMENTS, REQUESTS, SCREENINGS


def agreement(world: World) -> Draft:
    """A partner signs; outside the EEA with a transfer basis (S38)."""
    rng = world.rng
    partner_id = f"partner-{world.number()}"
    data: Json = {
        "partner_id": partner_id,
        "name": f"Kumppani {rng.choice(COMPANY_TRADES)} Oy",
        "region": "EEA",
        "purposes": rng.choice(
            (["partner_marketing"], ["disclosure"], ["partner_marketing", "disclosure"])
        ),
    }
    if rng.random() < 0.2:
        data |= {"region": "outside_EEA", "transfer_basis": "standard contractual clauses"}
    world.agreements.append(partner_id)
    return Draft(AGREEMENTS.name, CONTRACTS, "agreement.signed", partner_id, data)


def agreement_end(world: World) -> Draft | None:
    """A partner's agreement ends (S27)."""
    partner_id = world.pop(world.agreements)
    if partner_id is None:
        return None
    return Draft(
        AGREEMENTS.name, CONTRACTS, "agreement.ended", partner_id, {"partner_id": partner_id}
    )


def screening(world: World) -> Draft | None:
    """A campaign tool asks about a handful of addresses, one of them unknown."""
    rng = world.rng
    known = [account for _ in range(rng.randint(1, 20)) if (account := world.anybody())]
    if not known:
        return None
    recipients: list[Json] = [{"ref": "r0", "email": f"nobody{rng.randrange(10**6)}@example.fi"}]
    for number, account in enumerate(known, start=1):
        point = rng.choice(("email", "phone"))
        recipients.append({"ref": f"r{number}", point: getattr(account.person, point)})
    campaign_id = f"campaign-{rng.randint(1, 20)}"
    data: Json = {
        "screening_id": f"screening-{world.number()}",
        "campaign_id": campaign_id,
        "purpose": rng.choice(("newsletter", "offers", "campaign")),
        "channel": rng.choice(("email", "sms", "phone")),
        "recipients": recipients,
    }
    if rng.random() < 0.5:
        data["product"] = rng.choice(PRODUCTS)[1]
    return Draft(SCREENINGS.name, CAMPAIGN_TOOL, "screening.requested", campaign_id, data)


def access(world: World) -> Draft | None:
    """A person asks what is held (R60)."""
    signed = world.rng.random() < 0.5
    return _request(world, "access.requested", {"in_writing": True, "signed": signed})


def rectification(world: World) -> Draft | None:
    """A person corrects the language that they are written to in (R62)."""
    corrections = {"language": world.rng.choice(("fi", "sv", "en"))}
    return _request(world, "rectification.requested", {"corrections": corrections})


def erasure(world: World) -> Draft | None:
    """A person asks to be forgotten (R25)."""
    return _request(world, "erasure.requested", {})


def merge(world: World) -> Draft | None:
    """Customer service finds two accounts to be one person's (R52)."""
    one, other = world.acquaintance(), world.acquaintance()
    if one is None or other is None or one == other or one.person.kind != other.person.kind:
        return None
    data: Json = {
        "request_id": f"request-{world.number()}",
        "keep": {"source": one.source.uri, "subject": one.subject},
        "merge": [{"source": other.source.uri, "subject": other.subject}],
        "ordered_by": "customer service",
    }
    return Draft(REQUESTS.name, CUSTOMER_SERVICE, "merge.ordered", None, data)


def disclosure(world: World) -> Draft | None:
    """A partner under agreement is to receive names and addresses (R63)."""
    if not world.agreements:
        return None
    data: Json = {
        "request_id": f"request-{world.number()}",
        "recipient": "partner",
        "partner_id": world.rng.choice(world.agreements),
        "selection": {"products": [world.rng.choice(PRODUCTS)[1]]},
    }
    return Draft(REQUESTS.name, CUSTOMER_SERVICE, "disclosure.requested", None, data)


def _request(world: World, event_type: str, extra: Json) -> Draft | None:
    account = world.acquaintance()
    if account is None:
        return None
    data = {"request_id": f"request-{world.number()}", "party": party(account.person)} | extra
    return Draft(REQUESTS.name, account.source, event_type, account.subject, data)
