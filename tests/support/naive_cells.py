"""The naive model's decision: one person, cell by cell, in the order of the rules' checks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.naive_facts import (
    CARRIED,
    CELLS,
    CHANNELS,
    FIELD,
    LISTING,
    MARKETING,
    RECTIFICATION,
    Agreed,
    Cell,
    Json,
    Point,
    Said,
    Who,
    cells_of,
    collection_banned,
    company_of,
    contact_points,
    exact,
    is_alive,
    is_freed,
    of_ended_role,
    own_bans,
    profile_of,
)

TABLE = {
    ("consumer", "customer"): "SSCOO",
    ("consumer", "prospect"): "CCCCC",
    ("consumer", "former"): "CCCCC",
    ("business", "customer"): "BBCOO",
    ("business", "prospect"): "BBCOO",
    ("business", "former"): "BBCOO",
}
"""The decision table, columns in the order of `CHANNELS`."""


@dataclass(frozen=True)
class Standing:
    """A ban under a contact point, company or identity: what of it still stands."""

    said: Said
    marketing: bool
    collection: bool

    def shown(self) -> Json:
        """As the ban register shows it."""
        # Of a ban whose marketing part is over, the scope is nothing, and not all.
        scope = self.said.data["scope"] if self.marketing else {"purposes": []}
        row: Json = {"scope": scope, "since": self.said.time.isoformat()}
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
    name: Json | None = None
    address: Json | None = None
    former_since: datetime | None = None
    """When the last order of a former consumer customer ended (R26)."""


class Decision:
    """One person's cells.

    `theirs` is all they said, `held` the part whose personal data is held, `erased` the events
    whose data is gone; `standing` tells what stands in the ban register under a point.
    """

    def __init__(
        self,
        members: set[Who],
        theirs: list[Said],
        erased: set[str],
        agreements: frozenset[str],
        standing: Callable[[Point], list[Standing]],
    ) -> None:
        self._members = members
        self._theirs = theirs
        self._held = [said for said in theirs if said.brings_data and said.event_id not in erased]
        self._erased = erased
        self._agreements = agreements
        self._standing = standing
        self._consents = [agreed for said in theirs for agreed in said.consents]
        self._nos = [said for said in theirs if said.is_no]
        self._profile = profile_of(self._held, theirs)
        self._orders = [said for said in self._held if said.type == "order.placed"]
        self._others = list(self._bans_of_others()) if self._held else []

    def person(self) -> Person | None:
        """The decision; None where nothing is held."""
        if not self._held:
            return None
        # A request names a reference; it does not make it one of the channel's (R62).
        own = [said for said in self._held if said.type != RECTIFICATION]
        identities = {said.who for said in own if said.who is not None}
        person = Person(self._audience(), identities)
        person.name, person.address = self._profile.get("name"), self._profile.get("address")
        if person.audience == "former_customer" and self._profile["kind"] == "consumer":
            person.former_since = max(min(self._ends(order)) for order in self._orders)
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
        person.soft_opt_in = sorted(
            {
                group
                for (_, channel), basis in person.allow.items()
                if basis == "soft_opt_in"
                for group in self._groups(FIELD[channel])
            }
        )
        person.denied_products = set(self._denied_products())
        return person

    def _add_contact(self, person: Person) -> None:
        """R44: what some allowed marketing cell uses, and nothing else."""
        for purpose, channel in person.allow:
            if purpose not in ("disclosure", "service_notice"):
                person.contact[FIELD[channel]] = self._profile[FIELD[channel]]

    # Who it is (R20)

    def _is(self, order: Said, kind: str) -> bool:
        return bool(self._ends(order, kind))

    def _ends(self, order: Said, *kinds: str) -> list[datetime]:
        """When it was cancelled, or its contract ended."""
        assert order.who is not None
        return [
            said.time
            for said in self._theirs
            if said.type in (kinds or ("order.cancelled", "contract.ended"))
            and said.who is not None
            and said.who[0] == order.who[0]
            and said.data["order_id"] == order.data["order_id"]
        ]

    def _active(self) -> list[Said]:
        return [order for order in self._orders if not self._ends(order)]

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
        if collection_banned(self._theirs):
            return "collection_banned"
        if self._role_ended():
            return "role_ended"
        reasons = set(self._ban_reasons(purpose, channel))
        for reason in ("banned", "withdrawn"):
            if reason in reasons:
                return reason
        asks_a_partner = purpose in ("partner_marketing", "disclosure")
        if asks_a_partner and purpose not in self._agreements:
            return "no_agreement"
        return ""

    def _role_ended(self) -> bool:
        """R27: the company that the person acts for, by their own word first, was left."""
        if self._profile["kind"] != "business":
            return False
        naming = [said for said in self._theirs if said.brings_data and company_of(said)]
        own = [said for said in naming if said.type != LISTING]
        if not naming:
            return False
        newest = (own or naming)[-1]
        return of_ended_role(newest, self._theirs)

    def _ban_reasons(self, purpose: str, channel: str) -> Iterator[str]:
        for no, marketing, _ in own_bans(self._theirs):
            if not marketing or no.data["scope"].get("products"):
                continue
            covered = (purpose, channel) in cells_of(no.data["scope"])
            if covered and not is_freed(no, purpose, channel, None, self._consents):
                yield no.reason
        for point, standing in self._others:
            no = standing.said
            if no.data["scope"].get("products") or channel not in CARRIED[point[0]]:
                continue
            covered = (purpose, channel) in cells_of(no.data["scope"])
            naming = [agreed for agreed in self._consents if self._names(agreed, point)]
            if covered and not is_freed(no, purpose, channel, None, naming):
                yield no.reason

    def _bans_of_others(self) -> Iterator[tuple[Point, Standing]]:
        """R8, R9: what others said of the contact points and the company that are held."""
        points = list(contact_points(self._profile))
        company = self._profile.get("company", {}).get("business_id")
        if company:
            points.append(("company", company))
        for point in points:
            for standing in self._standing(point):
                if standing.marketing and standing.said.who not in self._members:
                    yield point, standing

    def _names(self, agreed: Agreed, point: Point) -> bool:
        """R8, R54: the consent names the banned contact point, exactly as it is held."""
        name = {"email": "email", "phone": "phone", "post": "address"}.get(point[0])
        if name is None or agreed.event_id in self._erased:
            return False
        given = agreed.party.get(name)
        return given is not None and exact(given) == exact(self._profile.get(name))

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
            if is_alive(agreed, (purpose, channel), None, self._nos):
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
        return given is not None and exact(given) == exact(self._profile.get(name))

    def _groups(self, name: str) -> set[str]:
        """What was bought in the sales that gave the contact point, with an opt-out offered."""
        return {
            line["category"]
            for order in self._sales()
            if order.data.get("marketing_opt_out_offered", True) and self._gave(order, name)
            for line in order.data["lines"]
        }

    # Products

    def _denied_products(self) -> Iterator[tuple[str, str, str, str]]:
        for no, marketing, _ in own_bans(self._theirs):
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
            for purpose, channel in cells_of(no.data["scope"]):
                if purpose == "service_notice" or channel not in channels:
                    continue
                if not is_freed(no, purpose, channel, product, consents):
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
                and is_alive(agreed, (purpose, "phone"), "mobile", self._nos)
                for agreed in self._consents
            )
            if purpose != "disclosure" and not opened:
                yield "mobile", purpose, "phone", "mobile_by_phone"
