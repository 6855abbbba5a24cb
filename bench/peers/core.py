"""Decoding and deciding, shared by the peers so that only the framework differs.

What a good engineer would write in a day: orders, consents and bans of a channel identity, bans
under contact points, one decision per purpose and channel. It knows no merges of identities, no
roles, no soft opt-in by product group, no erasure and no agreements. It imports nothing of the
register, since it runs in environments of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

Json = dict[str, Any]
Headers = Iterable[tuple[str, bytes | str | None]]

TYPES = frozenset(
    {"order.placed", "consent.granted", "consent.withdrawn", "ban.placed", "ban.lifted"}
)
PURPOSES = (
    "newsletter", "bulletin", "offers", "campaign", "competition", "market_research",
    "partner_marketing",
)  # fmt: skip
CHANNELS = ("email", "sms", "automated_call", "phone", "post")
OPT_OUT = frozenset({"phone", "post"})
"""Channels on which a customer is written to until they say no."""
POINT_OF = {
    "email": "email", "sms": "phone", "automated_call": "phone", "phone": "phone",
    "post": "address",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the core; `subject` is None where only contact points are named."""

    source: str
    event_id: str
    type: str
    subject: str | None
    time: datetime
    data: Json

    @property
    def key(self) -> tuple[str, str]:
        """The duplicate key."""
        return self.source, self.event_id

    @property
    def points(self) -> dict[str, str]:
        """The contact points that it names, by kind, normalised in the simplest way."""
        return points_of(self.data.get("party") or {})


def decode(value: bytes | None, headers: Headers) -> Event | None:
    """Read a CloudEvent of either mode; None for what the core does not handle."""
    if not value:
        return None
    body = orjson.loads(value)
    if "specversion" not in body:
        known = {
            name.removeprefix("ce_"): text.decode() if isinstance(text, bytes) else text
            for name, text in headers
            if name.startswith("ce_")
        }
        body = {**known, "data": body}
    if body.get("type") not in TYPES:
        return None
    time = datetime.fromisoformat(body["time"])
    return Event(body["source"], body["id"], body["type"], body.get("subject"), time, body["data"])


def points_of(party: Mapping[str, Any]) -> dict[str, str]:
    """Contact points by kind."""
    points = {}
    if party.get("email"):
        points["email"] = f"email:{party['email'].strip().lower()}"
    if party.get("phone"):
        digits = "".join(sign for sign in party["phone"] if sign.isdigit())
        points["phone"] = f"phone:{'358' + digits[1:] if digits.startswith('0') else digits}"
    if party.get("address"):
        address = party["address"]
        words = f"{address.get('street')} {address.get('postal_code')}".lower().split()
        points["address"] = f"address:{' '.join(words)}"
    return points


def cells(scope: Mapping[str, Any]) -> list[str]:
    """`purpose/channel` of everything in a scope; what limits itself to products is left out."""
    if scope.get("products"):
        return []
    return [
        f"{purpose}/{channel}"
        for purpose in scope.get("purposes") or PURPOSES
        for channel in scope.get("channels") or CHANNELS
    ]


def fold(state: Json | None, event: Event) -> Json:
    """The person's state after an event; what is older than what stands changes nothing."""
    state = state or {"customer": False, "points": {}, "says": {}}
    if event.type == "order.placed":
        return {**state, "customer": True, "points": {**state["points"], **event.points}}
    moment = event.time.timestamp()
    says = dict(state["says"])
    answer = {"consent.granted": "yes", "ban.lifted": ""}.get(event.type, "no")
    for cell in cells(event.data.get("scope") or {}):
        if cell not in says or says[cell][1] <= moment:
            says[cell] = [answer, moment]
    return {**state, "says": says}


def decide(state: Json, banned: Mapping[str, Sequence[str]]) -> Json:
    """Allowed or the reason why not, for every purpose and channel.

    `banned` holds the cells that are banned under a contact point.
    """
    allow, deny = {}, {}
    for channel in CHANNELS:
        point = state["points"].get(POINT_OF[channel])
        under_ban = set(banned.get(point, ())) if point else set()
        for purpose in PURPOSES:
            cell = f"{purpose}/{channel}"
            said = state["says"].get(cell, ("", 0.0))[0]
            if said == "no" or cell in under_ban:
                deny[cell] = "banned"
            elif said != "yes" and not (state["customer"] and channel in OPT_OUT):
                deny[cell] = "no_consent"
            elif point is None:
                deny[cell] = "no_contact_point"
            else:
                allow[cell] = "consent" if said == "yes" else "customer_relationship"
    return {"allow": allow, "deny": deny, "contact": state["points"] if allow else {}}


def standing(rows: Iterable[tuple[str, bool, Json, datetime]]) -> dict[str, set[str]]:
    """Banned cells by contact point, of rows (point, lifts, scope, time); the newest counts."""
    banned: dict[str, set[str]] = {}
    for point, lifts, scope, _ in sorted(rows, key=lambda row: row[3]):
        named = banned.setdefault(point, set())
        if lifts:
            named.difference_update(cells(scope))
        else:
            named.update(cells(scope))
    return banned
