"""The rows of a scenario table as events: what is sent, in the words of the tables.

How they are written stands in `tests/scenarios/README.md`. A new kind of event is one more
entry of `WHAT`, and its words of `WORDS`.
"""

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import yaml

from tests.integration.store import said
from tests.support import events
from tests.support.events import Json

SCENARIOS = Path(__file__).parents[1] / "scenarios"
CAST: dict[str, Json] = yaml.safe_load((SCENARIOS / "cast.yml").read_text("utf-8"))

SWEEP = "sweep"
"""No event: the register's own work, on that day."""

CustomerIds = Callable[[str, str, int | None], uuid.UUID | None]
"""The customer id of a channel's reference, now or as it was after an event."""


def event_of(number: int, row: Json, earlier: Mapping[int, Json], ids: CustomerIds) -> Json:
    """The event that a row stands for."""
    if "again" in row:
        return earlier[row["again"]]
    unknown = row.keys() - WORDS
    assert not unknown, f"event {number}: no such word: {unknown}"
    what, asked = row["what"], "recipients" in row
    by = row.get("by", _SPEAKERS.get(what, "campaign tool"))
    source, subject = identity(by)
    if asked:
        row = {**row, "recipients": [_recipient(words, ids) for words in row["recipients"]]}
    event = WHAT[what](moment(row["day"]), row, {"source": source, "subject": subject})
    event["id"] = f"event-{row.get('with the id of', number)}"
    if "offset" in row:
        event["time"] = event["time"].removesuffix("+00:00") + (row["offset"] or "")
    return event


WORDS = frozenset(
    {
        "day",
        "arrives on day",
        "offset",
        "what",
        "by",
        "with the id of",
        "party",
        "profiling",
        "order",
        "buys",
        "opt-out offered",
        "contact got in the sale",
        "scope",
        "agrees to",
        "wording",
        "collection",
        "evidence",
        "company",
        "status",
        "invoice",
        "signed",
        "corrections",
        "keep",
        "merge",
        "partner",
        "for",
        "outside the EEA",
        "transfer basis",
        "to",
        "legal basis",
        "whom",
        "purpose",
        "channel",
        "product",
        "recipients",
    }
)

_SOURCES = {
    "webshop": events.WEBSHOP,
    "app": events.APP,
    "callcentre": "/channels/callcentre",
    "directory": events.DIRECTORY,
    "campaign tool": said.TOOL,
    "customer service": said.SERVICE,
    "contracts": said.CONTRACTS,
}

_SPEAKERS = {
    **dict.fromkeys(
        ("access", "rectification", "erasure", "merge", "disclosure"), "customer service"
    ),
    "agreement": "contracts",
    "agreement ended": "contracts",
}
"""Who says it, where the row does not say; everything else comes from a campaign tool."""


def moment(written: Any) -> datetime:
    """A day of the tables' calendar, by number or by date."""
    if isinstance(written, date):
        return datetime.combine(written, time(tzinfo=events.FIRST_DAY.tzinfo))
    return events.day(written)


def identity(words: str) -> tuple[str, str | None]:
    """`webshop c-1`: the source and its reference; a source alone names nobody."""
    if words in _SOURCES:
        return _SOURCES[words], None
    name, subject = words.rsplit(" ", 1)
    return _SOURCES[name], subject


def party_of(given: Any) -> Json:
    """`aino`, or `{like: aino, email: ..., without: [...]}`, or the fields themselves."""
    if isinstance(given, str):
        return dict(CAST[given])
    base = CAST[given["like"]] if "like" in given else {}
    left_out = given.get("without", ())
    party = {**base, **given}
    return {
        name: value
        for name, value in party.items()
        if name not in ("like", "without") and name not in left_out
    }


def _party(row: Json) -> Json | None:
    return party_of(row["party"]) if "party" in row else None


def _recipient(words: str, ids: CustomerIds) -> Json:
    """`email ...`, `phone ...`, `id of webshop c-1`, `id of webshop c-1 after event 2`."""
    kind, _, value = words.partition(" ")
    if kind in ("email", "phone"):
        return {kind: value}
    who, _, after = value.removeprefix("of ").partition(" after event ")
    if who == "nobody":
        return {"customer_id": str(uuid.UUID(int=0))}
    source, subject = identity(who)
    assert subject is not None
    found = ids(source, subject, int(after) if after else None)
    assert found is not None, f"{words}: no customer id"
    return {"customer_id": str(found)}


def _order(time: datetime, row: Json, envelope: Json) -> Json:
    return events.order(
        time,
        _party(row) or {},
        " ".join(row["buys"]),
        row.get("order", "order-1"),
        obtained=row.get("contact got in the sale", True),
        offered=row.get("opt-out offered", True),
        **envelope,
    )


def _signup(time: datetime, row: Json, envelope: Json) -> Json:
    made = events.signup(
        time,
        _party(row) or {},
        *row.get("agrees to", ()),
        profiling=row.get("profiling"),
        **envelope,
    )
    if row.get("wording") == "none":
        for given in made["data"]["consents"]:
            del given["wording"]
    return made


def _consent(time: datetime, row: Json, envelope: Json) -> Json:
    wording = row.get("wording", "text-1")
    return events.consent(
        time, row["scope"], _party(row), None if wording == "none" else wording, **envelope
    )


def _ban_or_lift(made: Callable[..., Json]) -> Callable[[datetime, Json, Json], Json]:
    def said_no(time: datetime, row: Json, envelope: Json) -> Json:
        collection = row.get("collection", False)
        event = made(time, row.get("scope", {}), _party(row), collection=collection, **envelope)
        if "evidence" in row:
            event["data"]["evidence"] = row["evidence"]
        return event

    return said_no


def _listing(time: datetime, row: Json, envelope: Json) -> Json:
    event = events.listing(time, _party(row) or {}, **envelope)
    if "profiling" in row:
        event["data"]["profiling"] = row["profiling"]
    return event


def _end(made: Callable[..., Json]) -> Callable[[datetime, Json, Json], Json]:
    return lambda time, row, envelope: made(time, row.get("order", "order-1"), **envelope)


def _asking(made: Callable[..., Json]) -> Callable[[datetime, Json, Json], Json]:
    """A request of somebody's; without a party the reference alone says whose."""
    return lambda time, row, envelope: made(time, _party(row) or {"kind": "consumer"}, **envelope)


def _access(time: datetime, row: Json, envelope: Json) -> Json:
    party = _party(row) or {"kind": "consumer"}
    return said.access(time, party, signed=row.get("signed", True), **envelope)


def _rectification(time: datetime, row: Json, envelope: Json) -> Json:
    party = _party(row) or {"kind": "consumer"}
    return said.rectification(time, party, row["corrections"], **envelope)


def _merge(time: datetime, row: Json, _: Json) -> Json:
    keep, *others = (identity(words) for words in (row["keep"], *row["merge"]))
    return said.merge(time, _named(keep), *map(_named, others))


def _named(who: tuple[str, str | None]) -> tuple[str, str]:
    source, subject = who
    assert subject is not None
    return source, subject


def _agreement(time: datetime, row: Json, _: Json) -> Json:
    region = "outside_EEA" if row.get("outside the EEA") else "EEA"
    return said.signed(
        time, row["partner"], " ".join(row["for"]), region, row.get("transfer basis")
    )


def _disclosure(time: datetime, row: Json, _: Json) -> Json:
    to = row["to"]
    data: Json = {"recipient": to}
    if to not in ("authority", "person"):
        data = {"recipient": "partner", "partner_id": to}
    if "legal basis" in row:
        data["legal_basis"] = row["legal basis"]
    by = identity(row.get("by", "customer service"))
    return said.disclosure(time, row.get("whom"), by=by, **data)


WHAT: dict[str, Callable[[datetime, Json, Json], Json]] = {
    "order": _order,
    "cancellation": _end(events.cancellation),
    "contract end": _end(events.contract_end),
    "billing": lambda time, row, envelope: events.billing(
        time, row["status"], row.get("invoice"), **envelope
    ),
    "sign-up": _signup,
    "consent": _consent,
    "withdrawal": lambda time, row, envelope: events.withdrawal(
        time, row.get("scope", {}), _party(row), **envelope
    ),
    "ban": _ban_or_lift(events.ban),
    "lift": _ban_or_lift(events.lift),
    "profile": lambda time, row, envelope: events.profile(
        time, _party(row) or {}, row.get("profiling"), **envelope
    ),
    "left company": lambda time, row, envelope: events.left_company(
        time, row["company"], **envelope
    ),
    "listing": _listing,
    "access": _access,
    "rectification": _rectification,
    "erasure": _asking(said.erasure),
    "merge": _merge,
    "agreement": _agreement,
    "agreement ended": lambda time, row, _: said.ended(time, row["partner"]),
    "disclosure": _disclosure,
    "screening": lambda time, row, _: said.screening(
        time, row["purpose"], row["channel"], *row["recipients"], product=row.get("product")
    ),
}
