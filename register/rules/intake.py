"""From a readable event to a fact: normalised, checked, personal data apart (R4, R10, R28)."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from register.rules import normalise
from register.rules.digest import Digester, Point
from register.rules.facts import PROTECTIVE, Fact, Identity, JsonDict
from register.rules.outcomes import NO_EVIDENCE, Refused
from schemas import inbound
from schemas.base import Contract
from schemas.cloudevents import Message
from schemas.inbound import InboundEvent
from schemas.party import PartialParty, Scope
from schemas.problems import Unreadable
from schemas.terms import Kind, Recipient, Region

MAX_SKEW = timedelta(minutes=5)
"""How far ahead of its receipt an event may be dated (R4)."""

_FACT_NAMESPACE = uuid.UUID("6f1f9a3e-0d5c-5b7e-9d55-3d8b6f0f3c11")


@dataclass(frozen=True, slots=True)
class Request:
    """A request of a data subject's; `named` tells whether it names the person (R60 to R62).

    `found_by` are the contact points that find the person: of a correction the fact's own are
    the new ones. `takes_for` is the kind of person that a correction says this one is, where it
    does not correct the kind.
    """

    request_id: str
    named: bool = False
    in_writing: bool = False
    signed: bool = False
    found_by: tuple[Point, ...] = ()
    takes_for: Kind | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """An event ready for the register.

    `body_digest` tells a duplicate from a conflict (R1); `identity` is None where the event
    names none. `traceparent` is carried through to the messages it causes. `refused` is set
    where a rule turns the event away whatever the register holds (R10); its fact is empty.
    `request` is set for what customer service asks in a person's name; `links` are the other
    identities of a merge (R52); `event` is the event itself where it is no fact about one
    person (agreements, screenings, disclosures).
    """

    fact: Fact
    identity: Identity | None
    body_digest: bytes
    subject: str | None = None
    traceparent: str | None = None
    refused: Refused | None = None
    request: Request | None = None
    links: tuple[bytes, ...] = ()
    event: InboundEvent | None = None


def intake(message: Message, received: datetime, digester: Digester) -> Intake:
    """Turn a readable event into a fact.

    Raises `Unreadable` for what must become a dead letter (R4, R28, R53 to R55).
    """
    event = message.event
    canonical = orjson.dumps(
        [event.type, event.subject, message.raw["time"], message.raw["data"]],
        option=orjson.OPT_SORT_KEYS,
    )
    _reject_identity_codes(canonical.decode(), message.raw)
    identity = _identity(event, digester)
    body_digest = digester.body(canonical)
    fact_id = uuid.uuid5(_FACT_NAMESPACE, f"{event.source}\n{event.id}\n{body_digest.hex()}")
    refused: Refused | None = None
    try:
        kept = _KEEPERS[type(event)](event, digester)
    except Refused as error:
        kept, refused = _Kept({}), error
    identity = None if type(event) in _IMPERSONAL else kept.identity or identity
    if identity is None and not kept.points and kept.needs_subject:
        raise Unreadable("missing_subject", "subject")  # a ban that would bind nobody
    fact = Fact(
        fact_id=fact_id,
        source=event.source,
        event_id=event.id,
        type=event.type,
        identity=identity.digest if identity else None,
        time=_counts_from(message, received),
        received=received,
        body=kept.body,
        party=kept.party,
        points=kept.points,
        names=kept.match.names,
        contacts=kept.match.contacts,
        subject=event.subject,
    )
    return Intake(
        fact,
        identity,
        body_digest,
        event.subject,
        event.traceparent,
        refused,
        kept.request,
        kept.links,
        event if type(event) in _IMPERSONAL else None,
    )


@dataclass(frozen=True, slots=True)
class _Match:
    """Digests by which two identities are found to be one person (R50)."""

    names: tuple[bytes, ...] = ()
    contacts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kept:
    body: JsonDict
    party: JsonDict | None = None
    points: tuple[Point, ...] = ()
    match: _Match = _Match()
    request: Request | None = None
    identity: Identity | None = None
    links: tuple[bytes, ...] = ()
    needs_subject: bool = True


def _counts_from(message: Message, received: datetime) -> datetime:
    """R4, in UTC: one moment is one moment, whatever offset it was written with.

    What is dated ahead counts from its receipt, whatever it says: were a consent's date left
    ahead, it would beat a ban that the same fast clock has dated after it. Within the broker's
    millisecond the dates still order what is no ban.
    """
    time = message.event.time.astimezone(UTC)
    if time <= received:
        return time
    if message.raw["type"] in PROTECTIVE_TYPES:
        return received
    if time > received + MAX_SKEW:
        raise Unreadable("clock_skew")
    return received - (received + MAX_SKEW - time) / _INTO_A_MILLISECOND


_INTO_A_MILLISECOND = MAX_SKEW // timedelta(milliseconds=1) + 1000

PROTECTIVE_TYPES = PROTECTIVE | {"contact.left-company", "erasure.requested", "agreement.ended"}
"""Types that only ever take something away: a date in the future does not delay them (R4)."""


def _identity(event: InboundEvent, digester: Digester) -> Identity | None:
    if event.subject is not None:
        digest = digester.identity(event.source, event.subject)
        return Identity(digest, event.source, event.subject)
    if isinstance(event, _SUBJECTLESS) or _names_a_party(event):
        return None
    raise Unreadable("missing_subject", "subject")


def _names_a_party(event: InboundEvent) -> bool:
    """A no, or its end, may name contact points alone (R7, R8)."""
    return (
        isinstance(event, inbound.BanPlaced | inbound.BanLifted | inbound.ConsentWithdrawn)
        and event.data.party is not None
    )


_IMPERSONAL = frozenset(
    {
        inbound.AgreementSigned,
        inbound.AgreementEnded,
        inbound.ScreeningRequested,
        inbound.DisclosureRequested,
    }
)
_SUBJECTLESS = (
    inbound.AgreementSigned,
    inbound.AgreementEnded,
    inbound.ScreeningRequested,
    inbound.DisclosureRequested,
    inbound.AccessRequested,
    inbound.RectificationRequested,
    inbound.ErasureRequested,
    inbound.MergeOrdered,
)
"""Types that say in their data whom they are about; all others need a subject."""


def _reject_identity_codes(text: str, raw: JsonDict) -> None:
    """R28. The whole text is searched first, since almost no event has a code."""
    attributes = " ".join(value for value in raw.values() if isinstance(value, str))
    if not (normalise.has_identity_code(text) or normalise.has_identity_code(attributes)):
        return
    field = next(
        (path for path, value in _strings(raw, "") if normalise.has_identity_code(value)), "data"
    )
    raise Unreadable("personal_identity_code", field or None)


_OPEN = frozenset({"data.profiling"})


def _models(of: type[Contract]) -> Iterator[type[Contract]]:
    for model in of.__subclasses__():
        yield model
        yield from _models(model)


_FIELDS = frozenset(field for model in _models(Contract) for field in model.model_fields)
"""Names that the contract gives; any other key is the sender's, and may be a value."""


def _strings(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value, keys too, with a path that names no sender-made key."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            known = key in _FIELDS and path not in _OPEN
            yield from _strings(item, f"{path}.{key}".lstrip(".") if known else path)


def _checked(check: Callable[[str], str], value: str, code: str, field: str) -> str:
    try:
        return check(value)
    except normalise.Invalid:
        raise Unreadable(code, field) from None


def _party(party: PartialParty, field: str) -> JsonDict:
    """Personal data as kept: only what the contract names (S7), normalised."""
    kept: JsonDict = {}
    if party.kind is not None:
        kept["kind"] = party.kind.value
    if party.name is not None and (party.name.given or party.name.family):
        kept["name"] = party.name.model_dump(exclude_none=True)
    if party.email is not None:
        kept["email"] = _checked(normalise.email, party.email, "invalid_email", f"{field}.email")
    if party.phone is not None:
        kept["phone"] = _checked(normalise.phone, party.phone, "invalid_phone", f"{field}.phone")
    if party.address is not None:
        kept["address"] = party.address.model_dump()
    if party.language is not None:
        kept["language"] = party.language.value
    if party.company is not None and party.kind is not Kind.CONSUMER:
        company = party.company.model_dump(exclude_none=True)
        if "business_id" in company:
            company["business_id"] = _checked(
                normalise.business_id,
                company["business_id"],
                "invalid_business_id",
                f"{field}.company.business_id",
            )
        kept["company"] = company
    return kept


def _points(party: JsonDict, digester: Digester) -> tuple[Point, ...]:
    points: list[Point] = []
    if "email" in party:
        points.append(digester.email(party["email"]))
    if "phone" in party:
        points.append(digester.phone(party["phone"]))
    if "address" in party:
        points.append(digester.address(**party["address"]))
    return tuple(points)


def _company_points(party: JsonDict, digester: Digester) -> tuple[Point, ...]:
    business_id = party.get("company", {}).get("business_id")
    return (digester.company(business_id),) if business_id else ()


def _match(party: JsonDict, digester: Digester) -> _Match:
    """R50: the name, with its kind, and what counts with it: the e-mail, a consumer's phone, a
    business contact's company."""
    kind, name = party.get("kind"), party.get("name", {})
    names: tuple[bytes, ...] = ()
    if name.get("given") and name.get("family"):
        who = normalise.name(name["given"], name["family"])
        names = (digester.match_key(str(kind), "name", who),)
    contacts: list[bytes] = []
    if "email" in party:
        exact = normalise.email_exact(party["email"])
        contacts.append(digester.match_key(str(kind), "email", exact))
    if kind == Kind.BUSINESS:
        business_id = party.get("company", {}).get("business_id")
        if business_id:
            contacts.append(digester.match_key(str(kind), "company", business_id))
    elif "phone" in party:
        contacts.append(digester.match_key(str(kind), "phone", party["phone"]))
    return _Match(names, tuple(contacts))


def _scope(scope: Scope, field: str, *, ban: bool = False) -> JsonDict:
    """A scope as kept. An empty list in a ban means all, elsewhere it is an error."""
    kept: JsonDict = {}
    for name in ("purposes", "channels", "products"):
        values = getattr(scope, name)
        if values is None:
            continue
        if not values:
            if ban:
                continue
            raise Unreadable("invalid_value", f"{field}.{name}")
        if name == "products":
            kept[name] = sorted({normalise.product(value) for value in values})
        else:
            kept[name] = [term.value for term in dict.fromkeys(values)]
    return kept


def _person(
    party: PartialParty, body: JsonDict, digester: Digester, profiling: JsonDict | None = None
) -> _Kept:
    kept = _party(party, "data.party")
    points = _points(kept, digester) + _company_points(kept, digester)
    keys = _match(kept, digester)
    if profiling:
        kept["profiling"] = dict(profiling)
    # The kind stays when the personal data goes: the fold must come out the same.
    return _Kept({**body, "kind": kept["kind"]}, kept, points, keys)


def _order(event: inbound.OrderPlaced, digester: Digester) -> _Kept:
    data = event.data
    lines = [
        {
            "product": normalise.product(line.product),
            "category": normalise.product(line.category),
            "quantity": line.quantity,
            "price_cents": line.price_cents,
        }
        for line in data.lines
    ]
    body = {
        "order_id": data.order_id,
        "lines": lines,
        "contact_obtained_in_sale": data.contact_obtained_in_sale,
        "marketing_opt_out_offered": data.marketing_opt_out_offered,
    }
    return _person(data.party, body, digester)


def _order_ref(event: inbound.OrderCancelled | inbound.ContractEnded, _: Digester) -> _Kept:
    return _Kept({"order_id": event.data.order_id})


def _billing(event: inbound.BillingStatusChanged, _: Digester) -> _Kept:
    return _Kept(event.data.model_dump(mode="json", exclude_none=True))


def _signup(event: inbound.SignupReceived, digester: Digester) -> _Kept:
    data = event.data
    if any(consent.wording is None for consent in data.consents):
        raise Refused(*NO_EVIDENCE)
    consents = [
        {
            "scope": _scope(consent.scope, f"data.consents.{index}.scope"),
            "wording": consent.wording,
        }
        for index, consent in enumerate(data.consents)
    ]
    body: JsonDict = {"form": data.form.value, "consents": consents}
    return _person(data.party, body, digester, data.profiling)


def _consent(event: inbound.ConsentGranted, digester: Digester) -> _Kept:
    data = event.data
    if data.wording is None:
        raise Refused(*NO_EVIDENCE)
    body: JsonDict = {"scope": _scope(data.scope, "data.scope"), "wording": data.wording}
    if data.evidence:
        body["evidence"] = data.evidence
    if data.party is None:
        return _Kept(body)
    return _person(data.party, body, digester)


def _no(
    event: inbound.ConsentWithdrawn | inbound.BanPlaced | inbound.BanLifted, digester: Digester
) -> _Kept:
    """Withdrawals, bans and lifts keep digests of what they name, and no party (R7)."""
    data = event.data
    is_ban = event.type in PROTECTIVE
    body: JsonDict = {"scope": _scope(data.scope, "data.scope", ban=is_ban)}
    for name in ("wording", "evidence", "recorded_by"):
        if getattr(data, name, None):
            body[name] = getattr(data, name)
    if getattr(data, "collection", False):
        body["collection"] = True
    if data.party is None:
        return _Kept(body)
    party = _party(data.party, "data.party")
    points = _points(party, digester)
    if not points and "name" not in party:
        points = _company_points(party, digester)
    return _Kept(body, None, points, _match(party, digester))


def _profile(event: inbound.ProfileUpdated, digester: Digester) -> _Kept:
    return _person(event.data.party, {}, digester, event.data.profiling)


def _left(event: inbound.ContactLeftCompany, digester: Digester) -> _Kept:
    business_id = _checked(
        normalise.business_id, event.data.business_id, "invalid_business_id", "data.business_id"
    )
    return _Kept({"business_id": business_id}, points=(digester.company(business_id),))


def _listing(event: inbound.ProspectListed, digester: Digester) -> _Kept:
    data = event.data
    return _person(data.party, {"listed_in": data.listed_in, "origin": data.origin.value}, digester)


def _asked(
    request_id: str, party: PartialParty, digester: Digester
) -> tuple[Request, tuple[Point, ...], _Match]:
    """A request, with what finds the person it is about."""
    who = _party(party, "data.party")
    points = _points(who, digester)
    request = Request(request_id, named="name" in who, found_by=points)
    return request, points, _match(who, digester)


def _access(event: inbound.AccessRequested, digester: Digester) -> _Kept:
    data = event.data
    request, points, keys = _asked(data.request_id, data.party, digester)
    request = replace(request, in_writing=data.in_writing, signed=data.signed)
    return _Kept({}, None, points, keys, request, needs_subject=False)


def _erasure(event: inbound.ErasureRequested, digester: Digester) -> _Kept:
    """R25: kept as a ban on everything, and on collecting."""
    request, points, keys = _asked(event.data.request_id, event.data.party, digester)
    body: JsonDict = {"scope": {}, "collection": True, "request_id": request.request_id}
    return _Kept(body, None, points, keys, request, needs_subject=False)


def _rectification(event: inbound.RectificationRequested, digester: Digester) -> _Kept:
    """R62: the corrections are data like any the person gives."""
    data = event.data
    request, _, keys = _asked(data.request_id, data.party, digester)
    request = replace(request, takes_for=None if data.corrections.kind else data.party.kind)
    kind = data.corrections.kind or data.party.kind
    corrections = _party(data.corrections.model_copy(update={"kind": kind}), "data.corrections")
    body: JsonDict = {"kind": kind.value, "request_id": request.request_id}
    new_points = _points(corrections, digester) + _company_points(corrections, digester)
    corrected = _match(corrections, digester)
    match = _Match(
        tuple(dict.fromkeys([*keys.names, *corrected.names])),
        tuple(dict.fromkeys([*keys.contacts, *corrected.contacts])),
    )
    return _Kept(body, corrections, new_points, match, request, needs_subject=False)


def _merge(event: inbound.MergeOrdered, digester: Digester) -> _Kept:
    """R52: a match key of its own makes the identities one person for good."""
    data = event.data
    keep = Identity(
        digester.identity(data.keep.source, data.keep.subject), data.keep.source, data.keep.subject
    )
    links = tuple(digester.identity(one.source, one.subject) for one in data.merge)
    body: JsonDict = {
        "request_id": data.request_id,
        "ordered_by": data.ordered_by,
        "merged": [link.hex() for link in links],
    }
    key = digester.match_key("merge", event.source, event.id)
    match = _Match((key,), (key,))
    return _Kept(body, None, (), match, Request(data.request_id), keep, links)


def _agreement(event: inbound.AgreementSigned | inbound.AgreementEnded, _: Digester) -> _Kept:
    """S38: outside the EEA only with a transfer basis."""
    if isinstance(event, inbound.AgreementSigned) and (
        event.data.region is Region.OUTSIDE_EEA and event.data.transfer_basis is None
    ):
        raise Unreadable("missing_field", "data.transfer_basis")
    return _Kept(event.data.model_dump(mode="json", exclude_none=True), needs_subject=False)


def _screening(_event: inbound.ScreeningRequested, _: Digester) -> _Kept:
    return _Kept({}, needs_subject=False)


def _disclosure(event: inbound.DisclosureRequested, _: Digester) -> _Kept:
    is_partner = event.data.recipient is Recipient.PARTNER
    if is_partner and event.data.partner_id is None:
        raise Unreadable("missing_field", "data.partner_id")
    if not is_partner and event.data.partner_id is not None:
        raise Unreadable("invalid_value", "data.partner_id")
    return _Kept({}, request=Request(event.data.request_id), needs_subject=False)


_KEEPERS: dict[type[InboundEvent], Callable[[Any, Digester], _Kept]] = {
    inbound.OrderPlaced: _order,
    inbound.OrderCancelled: _order_ref,
    inbound.ContractEnded: _order_ref,
    inbound.BillingStatusChanged: _billing,
    inbound.SignupReceived: _signup,
    inbound.ConsentGranted: _consent,
    inbound.ConsentWithdrawn: _no,
    inbound.BanPlaced: _no,
    inbound.BanLifted: _no,
    inbound.ProfileUpdated: _profile,
    inbound.ContactLeftCompany: _left,
    inbound.ProspectListed: _listing,
    inbound.AccessRequested: _access,
    inbound.RectificationRequested: _rectification,
    inbound.ErasureRequested: _erasure,
    inbound.MergeOrdered: _merge,
    inbound.AgreementSigned: _agreement,
    inbound.AgreementEnded: _agreement,
    inbound.ScreeningRequested: _screening,
    inbound.DisclosureRequested: _disclosure,
}
"""Which part of each type is kept, and how."""
