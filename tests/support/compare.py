"""The register beside the naive model: the same answers, in the same words."""

from collections.abc import Iterable, Sequence

import orjson

from tests.support.events import Json
from tests.support.naive import NaiveModel, Person, Point, Who
from tests.support.naive_facts import CHANNELS, MARKETING
from tests.support.register import DIGESTER, MemoryRegister, read
from tests.support.scenarios_register import WholeRegister

View = dict[str, object]


def tie(event: Json) -> bytes:
    """How the register orders events of equal time and rank (the rules leave it open)."""
    return read(event).fact.fact_id.bytes


def run(
    arrivals: Sequence[Json], sizes: Iterable[int] = (), *, each: bool = False
) -> tuple[WholeRegister, NaiveModel]:
    """Deliver events, in this order, to the register and to the model alike.

    `sizes` are those of the batches; `each` makes every event a batch of its own.
    """
    register, model = WholeRegister(), NaiveModel(tie)
    for batch in _batches(arrivals, [1] * len(arrivals) if each else sizes):
        register.deliver(*batch)
        model.deliver(*batch)
    return register, model


def _batches(arrivals: Sequence[Json], sizes: Iterable[int]) -> Iterable[Sequence[Json]]:
    start = 0
    for size in sizes:
        if start < len(arrivals):
            yield arrivals[start : start + size]
        start += size
    if start < len(arrivals):
        yield arrivals[start:]


def assert_alike(register: MemoryRegister, model: NaiveModel, identities: Iterable[Who]) -> None:
    """The register says what the naive reading of the rules says, and did what it did."""
    identities = list(identities)
    assert register.dead == []
    assert [one.event_id for one in register.refused] == model.refused
    assert answers(register) == dict(model.answers)
    assert register.erased == model.erased
    assert register_view(register, identities) == model_view(model, identities)
    held, wanted = ban_views(register, model)
    assert held == wanted


def answers(register: MemoryRegister) -> dict[str, str | None]:
    """How each request about a person ended: None where it was done, else why not."""
    return {
        one.intake.fact.event_id: one.reason
        for one in register.answers
        if one.intake.fact.type != "disclosure.requested"
    }


def register_view(register: MemoryRegister, identities: Iterable[Who]) -> dict[Who, View | None]:
    """What the register says of each identity's person."""
    held = {who: register.person(who[1], who[0]) for who in identities}
    return {who: message_view(data) if data else None for who, data in held.items()}


def model_view(model: NaiveModel, identities: Iterable[Who]) -> dict[Who, View | None]:
    """What the model says of each identity's person."""
    return {who: _person_view(model.person(who)) for who in identities}


def message_view(data: Json) -> View:
    """What an eligibility message says, without ids and versions."""
    return {
        "audience": data["audience"],
        "identities": sorted((one["source"], one["subject"]) for one in data["identities"]),
        "allow": _cells(data["allow"]),
        "deny": _cells(data["deny"]),
        "contact": data["contact"],
        "soft_opt_in": list(data["products"]["soft_opt_in"]),
        "denied_products": denied_cells(data),
    }


def _cells(side: dict[str, dict[str, str]]) -> dict[str, str]:
    return {
        f"{purpose} {channel}": str(code)
        for purpose, channels in side.items()
        for channel, code in channels.items()
    }


def denied_cells(data: Json) -> list[tuple[str, str, str, str]]:
    """`products.denied` as product, purpose, channel, reason; a list left out means all."""
    return sorted(
        {
            (row["product"], purpose, channel, str(row["reason"]))
            for row in data["products"]["denied"]
            for purpose in row.get("purposes", MARKETING)
            for channel in row.get("channels", CHANNELS)
            if purpose != "disclosure" or channel == "post"
        }
    )


def _person_view(person: Person | None) -> View | None:
    if person is None:
        return None
    return {
        "audience": person.audience,
        "identities": sorted(person.identities),
        "allow": {" ".join(cell): code for cell, code in person.allow.items()},
        "deny": {" ".join(cell): code for cell, code in person.deny.items()},
        "contact": person.contact,
        "soft_opt_in": person.soft_opt_in,
        "denied_products": sorted(person.denied_products),
    }


def ban_views(
    register: MemoryRegister, model: NaiveModel
) -> tuple[dict[str, list[Json]], dict[str, list[Json]]]:
    """The ban register of both by digest. The order of the bans under one says nothing, and
    two that cover the same since the same moment are shown once."""
    held = {digest: _sorted(data["bans"]) for digest, data in register.standing().items()}
    wanted = {_digest(point): _sorted(rows) for point, rows in model.register().items()}
    return held, wanted


def _digest(point: Point) -> str:
    kind, spelled = point
    if kind == "email":
        return DIGESTER.email(spelled).digest.hex()
    if kind == "phone":
        return DIGESTER.phone(spelled).digest.hex()
    if kind == "company":
        return DIGESTER.company(spelled).digest.hex()
    if kind == "identity":
        return DIGESTER.identity(*spelled.split("\n")).hex()
    return DIGESTER.address(*spelled.split("|")).digest.hex()


def _sorted(rows: Iterable[Json]) -> list[Json]:
    return [orjson.loads(text) for text in sorted({_text(row) for row in rows})]


def _text(row: Json) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
