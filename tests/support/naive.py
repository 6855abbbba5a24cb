"""The rules once more, written straight from `rules.md`: slow, plain, and independent.

It folds the whole set of events anew at every question, cell by cell, with loops and no
cleverness, and shares with `register.rules` nothing but the spelling of contact points
(`normalise`, tested by itself). Where it and the register differ, one of them is wrong.

It covers what persons and channels say (R2 to R12, R20 to R24, R27, R30 to R36, R50 to R54),
not requests, agreements and disclosures.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from register.rules import normalise

Json = dict[str, Any]
Who = tuple[str, str]
"""A channel identity: source and subject."""
Point = tuple[str, str]
"""A kind (email, phone, post, company, identity) and the spelling that bans compare (R54)."""
Cell = tuple[str, str]
"""A purpose and a channel."""

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

TABLE = {
    ("consumer", "customer"): "SSCOO",
    ("consumer", "prospect"): "CCCCC",
    ("consumer", "former"): "CCCCC",
    ("business", "customer"): "BBCOO",
    ("business", "prospect"): "BBCOO",
    ("business", "former"): "BBCOO",
}
"""The decision table, columns in the order of `CHANNELS`."""

_RANK = {"ban.lifted": 1, "consent.withdrawn": 2, "ban.placed": 3}
_LISTING = "prospect.listed"


@dataclass(frozen=True)
class Said:
    """An event as the rules see it; `tie` orders events of equal time and rank."""

    event_id: str
    type: str
    who: Who | None
    time: datetime
    tie: bytes
    data: Json
    party: Json
    consents: tuple["Agreed", ...]

    @property
    def key(self) -> tuple[datetime, int, bytes]:
        """R2, R3."""
        return (self.time, _RANK.get(self.type, 0), self.tie)

    @property
    def brings_data(self) -> bool:
        """Whether it gave the register something to hold about a person (R12)."""
        no = self.type in ("consent.withdrawn", "ban.placed", "ban.lifted")
        return bool(self.party) and not no

    @property
    def is_no(self) -> bool:
        """A ban, or a withdrawal, which acts as one (R6)."""
        return self.type in ("ban.placed", "consent.withdrawn")

    @property
    def reason(self) -> str:
        """Why a cell that it covers is denied."""
        return "banned" if self.type == "ban.placed" else "withdrawn"

    @property
    def forbids_collecting(self) -> bool:
        """R24."""
        return self.type == "ban.placed" and bool(self.data.get("collection"))

    @property
    def points(self) -> list[Point]:
        """What it names: contact points and, with data or alone, a company (R7, R9)."""
        contact = list(_contact_points(self.party))
        company = self.party.get("company", {}).get("business_id")
        if company and (self.brings_data or (not contact and "name" not in self.party)):
            return [*contact, ("company", company)]
        return contact


@dataclass(frozen=True)
class Agreed:
    """A consent with wording, and the event that gave it."""

    said: Said | None
    time: datetime
    scope: Json


@dataclass(frozen=True)
class Standing:
    """A ban under a contact point, company or identity: what of it still stands."""

    said: Said
    marketing: bool
    collection: bool

    def shown(self) -> Json:
        """As the ban register shows it."""
        row: Json = {"scope": self.said.data["scope"], "since": self.said.time.isoformat()}
        if self.collection:
            row["collection"] = True
        return row


@dataclass
class Person:
    """What may be done with a person, by this reading."""

    audience: str
    identities: set[Who]
    allow: dict[Cell, str] = field(default_factory=dict)
    deny: dict[Cell, str] = field(default_factory=dict)
    contact: Json = field(default_factory=dict)
    soft_opt_in: list[str] = field(default_factory=list)
    denied_products: set[tuple[str, str, str, str]] = field(default_factory=set)
    """Product, purpose, channel, reason."""


class NaiveModel:
    """Holds the events that were accepted, and which personal data has been erased since.

    R21 and R23 judge by what had arrived, and data erased under R22 cannot be brought back:
    those two are all that the model keeps of the order of arrival.
    """

    def __init__(self, tie: Callable[[Json], bytes], agreements: Iterable[str] = ()) -> None:
        """`tie` orders events of equal time and rank; the rules leave that open."""
        self.accepted: list[Said] = []
        self.refused: list[str] = []
        self.erased: set[str] = set()
        self._tie = tie
        self._agreements = frozenset(agreements)
        self._seen: set[tuple[str, str]] = set()

    # Arrival

    def deliver(self, *events: Json) -> None:
        """Take a batch in: judge each event by what had arrived, then erase what must go."""
        for event in events:
            key = (event["source"], event["id"])
            if key in self._seen:  # R1
                continue
            self._seen.add(key)
            said = _read(event, self._tie(event))
            if said is None or not self._admits(said):
                self.refused.append(event["id"])
            else:
                self.accepted.append(said)
        for members in self.people():
            self.erased.update(said.event_id for said in self._must_go(members))

    def _admits(self, said: Said) -> bool:
        if not said.brings_data or said.type == "order.placed" or said.who is None:
            return True
        everything = [*self.accepted, said]
        members = next(one for one in _people(everything) if said.who in one)
        theirs = _of(everything, members)
        if said.type == _LISTING:
            earlier = [one for one in theirs if one is not said]
            return not (
                said.party["kind"] == "consumer"
                or _own_kind(earlier) == "consumer"
                or self._listing_forbidden(said, earlier, members)
            )
        return _has_ground(theirs, said.time)

    def _listing_forbidden(self, said: Said, theirs: list[Said], members: set[Who]) -> bool:
        """R23, R24: a collection ban of their own, or of another's under what it names."""
        own = [no for no in theirs if no.forbids_collecting]
        if own and (_collection_banned(theirs) or said.time <= max(no.time for no in own)):
            return True
        for point in said.points:
            others = [
                standing
                for standing in self._under(point, even_if_lifted=True)
                if standing.said.forbids_collecting and standing.said.who not in members
            ]
            if any(one.collection or said.time <= one.said.time for one in others):
                return True
        return False

    def _must_go(self, members: set[Who]) -> Iterator[Said]:
        """Personal data that may not be held: R22, R23, R24."""
        theirs = _of(self.accepted, members)
        floor = _floor(theirs)
        for said in theirs:
            if not said.brings_data:
                continue
            listed = said.type == _LISTING and (
                _own_kind(theirs) == "consumer" or self._listing_forbidden(said, theirs, members)
            )
            if listed or (floor is not None and said.time <= floor):
                yield said

    # Persons (R50 to R52)

    def people(self) -> list[set[Who]]:
        """Identities that are one person, of everybody who ever said anything."""
        return _people(self.accepted)

    def person(self, who: Who) -> Person | None:
        """The decision for the person with this identity; None where nothing may be held."""
        members = next((one for one in self.people() if who in one), set[Who]())
        theirs = _of(self.accepted, members)
        held = [said for said in theirs if said.brings_data and said.event_id not in self.erased]
        if not held:
            return None
        return _Decision(self, members, theirs, held).person()

    @property
    def agreements(self) -> frozenset[str]:
        """Purposes for which a partner's agreement is active (R33, R34)."""
        return self._agreements

    # The ban register (R7 to R9, R22, R24)

    def register(self) -> dict[Point, list[Json]]:
        """What stands under every contact point, company and identity that has a ban."""
        points = {point for said in self.accepted for point in said.points}
        shown = {point: [one.shown() for one in self.standing(point)] for point in points}
        for members in self.people():
            for no, marketing, collection in _own_standing(_of(self.accepted, members)):
                assert no.who is not None
                row = Standing(no, marketing, collection).shown()
                shown.setdefault(("identity", "\n".join(no.who)), []).append(row)
        return {point: rows for point, rows in shown.items() if rows}

    def standing(self, point: Point) -> list[Standing]:
        """Bans that stand, in part at least, under a contact point or a company."""
        return [one for one in self._under(point) if one.marketing or one.collection]

    def _under(self, point: Point, *, even_if_lifted: bool = False) -> list[Standing]:
        bans = {said.event_id: said for said in self.accepted if said.is_no}
        placed = [said for said in bans.values() if point in said.points]
        placed += [said for said in self._left_behind(point) if said not in placed]
        found: list[Standing] = []
        for said in placed:
            lifts = [
                lift
                for lift in self.accepted
                if lift.type == "ban.lifted"
                and lift.time > said.time
                and (point in lift.points or (lift.who is not None and lift.who == said.who))
            ]
            marketing = not any(_covers(lift.data["scope"], said.data["scope"]) for lift in lifts)
            collection = said.forbids_collecting and not (
                any(lift.data.get("collection") for lift in lifts) or self._came_back(said)
            )
            if marketing or collection or even_if_lifted:
                found.append(Standing(said, marketing, collection))
        return found

    def _came_back(self, ban: Said) -> bool:
        """R24: the person's own later order or sign-up ends a collection ban of theirs."""
        members = next((one for one in self.people() if ban.who in one), set[Who]())
        return any(_comes_back(said, ban) for said in _of(self.accepted, members))

    def _left_behind(self, point: Point) -> Iterator[Said]:
        """R22, R24: contact data that was erased leaves the person's bans under its digests."""
        for members in self.people():
            theirs = _of(self.accepted, members)
            floor = _floor(theirs)
            gone = [
                said
                for said in theirs
                if said.brings_data and floor is not None and said.time <= floor
            ]
            if any(point in _contact_points(said.party) for said in gone):
                yield from (no for no, _, _ in _own_standing(theirs))


class _Decision:
    """One person's cells, checked in the order of the rules."""

    def __init__(
        self, model: NaiveModel, members: set[Who], theirs: list[Said], held: list[Said]
    ) -> None:
        self._model = model
        self._theirs = theirs
        self._held = held
        self._members = members
        self._consents = [agreed for said in theirs for agreed in said.consents]
        self._nos = [said for said in theirs if said.is_no]
        self._profile = _profile(held, theirs)
        self._orders = [said for said in held if said.type == "order.placed"]
        self._others = list(self._bans_of_others())

    def person(self) -> Person:
        identities = {said.who for said in self._held if said.who is not None}
        person = Person(self._audience(), identities)
        for purpose, channel in CELLS:
            reason = self._blocked(purpose, channel)
            basis, lacking = ("", reason) if reason else self._basis(purpose, channel)
            if basis and FIELD[channel] not in self._profile:
                basis, lacking = "", "no_contact_point"  # R36
            if basis:
                person.allow[purpose, channel] = basis
            else:
                person.deny[purpose, channel] = lacking
        self._add_contact(person)
        if "soft_opt_in" in person.allow.values():
            person.soft_opt_in = sorted(self._groups())
        person.denied_products = set(self._denied_products())
        return person

    def _add_contact(self, person: Person) -> None:
        """R44: what some allowed marketing cell uses, and nothing else."""
        for purpose, channel in person.allow:
            if purpose not in ("disclosure", "service_notice"):
                person.contact[FIELD[channel]] = self._profile[FIELD[channel]]

    # Who it is (R20)

    def _is(self, order: Said, kind: str) -> bool:
        assert order.who is not None
        return any(
            said.type == kind
            and said.who is not None
            and said.who[0] == order.who[0]
            and said.data["order_id"] == order.data["order_id"]
            for said in self._theirs
        )

    def _active(self) -> list[Said]:
        return [
            order
            for order in self._orders
            if not self._is(order, "order.cancelled") and not self._is(order, "contract.ended")
        ]

    def _relation(self) -> str:
        if self._active():
            return "customer"
        return "former" if self._orders else "prospect"

    def _audience(self) -> str:
        relation = self._relation()
        if relation == "former":
            return "former_customer"
        return f"{self._profile['kind']}_{relation}"

    # What forbids (the order of the checks)

    def _blocked(self, purpose: str, channel: str) -> str:
        if purpose == "service_notice":
            return "role_ended" if self._role_ended() else ""  # R35: no ban touches it
        if _collection_banned(self._theirs):
            return "collection_banned"
        if self._role_ended():
            return "role_ended"
        reasons = set(self._ban_reasons(purpose, channel))
        for reason in ("banned", "withdrawn"):
            if reason in reasons:
                return reason
        if purpose in ("partner_marketing", "disclosure") and purpose not in (
            self._model.agreements
        ):
            return "no_agreement"
        return ""

    def _role_ended(self) -> bool:
        """R27: the company that the person acts for, by their own word first, was left."""
        if self._profile["kind"] != "business":
            return False
        naming = [said for said in self._theirs if said.brings_data and _company(said)]
        own = [said for said in naming if said.type != _LISTING]
        if not naming:
            return False
        newest = (own or naming)[-1]
        return _left_since(newest, self._theirs)

    def _ban_reasons(self, purpose: str, channel: str) -> Iterator[str]:
        for no, marketing, _ in _own_standing(self._theirs):
            if not marketing or no.data["scope"].get("products"):
                continue
            covered = (purpose, channel) in _cells(no.data["scope"])
            if covered and not _freed(no, purpose, channel, None, self._consents):
                yield no.reason
        for point, standing in self._others:
            no = standing.said
            if no.data["scope"].get("products") or channel not in CARRIED[point[0]]:
                continue
            covered = (purpose, channel) in _cells(no.data["scope"])
            naming = [agreed for agreed in self._consents if self._names(agreed, point)]
            if covered and not _freed(no, purpose, channel, None, naming):
                yield no.reason

    def _bans_of_others(self) -> Iterator[tuple[Point, Standing]]:
        """R8, R9: what others said of the contact points and the company that are held."""
        points = list(_contact_points(self._profile))
        company = self._profile.get("company", {}).get("business_id")
        if company:
            points.append(("company", company))
        for point in points:
            for standing in self._model.standing(point):
                if standing.marketing and standing.said.who not in self._members:
                    yield point, standing

    def _names(self, agreed: Agreed, point: Point) -> bool:
        """R8, R54: the consent names the banned contact point, exactly as it is held."""
        assert agreed.said is not None
        name = {"email": "email", "phone": "phone", "post": "address"}.get(point[0])
        if name is None or agreed.said.event_id in self._model.erased:
            return False
        given = agreed.said.party.get(name)
        return given is not None and _exact(given) == _exact(self._profile.get(name))

    # What permits

    def _basis(self, purpose: str, channel: str) -> tuple[str, str]:
        """The basis, or an empty one and the reason for the denial."""
        if purpose == "service_notice":
            return ("", "not_a_customer") if self._relation() == "prospect" else ("contract", "")
        code = self._code(purpose, channel)
        if code == "O":
            customer = self._relation() == "customer"
            return ("customer_relationship" if customer else "business_interest"), ""
        if code == "B" and self._profile.get("company", {}).get("role"):
            return "business_role", ""
        if self._consented(purpose, channel):
            return "consent", ""
        if code == "B":
            return "", "role_unknown"
        if code == "S":
            return self._soft_opt_in(channel)
        former = self._audience() == "former_customer" and self._profile["kind"] == "consumer"
        return "", "not_a_customer" if former else "no_consent"

    def _code(self, purpose: str, channel: str) -> str:
        row = TABLE[self._profile["kind"], self._relation()]
        code = row[CHANNELS.index(channel)]
        if purpose == "market_research" and code in "SB":  # R32
            return "O"
        if purpose == "partner_marketing" and code == "S":  # R33
            return "C"
        return code

    def _consented(self, purpose: str, channel: str) -> bool:
        for agreed in self._consents:
            scope = agreed.scope
            if scope.get("products"):  # opens no cell, only a screening of that product
                continue
            must_name = purpose == "disclosure" and self._relation() != "customer"  # R34
            if must_name and "disclosure" not in scope.get("purposes", ()):
                continue
            if _alive(agreed, (purpose, channel), None, self._nos):
                return True
        return False

    def _soft_opt_in(self, channel: str) -> tuple[str, str]:
        obtained = [order for order in self._sales() if self._gave(order, FIELD[channel])]
        if any(order.data.get("marketing_opt_out_offered", True) for order in obtained):
            return "soft_opt_in", ""
        return "", "no_opt_out_offered" if obtained else "no_consent"

    def _sales(self) -> list[Said]:
        return [
            order
            for order in self._orders
            if not self._is(order, "order.cancelled")
            and order.data.get("contact_obtained_in_sale", True)
        ]

    def _gave(self, order: Said, name: str) -> bool:
        """Whether the order named the contact point as it is held now."""
        given = order.party.get(name)
        return given is not None and _exact(given) == _exact(self._profile.get(name))

    def _groups(self) -> set[str]:
        return {
            line["category"]
            for order in self._sales()
            if order.data.get("marketing_opt_out_offered", True)
            and (self._gave(order, "email") or self._gave(order, "phone"))
            for line in order.data["lines"]
        }

    # Products

    def _denied_products(self) -> Iterator[tuple[str, str, str, str]]:
        for no, marketing, _ in _own_standing(self._theirs):
            if marketing:
                yield from self._product_bans(no, set(CHANNELS), self._consents)
        for point, standing in self._others:
            naming = [agreed for agreed in self._consents if self._names(agreed, point)]
            yield from self._product_bans(standing.said, CARRIED[point[0]], naming)
        yield from self._mobile_by_phone()

    def _product_bans(
        self, no: Said, channels: set[str], consents: Sequence[Agreed]
    ) -> Iterator[tuple[str, str, str, str]]:
        for product in no.data["scope"].get("products", ()):
            for purpose, channel in _cells(no.data["scope"]):
                if purpose == "service_notice" or channel not in channels:
                    continue
                if not _freed(no, purpose, channel, product, consents):
                    yield product, purpose, channel, no.reason

    def _mobile_by_phone(self) -> Iterator[tuple[str, str, str, str]]:
        """R31."""
        if self._profile["kind"] != "consumer":
            return
        for order in self._active():
            if any(line["category"] == "mobile" for line in order.data["lines"]):
                return
        for purpose in MARKETING:
            opened = any(
                "mobile" in agreed.scope.get("products", ())
                and "phone" in agreed.scope.get("channels", ())
                and _alive(agreed, (purpose, "phone"), "mobile", self._nos)
                for agreed in self._consents
            )
            if purpose != "disclosure" and not opened:
                yield "mobile", purpose, "phone", "mobile_by_phone"


# Reading an event


def _read(event: Json, tie: bytes) -> Said | None:
    """An event in the spelling that the rules compare; None for a consent without wording."""
    data = event["data"]
    who = (event["source"], event["subject"]) if "subject" in event else None
    time = datetime.fromisoformat(event["time"])
    party = _party(data["party"]) if "party" in data else {}
    given = data.get("consents", [])
    if event["type"] == "consent.granted":
        given = [data]
    if any("wording" not in consent for consent in given):  # R10
        return None
    said = Said(event["id"], event["type"], who, time, tie, data, party, ())
    consents = tuple(Agreed(said, time, consent["scope"]) for consent in given)
    return Said(event["id"], event["type"], who, time, tie, data, party, consents)


def _party(given: Json) -> Json:
    party = dict(given)
    if "phone" in party:
        party["phone"] = normalise.phone(party["phone"])
    return party


def _contact_points(party: Json) -> Iterator[Point]:
    if "email" in party:
        yield "email", normalise.email_generous(party["email"])
    if "phone" in party:
        yield "phone", party["phone"]
    if "address" in party:
        yield "post", normalise.address(**party["address"])


def _exact(value: Any) -> Any:
    """As consents compare (R54)."""
    return value.lower() if isinstance(value, str) else value


def _company(said: Said) -> str | None:
    company: str | None = said.party.get("company", {}).get("business_id")
    return company


# Who is one person, by R50 and R51


def _people(accepted: Iterable[Said]) -> list[set[Who]]:
    groups: list[tuple[set[Who], set[tuple[str, ...]]]] = []
    for said in accepted:
        if said.who is None:
            continue
        members, keys = {said.who}, set(_match_keys(said.party))
        apart: list[tuple[set[Who], set[tuple[str, ...]]]] = []
        for group in groups:
            if group[0] & members or group[1] & keys:
                members |= group[0]
                keys |= group[1]
            else:
                apart.append(group)
        groups = [*apart, (members, keys)]
    return [members for members, _ in groups]


def _match_keys(party: Json) -> Iterator[tuple[str, ...]]:
    name = party.get("name", {})
    if not (name.get("given") and name.get("family")):
        return
    who = (party["kind"], normalise.name(name["given"], name["family"]))
    if "email" in party:
        yield (*who, "email", party["email"].lower())
    if party["kind"] == "consumer" and "phone" in party:
        yield (*who, "phone", party["phone"])
    company = party.get("company", {}).get("business_id")
    if party["kind"] == "business" and company:
        yield (*who, "company", company)


def _of(accepted: Iterable[Said], members: set[Who]) -> list[Said]:
    """What a person said, by time (R2, R3)."""
    return sorted((said for said in accepted if said.who in members), key=lambda said: said.key)


# Whether anything may be held (R21, R22, R24)


def _own_kind(theirs: Iterable[Said]) -> str | None:
    kinds = [said.party["kind"] for said in theirs if said.brings_data and said.type != _LISTING]
    return kinds[-1] if kinds else None


def _floor(theirs: list[Said]) -> datetime | None:
    """The last moment without any ground: what was given until then is gone (R22)."""
    moments = [said.time for said in theirs if not _has_ground(theirs, said.time)]
    return max(moments, default=None)


def _has_ground(theirs: list[Said], moment: datetime) -> bool:
    until = [said for said in theirs if said.time <= moment]
    if any(said.type == "order.placed" for said in until):
        return True
    if _collection_banned(until):
        return False
    if _own_kind(until) != "consumer":
        return True
    nos = [said for said in until if said.is_no]
    return any(
        _alive(agreed, cell, product, nos)
        for said in until
        for agreed in said.consents
        for cell in CELLS
        for product in agreed.scope.get("products") or [None]
    )


def _collection_banned(theirs: Iterable[Said]) -> bool:
    theirs = list(theirs)
    return any(collection for _, _, collection in _own_standing(theirs))


def _comes_back(said: Said, ban: Said) -> bool:
    return said.type in ("order.placed", "signup.received") and said.time > ban.time


def _own_standing(theirs: list[Said]) -> Iterator[tuple[Said, bool, bool]]:
    """The person's own bans: does the ban on marketing stand, and the one on collecting?"""
    for no in theirs:
        if not no.is_no:
            continue
        lifts = [lift for lift in theirs if lift.type == "ban.lifted" and lift.time > no.time]
        marketing = not any(_covers(lift.data["scope"], no.data["scope"]) for lift in lifts)
        collection = no.forbids_collecting and not (
            any(lift.data.get("collection") for lift in lifts)
            or any(_comes_back(said, no) for said in theirs)
        )
        if marketing or collection:
            yield no, marketing, collection


# Scopes, by R5


def _cells(scope: Json) -> set[Cell]:
    return {
        (purpose, channel)
        for purpose, channel in CELLS
        if purpose in scope.get("purposes", MARKETING)
        and channel in scope.get("channels", CHANNELS)
    }


def _covers(lifted: Json, banned: Json) -> bool:
    """R5(a): the lift's scope takes in all of the ban's."""
    if not _cells(banned) <= _cells(lifted):
        return False
    if not lifted.get("products"):
        return True
    return bool(banned.get("products")) and set(banned["products"]) <= set(lifted["products"])


def _freed(
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


def _alive(agreed: Agreed, cell: Cell, product: str | None, nos: Iterable[Said]) -> bool:
    """Whether a consent covers the cell, and no ban of the same time or newer has taken it."""
    if cell not in _cells(agreed.scope):
        return False
    for no in nos:
        scope = no.data["scope"]
        products = scope.get("products")
        takes = cell in _cells(scope) and (not products or (product and product in products))
        if no.time >= agreed.time and takes:
            return False
    return True


# What is held, by R23 and R27


def _left_since(said: Said, theirs: Iterable[Said]) -> bool:
    return any(
        left.type == "contact.left-company"
        and left.data["business_id"] == _company(said)
        and left.time >= said.time
        for left in theirs
    )


def _profile(held: Iterable[Said], theirs: Iterable[Said]) -> Json:
    """The newest word on each field; a listing's only where nobody else gave one."""
    listed: Json = {}
    own: Json = {}
    for said in held:
        into = listed if said.type == _LISTING else own
        gone = _left_since(said, theirs)
        for name, value in said.party.items():
            if gone and name in ("email", "phone", "address", "company"):
                continue  # the role's contact points go with the role
            if name == "company":
                before = into.get("company", {})
                same = value.get("business_id") == before.get("business_id")
                into["company"] = {**before, **value} if same else value
            else:
                into[name] = value
    return {**listed, **own}
