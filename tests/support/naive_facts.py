"""The naive model's events: read, sorted, and asked simple questions, by `rules.md` alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any

from register.rules import normalise

Json = dict[str, Any]
Who = tuple[str, str]
"""A channel identity: source and subject."""
NOBODY: Who = ("", "")
"""Stands for whoever a request without a reference is about."""
Point = tuple[str, str]
"""A kind (email, phone, post, company, identity) and the spelling that bans compare (R54)."""
Cell = tuple[str, str]
"""A purpose and a channel."""
Pair = tuple[tuple[str, ...], tuple[str, ...]]
"""A name and a contact point, each with the kind of person (R50)."""

MARKETING = (
    "newsletter",
    "bulletin",
    "offers",
    "campaign",
    "competition",
    "market_research",
    "partner_marketing",
    "disclosure",
)
CHANNELS = ("email", "sms", "automated_call", "phone", "post")
CELLS: tuple[Cell, ...] = tuple(
    (purpose, channel)
    for purpose in (*MARKETING, "service_notice")
    for channel in CHANNELS
    if purpose != "disclosure" or channel == "post"
)
FIELD = {
    "email": "email",
    "sms": "phone",
    "automated_call": "phone",
    "phone": "phone",
    "post": "address",
}
"""What has to be held for a channel."""
CARRIED = {
    "email": {"email"},
    "phone": {"phone", "sms", "automated_call"},
    "post": {"post"},
    "company": set(CHANNELS),
}
"""Channels that a ban on a contact point stops (R8); one on a company stops all (R9)."""

LISTING = "prospect.listed"
ERASURE = "erasure.requested"
RECTIFICATION = "rectification.requested"
ACCESS = "access.requested"
MERGE = "merge.ordered"
RETENTION = "retention.expired"
"""Nobody's event: a former customer's time is over (R26)."""

_RANK = {"ban.lifted": 1, "consent.withdrawn": 2, "ban.placed": 3, ERASURE: 3, RETENTION: 3}


@dataclass(frozen=True)
class Said:
    """An event as the rules see it; `tie` orders events of equal time and rank.

    `asked_for` is whom a request names, `reached` the contact points that an erasure, or the
    end of a former customer's time, found besides those that it names (R25, R26).
    """

    event_id: str
    type: str
    who: Who | None
    time: datetime
    tie: bytes
    data: Json
    party: Json
    consents: tuple["Agreed", ...]
    asked_for: Json = field(default_factory=dict)
    reached: tuple[Point, ...] = ()

    @property
    def key(self) -> tuple[datetime, int, bytes]:
        """R2, R3."""
        return (self.time, _RANK.get(self.type, 0), self.tie)

    @property
    def brings_data(self) -> bool:
        """Whether it gave the register something to hold about a person (R12)."""
        return bool(self.party) and not self.is_no and self.type != "ban.lifted"

    @property
    def is_no(self) -> bool:
        """A ban, or what acts as one: a withdrawal (R6), an erasure (R25)."""
        return self.type in ("ban.placed", "consent.withdrawn", ERASURE)

    @property
    def ends_data(self) -> bool:
        """Whether what was known before is gone (R25, R26)."""
        return self.type in (ERASURE, RETENTION)

    @property
    def reason(self) -> str:
        """Why a cell that it covers is denied."""
        return "withdrawn" if self.type == "consent.withdrawn" else "banned"

    @property
    def forbids_collecting(self) -> bool:
        """R24, R25."""
        asked = self.type == "ban.placed" and bool(self.data.get("collection"))
        return asked or self.type == ERASURE

    @property
    def names_somebody(self) -> bool:
        """Whether it gives a whole name."""
        return any(any(names_of(party)) for party in (self.party, self.asked_for))

    @property
    def gives_match(self) -> bool:
        """Whether it gives something by which two references may be one person (R50, R52)."""
        given = any(any(_contacts(party)) for party in (self.party, self.asked_for))
        return given or self.names_somebody or self.type == MERGE

    @property
    def points(self) -> list[Point]:
        """What it names: contact points and, with data or alone, a company (R7, R9)."""
        contact = [*contact_points(self.party), *self.reached]
        company = self.party.get("company", {}).get("business_id")
        alone = not contact and "name" not in self.party and self.type != ERASURE
        if company and (self.brings_data or alone):
            return [*contact, ("company", company)]
        return contact


@dataclass(frozen=True)
class Agreed:
    """A consent with wording, and what the event that gave it said of the person."""

    event_id: str
    time: datetime
    scope: Json
    party: Json


# Reading an event


def read(event: Json, tie: bytes) -> Said | None:
    """An event in the spelling that the rules compare; None for a consent without wording."""
    data = event["data"]
    if event["type"] in (ERASURE, RECTIFICATION, ACCESS):
        return _read_request(event, tie)
    who = (event["source"], event["subject"]) if "subject" in event else None
    time = datetime.fromisoformat(event["time"])
    if event["type"] == MERGE:  # R52: it is about those that it names
        who = (data["keep"]["source"], data["keep"]["subject"])
    party = spelled(data["party"]) if "party" in data else {}
    given = data.get("consents", [])
    if event["type"] == "consent.granted":
        given = [data]
    if any("wording" not in consent for consent in given):  # R10
        return None
    event_id = event["id"]
    consents = tuple(Agreed(event_id, time, consent["scope"], party) for consent in given)
    return Said(event_id, event["type"], who, time, tie, data, party, consents)


def _read_request(event: Json, tie: bytes) -> Said:
    """What customer service asks in a person's name (R25, R60, R62)."""
    data = event["data"]
    asked_for = spelled(data["party"])
    party: Json = {}
    if event["type"] == ERASURE:  # R25: a ban on everything plus collection
        party = asked_for
        data = {"scope": {}, "collection": True}
    elif event["type"] == RECTIFICATION:  # R62: data like any that the person gives
        party = {"kind": asked_for["kind"], **spelled(data["corrections"])}
    who = (event["source"], event["subject"]) if "subject" in event else None
    time = datetime.fromisoformat(event["time"])
    return Said(event["id"], event["type"], who, time, tie, data, party, (), asked_for)


def spelled(given: Json) -> Json:
    """A party as it is held: numbers as they are compared (R53), names without outer spaces."""
    party = dict(given)
    if "name" in party:
        party["name"] = {part: word.strip() for part, word in party["name"].items()}
    if "phone" in party:
        party["phone"] = normalise.phone(party["phone"])
    return party


def contact_points(party: Json) -> Iterator[Point]:
    if "email" in party:
        yield "email", normalise.email_generous(party["email"])
    if "phone" in party:
        yield "phone", party["phone"]
    if "address" in party:
        yield "post", normalise.address(**party["address"])


def exact(value: Any) -> Any:
    """As consents compare (R54)."""
    return value.lower() if isinstance(value, str) else value


def company_of(said: Said) -> str | None:
    company: str | None = said.party.get("company", {}).get("business_id")
    return company


# Who is one person, by R50 and R51


def people(given: Iterable[Said], together: Iterable[set[Who]] = ()) -> list[set[Who]]:
    """Whoever ever gave the same name and the same contact point, in one event or in two; what
    a no names counts as it stands there. `together` are those found to be one before, or by
    hand (R52)."""
    pairs = pairs_of(given)
    groups: list[set[Who]] = []
    for who in pairs:
        same = [group for group in groups if any(pairs[who] & pairs[one] for one in group)]
        groups = [group for group in groups if group not in same]
        groups.append({who}.union(*same))
    for found in together:
        same = [group for group in groups if group & found]
        groups = [group for group in groups if group not in same]
        groups.append(found.union(*same))
    return groups


def pairs_of(given: Iterable[Said]) -> dict[Who, set[Pair]]:
    """By channel identity every name with every contact point that makes another the same."""
    names: dict[Who, set[tuple[str, ...]]] = {}
    contacts: dict[Who, set[tuple[str, ...]]] = {}
    pairs: dict[Who, set[Pair]] = {}
    for said in given:
        if said.who is None:
            continue
        own = pairs.setdefault(said.who, set())
        if said.brings_data:
            parties = (said.party, said.asked_for)
            names.setdefault(said.who, set()).update(*map(names_of, parties))
            contacts.setdefault(said.who, set()).update(*map(_contacts, parties))
        else:
            for party in (said.party, said.asked_for):
                own.update(product(names_of(party), _contacts(party)))
    for who, own in pairs.items():
        own.update(product(names.get(who, ()), contacts.get(who, ())))
    return pairs


def names_of(party: Json) -> Iterator[tuple[str, ...]]:
    name = party.get("name", {})
    if name.get("given") and name.get("family"):
        yield (party["kind"], normalise.name(name["given"], name["family"]))


def _contacts(party: Json) -> Iterator[tuple[str, ...]]:
    kind = party.get("kind", "")
    if "email" in party:
        yield (kind, "email", party["email"].lower())
    if kind == "consumer" and "phone" in party:
        yield (kind, "phone", party["phone"])
    company = party.get("company", {}).get("business_id")
    if kind == "business" and company:
        yield (kind, "company", company)


def said_by(
    accepted: Iterable[Said], members: set[Who], arriving: Said | None = None
) -> list[Said]:
    """What a person said, by time (R2, R3), without what an erasure took.

    Of a reference that gave no data, and that only a no proved to be this person's, the nos
    count and what it allows does not (R40).
    """
    said = remaining(one for one in accepted if one.who in members)
    if arriving is not None:
        said.append(arriving)
    with_data = {one.who for one in said if one.brings_data}
    merges = [merged(one) for one in said if one.type == MERGE]
    # R52: somebody says that they are one.
    while reached := [one for one in merges if one & with_data and not one <= with_data]:
        with_data.update(*reached)
    counting = [one for one in said if not with_data or one.who in with_data]
    for who in members - with_data if with_data else ():
        counting.extend(_without_what_it_allows([one for one in said if one.who == who]))
    return sorted(counting, key=lambda one: one.key)


def remaining(theirs: Iterable[Said]) -> list[Said]:
    """What an erasure, or the end of a former customer's time, has left: what is newer, and what
    says no, with its ends, since the ban register stays (R25, R26)."""
    theirs = list(theirs)
    end = max((said.time for said in theirs if said.ends_data), default=None)
    return [said for said in theirs if end is None or said.time > end or stays(said)]


def stays(said: Said) -> bool:
    """Whether no erasure takes it away (R25)."""
    return said.is_no or said.type in ("ban.lifted", RETENTION)


def is_open(billed: Said, theirs: list[Said]) -> bool:
    """R25: an invoice, or all that a reference was billed, of which nothing else was said since."""
    if billed.type != "billing.status-changed" or billed.data["status"] == "ok":
        return False
    assert billed.who is not None
    invoice = billed.data.get("invoice_ref")
    for later in theirs[theirs.index(billed) + 1 :]:
        if later.type == billed.type and later.who is not None:
            of_all = later.who == billed.who and "invoice_ref" not in later.data
            of_it = invoice is not None and later.data.get("invoice_ref") == invoice
            if of_all or (of_it and later.who[0] == billed.who[0]):
                return False
    return True


def merged(merge: Said) -> set[Who]:
    """Whom an order by hand makes one (R52)."""
    return {(one["source"], one["subject"]) for one in (merge.data["keep"], *merge.data["merge"])}


def _without_what_it_allows(said: list[Said]) -> Iterator[Said]:
    """No consents, and no lifts but for what they ended of the reference's own."""
    left = {no.event_id: (marketing, collection) for no, marketing, collection in own_bans(said)}
    for one in said:
        if one.type in ("consent.granted", "ban.lifted"):
            continue
        marketing, collection = left.get(one.event_id, (True, False))
        if marketing:
            yield one
        elif collection:
            yield replace(one, data={**one.data, "scope": {"purposes": []}})


# Whether anything may be held (R21, R22, R24)


def own_kind(theirs: Iterable[Said]) -> str | None:
    kinds = [said.party["kind"] for said in theirs if said.brings_data and said.type != LISTING]
    return kinds[-1] if kinds else None


def floor_of(theirs: list[Said]) -> datetime | None:
    """The last moment without any ground: what was given until then is gone (R22)."""
    moments = [said.time for said in theirs if not has_ground(theirs, said.time)]
    return max(moments, default=None)


def has_ground(theirs: list[Said], moment: datetime) -> bool:
    until = [said for said in theirs if said.time <= moment]
    if any(said.type == "order.placed" for said in until):
        return True
    if collection_banned(until):
        return False
    if own_kind(until) != "consumer":
        return True
    return has_consent(until)


def has_consent(theirs: list[Said]) -> bool:
    """Whether any consent stands, for any cell and product."""
    nos = [said for said in theirs if said.is_no]
    return any(
        is_alive(agreed, cell, product, nos)
        for said in theirs
        for agreed in said.consents
        for cell in CELLS
        for product in agreed.scope.get("products") or [None]
    )


def collection_banned(theirs: Iterable[Said]) -> bool:
    theirs = list(theirs)
    return any(collection for _, _, collection in own_bans(theirs))


def comes_back(said: Said, ban: Said) -> bool:
    return said.type in ("order.placed", "signup.received") and said.time > ban.time


def own_bans(theirs: list[Said]) -> Iterator[tuple[Said, bool, bool]]:
    """The person's own bans: does the one on marketing still stand, and the one on collecting?"""
    for no in theirs:
        if not no.is_no:
            continue
        lifts = [lift for lift in theirs if lift.type == "ban.lifted" and lift.time > no.time]
        marketing = not any(covers(lift.data["scope"], no.data["scope"]) for lift in lifts)
        collection = no.forbids_collecting and not (
            any(lift.data.get("collection") for lift in lifts)
            or any(comes_back(said, no) for said in theirs)
        )
        yield no, marketing, collection


# Scopes, by R5


def cells_of(scope: Json) -> set[Cell]:
    return {
        (purpose, channel)
        for purpose, channel in CELLS
        if purpose in scope.get("purposes", MARKETING)
        and channel in scope.get("channels", CHANNELS)
    }


def covers(lifted: Json, banned: Json) -> bool:
    """R5(a): the lift's scope takes in all of the ban's."""
    if not cells_of(banned) <= cells_of(lifted):
        return False
    if not lifted.get("products"):
        return True
    return bool(banned.get("products")) and set(banned["products"]) <= set(lifted["products"])


def is_freed(
    no: Said, purpose: str, channel: str, product: str | None, consents: Iterable[Agreed]
) -> bool:
    """R5(b): a newer consent names purpose and channel (and product, where the ban does)."""
    for agreed in consents:
        scope = agreed.scope
        names_both = purpose in scope.get("purposes", ()) and channel in scope.get("channels", ())
        products = scope.get("products")
        names_product = product in products if product and products else product is None
        if product is None and products:
            names_product = False  # a consent for one product ends no ban on all of them
        if agreed.time > no.time and names_both and names_product:
            return True
    return False


def is_alive(agreed: Agreed, cell: Cell, product: str | None, nos: Iterable[Said]) -> bool:
    """Whether a consent covers the cell, and no ban of the same time or newer has taken it."""
    if cell not in cells_of(agreed.scope):
        return False
    for no in nos:
        scope = no.data["scope"]
        products = scope.get("products")
        takes = cell in cells_of(scope) and (not products or (product and product in products))
        if no.time >= agreed.time and takes:
            return False
    return True


# What is held, by R23 and R27


def acted_for(said: Said, theirs: list[Said]) -> str | None:
    """The company of the role in which it was said: the one it names, else the one that the
    person named before, else the first one named at all."""
    if company_of(said):
        return company_of(said)
    naming = [one for one in theirs if one.brings_data and company_of(one)]
    before = [one for one in naming if one.type != LISTING and one.key < said.key]
    newest = before[-1:] or naming[:1]
    return company_of(newest[0]) if newest else None


def of_ended_role(said: Said, theirs: list[Said]) -> bool:
    """R27: that company was left since; a listing never brings an ended role back (R23), and a
    consumer has none."""
    if said.party.get("kind") == "consumer":
        return False
    company = acted_for(said, theirs)
    left = [
        one.time
        for one in theirs
        if one.type == "contact.left-company" and one.data["business_id"] == company
    ]
    return bool(left) and (said.type == LISTING or said.time <= max(left))


def profile_of(held: Iterable[Said], theirs: list[Said]) -> Json:
    """The newest word on each field; a listing's only where nobody else gave one."""
    listed: Json = {}
    own: Json = {}
    for said in held:
        into = listed if said.type == LISTING else own
        gone = of_ended_role(said, theirs)
        for name, value in said.party.items():
            if gone and name in ("email", "phone", "address", "company"):
                continue  # the role's contact points go with the role
            into[name] = _company(into.get(name), value) if name == "company" else value
    if "company" in own:
        own["company"] = _company(listed.get("company"), own["company"])
    return {**listed, **own}


def _company(before: Json | None, given: Json) -> Json:
    """Another business id is another company; whatever else is given adds to what is known."""
    known = before or {}
    same = given.get("business_id", known.get("business_id")) == known.get("business_id")
    return {**known, **given} if same else given
