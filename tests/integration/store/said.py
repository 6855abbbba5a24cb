"""What customer service, partners' contracts and campaign tools say: events as dicts."""

from datetime import datetime
from typing import Any

from tests.support.events import Json, event

SERVICE = "/customer-service"
CONTRACTS = "/contracts"
TOOL = "/campaign-tools/example"


def access(time: datetime, party: Json, *, signed: bool = True, **envelope: Any) -> Json:
    """`access.requested`, in writing if signed."""
    data = {"request_id": "A-1", "party": party, "in_writing": signed, "signed": signed}
    return event("access.requested", data, time, **_service(envelope))


def rectification(time: datetime, party: Json, corrections: Json, **envelope: Any) -> Json:
    """`rectification.requested`."""
    data = {"request_id": "R-1", "party": party, "corrections": corrections}
    return event("rectification.requested", data, time, **_service(envelope))


def erasure(time: datetime, party: Json, **envelope: Any) -> Json:
    """`erasure.requested`."""
    data = {"request_id": "E-1", "party": party}
    return event("erasure.requested", data, time, **_service(envelope))


def merge(time: datetime, keep: tuple[str, str], *others: tuple[str, str]) -> Json:
    """`merge.ordered` of (source, subject) pairs."""
    data = {
        "request_id": "M-1",
        "keep": {"source": keep[0], "subject": keep[1]},
        "merge": [{"source": source, "subject": subject} for source, subject in others],
        "ordered_by": "service desk",
    }
    return event("merge.ordered", data, time, **_service({}))


def signed(
    time: datetime,
    partner_id: str = "p-1",
    purposes: str = "disclosure partner_marketing",
    region: str = "EEA",
    transfer_basis: str | None = None,
) -> Json:
    """`agreement.signed`."""
    data: Json = {
        "partner_id": partner_id,
        "name": "Esimerkkikumppani Oy",
        "region": region,
        "purposes": purposes.split(),
    }
    if transfer_basis is not None:
        data["transfer_basis"] = transfer_basis
    return event("agreement.signed", data, time, subject=None, source=CONTRACTS)


def ended(time: datetime, partner_id: str = "p-1") -> Json:
    """`agreement.ended`."""
    data = {"partner_id": partner_id}
    return event("agreement.ended", data, time, subject=None, source=CONTRACTS)


def disclosure(
    time: datetime,
    selection: Json | None = None,
    *,
    by: tuple[str, str | None] = (SERVICE, None),
    **data: Any,
) -> Json:
    """`disclosure.requested`, by partner p-1 unless a recipient is given."""
    asked: Json = {"request_id": "D-1", "selection": selection or {}, **data}
    asked.setdefault("recipient", "partner")
    if asked["recipient"] == "partner":
        asked.setdefault("partner_id", "p-1")
    return event("disclosure.requested", asked, time, source=by[0], subject=by[1])


def screening(
    time: datetime, purpose: str, channel: str, *recipients: Json, product: str | None = None
) -> Json:
    """`screening.requested`; recipients are numbered from 1."""
    data: Json = {
        "screening_id": "S-1",
        "campaign_id": "spring",
        "purpose": purpose,
        "channel": channel,
        "recipients": [
            {"ref": str(number), **recipient} for number, recipient in enumerate(recipients, 1)
        ],
    }
    if product is not None:
        data["product"] = product
    return event("screening.requested", data, time, subject="spring", source=TOOL)


def _service(envelope: Json) -> Json:
    return {"source": SERVICE, "subject": None, **envelope}
