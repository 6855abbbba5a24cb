"""Consents, withdrawals, bans and lifts, and the scopes they come with."""

import random
from datetime import timedelta

from ops.generate.people import Json, Person, address
from ops.generate.published import CUSTOMER_SERVICE, Source
from ops.generate.vocabulary import PRODUCTS
from ops.generate.world import Ban, Draft, World
from topics import CONSENTS

WORDINGS = ("2024-05", "2025-01", "2025-09")
"""Versions of the text that consents name."""

_AT_ONCE = timedelta(0)


def consent_scope(rng: random.Random) -> Json:
    """What somebody agrees to: mostly one purpose on one or two channels, seldom all."""
    kind = rng.random()
    if kind < 0.05:
        return {}
    scope: Json = {
        "purposes": rng.sample(
            ("newsletter", "offers", "campaign", "competition", "market_research", "bulletin"),
            rng.choice((1, 1, 2, 3)),
        ),
        "channels": rng.sample(
            ("email", "sms", "phone", "automated_call", "post"), rng.choice((1, 2))
        ),
    }
    if kind < 0.15:
        scope["products"] = [rng.choice(PRODUCTS)[1]]
    return scope


def ban_scope(rng: random.Random) -> Json:
    """What somebody forbids: often all marketing, or a channel, a purpose, or a product."""
    return rng.choices(
        (
            {},
            {"channels": [rng.choice(("email", "sms", "phone", "post"))]},
            {"purposes": ["newsletter"], "channels": ["email"]},
            {"purposes": [rng.choice(("offers", "campaign", "bulletin", "partner_marketing"))]},
            {"purposes": ["disclosure"]},
            {"products": [rng.choice(PRODUCTS)[rng.randrange(2)]], "channels": ["email"]},
        ),
        (40, 25, 12, 10, 5, 8),
    )[0]


def consent(world: World) -> Draft | None:
    """A known person agrees to something (R10)."""
    return _consent(world, "consent.granted", {"wording": world.rng.choice(WORDINGS)})


def consent_without_wording(world: World) -> Draft | None:
    """A consent that says nothing of what was agreed to: refused (R10)."""
    return _consent(world, "consent.granted", {})


def withdrawal(world: World) -> Draft | None:
    """A known person takes a consent back (R6)."""
    return _consent(world, "consent.withdrawn", {})


def ban_by_person(world: World) -> Draft | None:
    """A known person forbids marketing, through the channel that knows them (R9)."""
    account = world.acquaintance()
    if account is None:
        return None
    data = _ban(world)
    if world.rng.random() < 0.4:
        data["party"] = _points(account.person, world.rng)
    return _place(world, account.source, account.subject, data)


def ban_by_contact_point(world: World) -> Draft | None:
    """Somebody forbids the use of an address, without saying who they are (R8)."""
    account = world.anybody()
    if account is None:
        return None
    data = _ban(world) | {"party": _points(account.person, world.rng)}
    return _place(world, CUSTOMER_SERVICE, None, data)


def ban_by_company(world: World) -> Draft | None:
    """A company forbids marketing to all its contacts (R9)."""
    account = world.anybody("business")
    if account is None or account.person.company is None:
        return None
    company = {"business_id": account.person.company.business_id}
    data = _ban(world) | {"party": {"kind": "business", "company": company}}
    return _place(world, CUSTOMER_SERVICE, None, data)


def ban_in_advance(world: World) -> Draft | None:
    """A ban by somebody whom no channel has named yet, and who turns up later (R7)."""
    person = world.invent()
    if person is None:
        return None
    world.expected.append(person)
    data = _ban(world) | {"party": _points(person, world.rng)}
    return _place(world, CUSTOMER_SERVICE, None, data)


def ban_dated_ahead(world: World) -> Draft | None:
    """A ban "from next month on": in force at once (R4)."""
    account = world.acquaintance()
    if account is None:
        return None
    shift = timedelta(days=world.rng.randint(1, 60))
    return _place(world, account.source, account.subject, _ban(world), shift)


def ban_on_collection(world: World) -> Draft | None:
    """Somebody also forbids collecting and storing (R24)."""
    account = world.acquaintance()
    if account is None:
        return None
    data = {"scope": {}, "collection": True, "recorded_by": "customer service"}
    data["party"] = _points(account.person, world.rng)
    return _place(world, account.source, account.subject, data)


def lift(world: World) -> Draft | None:
    """Somebody takes a ban back, in its own scope (R5a)."""
    ban = world.pop(world.bans)
    if ban is None:
        return None
    return Draft(CONSENTS.name, ban.source, "ban.lifted", ban.subject, ban.data, _AT_ONCE)


def _consent(world: World, event_type: str, extra: Json) -> Draft | None:
    account = world.acquaintance()
    if account is None:
        return None
    data = {"scope": consent_scope(world.rng)} | extra
    return Draft(CONSENTS.name, account.source, event_type, account.subject, data)


def _ban(world: World) -> Json:
    data: Json = {"scope": ban_scope(world.rng)}
    if world.rng.random() < 0.5:
        data["recorded_by"] = world.rng.choice(("unsubscribe link", "customer service", "shop"))
    return data


def _points(person: Person, rng: random.Random) -> Json:
    """A party that names one or more contact points, and nothing else."""
    points: Json = {
        "email": person.email,
        "phone": person.phone,
        "address": address(person),
    }
    named = rng.sample(sorted(points), rng.choices((1, 2, 3), (70, 20, 10))[0])
    return {"kind": person.kind} | {name: points[name] for name in named}


def _place(
    world: World, source: Source, subject: str | None, data: Json, shift: timedelta = _AT_ONCE
) -> Draft:
    world.bans.append(Ban(source, subject, data))
    return Draft(CONSENTS.name, source, "ban.placed", subject, data, shift)
