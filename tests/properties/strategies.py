"""Small worlds in which everything collides: few persons, addresses, companies and days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.integration.store import said
from tests.support import events
from tests.support.events import APP, DIRECTORY, WEBSHOP, Json, day, scope

AINO, AINO_SPELLED_OTHERWISE = ("Aino", "Väisänen"), ("AINO ", "Vaisanen")
VILLE = ("Ville", "Väisänen")

EMAILS = ("aino@example.fi", "Aino@Example.fi", "aino+shop@example.fi", "koti@example.fi")
"""Two spellings of one address, one that only bans take for the same, and one of a household."""
PHONES = ("040 123 4567", "+358401234567", "050-7654321")
ADDRESSES = (events.address("Mikonkatu 16"), events.address("Torikatu 3"))
COMPANIES = (events.COMPANY, events.OTHER_COMPANY)


@dataclass(frozen=True, slots=True)
class Persona:
    """A channel identity and who stands behind it; None for what the identity never gives."""

    source: str
    subject: str
    kind: str
    name: tuple[str, str]
    role: str | None = None

    @property
    def envelope(self) -> dict[str, Any]:
        """How its events are addressed."""
        return {"source": self.source, "subject": self.subject}


CONSUMERS = (
    Persona(WEBSHOP, "c-1", "consumer", AINO),
    Persona(WEBSHOP, "c-2", "consumer", VILLE),
    Persona(APP, "a-1", "consumer", AINO_SPELLED_OTHERWISE),
)
CONTACTS = (
    Persona(WEBSHOP, "b-1", "business", AINO, "IT manager"),
    Persona(APP, "b-2", "business", VILLE),
)
LISTED = (
    Persona(DIRECTORY, "l-1", "business", AINO, "IT manager"),
    Persona(DIRECTORY, "l-2", "business", VILLE),
)
SOLE_TRADER = Persona(WEBSHOP, "c-1", "business", AINO, "IT manager")
"""A channel that names the same reference as a consumer and as a contact (S24)."""
PERSONAS = (*CONSUMERS, *CONTACTS)

SCOPES: tuple[Json, ...] = (
    {},
    scope("newsletter", "email"),
    scope("newsletter offers", "email sms"),
    scope("offers", "phone"),
    scope(channels="email"),
    scope(channels="phone post"),
    scope("newsletter"),
    scope("market_research campaign"),
    scope("disclosure"),
    scope("disclosure partner_marketing", "post"),
    scope("offers", "email", "tv"),
    scope("offers campaign", "phone", "mobile"),
    scope(products="mobile tv"),
    scope(products="tv"),
)
ORDERS = ("order-1", "order-2")
CATEGORIES = ("broadband", "tv", "mobile", "broadband mobile")

scopes = st.sampled_from(SCOPES)
days = st.integers(1, 6).map(day)
flags = st.sampled_from([True, True, False])
rarely = st.sampled_from([False, False, False, True])
orders = st.sampled_from(ORDERS)


def parties(persona: Persona) -> st.SearchStrategy[Json]:
    """What a persona says of itself: always the name, and some contact points."""
    points = st.fixed_dictionaries(
        {},
        optional={
            "email": st.sampled_from(EMAILS),
            "phone": st.sampled_from(PHONES),
            "address": st.sampled_from(ADDRESSES),
        },
    )
    given, family = persona.name
    if persona.kind == "consumer":
        return points.map(lambda found: events.consumer(given, family, **found))
    return st.builds(
        lambda found, company: events.business(given, family, company, persona.role, **found),
        points,
        st.sampled_from(COMPANIES),
    )


def no_parties(persona: Persona) -> st.SearchStrategy[Json | None]:
    """What a ban, a withdrawal or a lift names: nothing, contact points, or a company alone."""
    company: Json = {"kind": "business", "company": {"business_id": events.COMPANY}}
    named = parties(persona)
    nameless = named.map(lambda party: {k: v for k, v in party.items() if k != "name"})
    return st.one_of(st.none(), named, nameless, st.just(company))


def _order(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party, categories, order_id, obtained, offered: events.order(
            time,
            party,
            categories,
            f"{persona.subject}-{order_id}",
            obtained=obtained,
            offered=offered,
            **persona.envelope,
        ),
        days,
        parties(persona),
        st.sampled_from(CATEGORIES),
        orders,
        flags,
        flags,
    )


def _order_end(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda made, time, order_id: made(
            time, f"{persona.subject}-{order_id}", **persona.envelope
        ),
        st.sampled_from([events.cancellation, events.contract_end]),
        days,
        orders,
    )


def _billing(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, status, invoice: events.billing(time, status, invoice, **persona.envelope),
        days,
        st.sampled_from(["overdue", "ok"]),
        st.sampled_from([None, "inv-1", "inv-2"]),
    )


def _signup(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party, agreed: events.signup(time, party, *agreed, **persona.envelope),
        days,
        parties(persona),
        st.lists(scopes, max_size=2),
    )


def _consent(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, agreed, party, worded: events.consent(
            time, agreed, party, "text-1" if worded else None, **persona.envelope
        ),
        days,
        scopes,
        st.one_of(st.none(), parties(persona)),
        st.sampled_from([True] * 9 + [False]),
    )


def _bare_consent(persona: Persona) -> st.SearchStrategy[Json]:
    """A consent with wording, that brings no data."""
    return st.builds(
        lambda time, agreed: events.consent(time, agreed, **persona.envelope), days, scopes
    )


def _withdrawal(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, withdrawn, party: events.withdrawal(
            time, withdrawn, party, **_maybe_nameless(persona, party)
        ),
        days,
        scopes,
        no_parties(persona),
    )


def _ban(persona: Persona) -> st.SearchStrategy[Json]:
    return _said_no(persona, events.ban)


def _lift(persona: Persona) -> st.SearchStrategy[Json]:
    return _said_no(persona, events.lift)


def _said_no(persona: Persona, made: Callable[..., Json]) -> st.SearchStrategy[Json]:
    def build(time: Any, covered: Json, party: Json | None, collection: bool, nobody: bool) -> Json:
        envelope = _maybe_nameless(persona, party) if nobody else persona.envelope
        return made(time, covered, party, collection=collection, **envelope)

    return st.builds(build, days, scopes, no_parties(persona), rarely, st.booleans())


def _maybe_nameless(persona: Persona, party: Json | None) -> dict[str, Any]:
    """Without a subject, if the party says whom or what it is about."""
    points = {"email", "phone", "address"} & (party or {}).keys()
    alone = party is not None and "name" not in party and "company" in party
    if points or alone:
        return {"source": persona.source, "subject": None}
    return persona.envelope


def _profile(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party: events.profile(time, party, **persona.envelope),
        days,
        parties(persona),
    )


def _left(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, company: events.left_company(time, company, **persona.envelope),
        days,
        st.sampled_from(COMPANIES),
    )


def _listing(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party: events.listing(time, party, **persona.envelope),
        days,
        parties(persona),
    )


def _of(
    personas: Sequence[Persona], *kinds: Callable[[Persona], st.SearchStrategy[Json]]
) -> list[st.SearchStrategy[Json]]:
    return [kind(persona) for persona in personas for kind in kinds]


_CONSUMERS_SAY = (_order, _order_end, _signup, _consent, _withdrawal, _ban, _lift, _profile)
any_event = st.one_of(
    *_of(CONSUMERS, *_CONSUMERS_SAY, _billing),
    *_of(CONTACTS, *_CONSUMERS_SAY, _left),
    *_of(LISTED, _listing, _listing, _ban),
    *_of([SOLE_TRADER], _order, _signup, _profile, _left),
)
"""Every type there is about a person, from everybody."""


# What customer service and the contract system say


def _asked_by(persona: Persona) -> st.SearchStrategy[Json]:
    """How a request names the person: by the channel's reference, or by the party alone."""
    return st.sampled_from([persona.envelope, persona.envelope, {}])


def _who(persona: Persona) -> st.SearchStrategy[Json]:
    """Whom a request names: the name and some contact points, or some of either."""
    return st.builds(
        lambda party, nameless: {k: v for k, v in party.items() if not (nameless and k == "name")},
        parties(persona),
        rarely,
    )


def _erasure(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party, envelope: said.erasure(time, party, **envelope),
        days,
        _who(persona),
        _asked_by(persona),
    )


def _rectification(persona: Persona) -> st.SearchStrategy[Json]:
    def build(time: Any, party: Json, corrections: Json, renamed: bool, envelope: Json) -> Json:
        left_out = ("kind", "company", *(() if renamed else ("name",)))
        corrected = {k: v for k, v in corrections.items() if k not in left_out}
        return said.rectification(time, party, corrected, **envelope)

    return st.builds(build, days, _who(persona), parties(persona), rarely, _asked_by(persona))


def _access(persona: Persona) -> st.SearchStrategy[Json]:
    return st.builds(
        lambda time, party, envelope: said.access(time, party, **envelope),
        days,
        _who(persona),
        _asked_by(persona),
    )


def merges(personas: Sequence[Persona]) -> st.SearchStrategy[Json]:
    """`merge.ordered` of two or three channel identities."""
    pairs = [(persona.source, persona.subject) for persona in personas]
    some = st.lists(st.sampled_from(pairs), min_size=2, max_size=3, unique=True)
    return st.builds(lambda time, whom: said.merge(time, *whom), days, some)


PARTNERS = ("p-1", "p-2")
agreements = st.one_of(
    st.builds(
        said.signed,
        days,
        st.sampled_from(PARTNERS),
        st.sampled_from(["disclosure", "partner_marketing", "disclosure partner_marketing"]),
    ),
    st.builds(said.ended, days, st.sampled_from(PARTNERS)),
)
"""A partner signs, or ends it."""

_EVERYBODY = (*PERSONAS, *LISTED)
erasures = st.one_of(*_of(_EVERYBODY, _erasure))
rectifications = st.one_of(*_of(_EVERYBODY, _rectification))
questions = st.one_of(*_of(_EVERYBODY, _access))
requests = st.one_of(erasures, rectifications, questions, merges(_EVERYBODY), agreements)
"""What customer service asks, and the contract system says."""

everything = st.one_of(any_event, any_event, any_event, requests)
"""Every inbound type that the rules fold, one in four of them no channel's."""


_COME_AND_GO = (*CONTACTS, SOLE_TRADER, CONSUMERS[0], CONSUMERS[2])
returning_events = st.one_of(
    *_of((*_COME_AND_GO, *LISTED), _ban, _lift, _signup),
    *_of(_COME_AND_GO, _order, _profile),
    *_of(LISTED, _listing),
)
"""Bans on collecting, their ends, and what is collected all the same (R22 to R24)."""


def _without_collection(drawn: Json) -> Json:
    data = {name: value for name, value in drawn["data"].items() if name != "collection"}
    return {**drawn, "data": data}


_WITHOUT_DATA = (_order_end, _withdrawal, _ban, _lift, _billing)
calm_events = st.one_of(
    *_of(CONSUMERS, _order, _order, *_WITHOUT_DATA),
    *_of(CONSUMERS, _bare_consent),
    *_of(CONTACTS, _order, _signup, _profile, _left, _bare_consent, *_WITHOUT_DATA),
    *_of(LISTED, _listing, _withdrawal),
).map(_without_collection)
"""Events of which none is ever refused and nothing is ever erased: consumers come by orders."""


_CALM_ONES = (CONSUMERS, CONTACTS)
calm_requests = st.one_of(
    calm_events,
    calm_events,
    *map(merges, _CALM_ONES),
    questions,
    agreements,
)
"""The same, with what customer service and the contract system say that erases nothing either.
Merged by hand are consumers with consumers and contacts with contacts: a consumer is never
listed (R23)."""


_ALONE = (
    Persona(WEBSHOP, "e-1", "consumer", ("Eeva", "Laine")),
    Persona(WEBSHOP, "e-2", "business", ("Elias", "Niemi"), "IT manager"),
)
_POINTS = {"email": EMAILS[0], "phone": PHONES[0], "address": ADDRESSES[0]}


def _with_known_points(drawn: Json) -> Json:
    """Of contact points only those that every erasure of `told_apart` names."""
    party = drawn["data"].get("party")
    if party is None:
        return drawn
    known = {name: _POINTS.get(name, value) for name, value in party.items()}
    return {**drawn, "data": {**drawn["data"], "party": known}}


def _full_erasure(persona: Persona) -> st.SearchStrategy[Json]:
    given, family = persona.name
    party = {"kind": persona.kind, "name": {"given": given, "family": family}, **_POINTS}
    return st.builds(lambda time: said.erasure(time, party, **persona.envelope), days)


def _correction(persona: Persona) -> st.SearchStrategy[Json]:
    """A rectification by the reference, of one who is found by it or not at all."""
    return _rectification(persona).map(
        lambda drawn: {
            **drawn,
            **persona.envelope,
            "data": {**drawn["data"], "party": {"kind": persona.kind, "name": {"given": "–"}}},
        }
    )


corrections = st.one_of(*_of((*CONSUMERS, *CONTACTS, *_ALONE), _correction))
"""Rectifications that find the same person in any order."""

told_apart = st.lists(
    st.one_of(
        *_of(_ALONE, _order, _order_end, _bare_consent, _withdrawal, _ban, _lift, _left),
        *_of(_ALONE, _full_erasure),
    )
    .map(_without_collection)
    .map(_with_known_points),
    min_size=1,
    max_size=12,
).map(lambda drawn: numbered(drawn))
"""Persons with one reference each, and erasures that name it and all of its contact points."""


def repeated(world: list[Json]) -> st.SearchStrategy[list[Json]]:
    """Some of the events once more, sooner or later (R1)."""
    at = st.integers(0, len(world) - 1)
    again = st.lists(st.tuples(at, at), max_size=3)
    return again.map(lambda pairs: _with_repeats(world, pairs))


def _with_repeats(world: list[Json], pairs: list[tuple[int, int]]) -> list[Json]:
    delivered = list(world)
    for which, where in pairs:
        delivered.insert(where, world[which])
    return delivered


def numbered(drawn: Sequence[Json]) -> list[Json]:
    """The events with ids of their own."""
    return [{**event, "id": f"e{number}"} for number, event in enumerate(drawn, start=1)]


def worlds(
    event: st.SearchStrategy[Json] = any_event, most: int = 16
) -> st.SearchStrategy[list[Json]]:
    """Sets of events, each with an id of its own."""
    return st.lists(event, min_size=1, max_size=most).map(numbered)


splits = st.lists(st.integers(1, 5), max_size=4)
"""Sizes of the batches in which events come; what is left over comes in a last one."""


any_ban = st.one_of(*_of((*PERSONAS, *LISTED), _ban, _withdrawal))
"""A ban or a withdrawal by anybody."""


def _nameless(drawn: Json) -> Json:
    """Without the name: what it says makes no two references one person (R50)."""
    party = drawn["data"].get("party")
    if party is None:
        return drawn
    named = {name: value for name, value in party.items() if name != "name"}
    return {**drawn, "data": {**drawn["data"], "party": named}}


ban_of_nobody_new = any_ban.map(_nameless)
"""A ban or a withdrawal that proves nobody to be somebody else."""

bare_consent = st.one_of(*_of(PERSONAS, _bare_consent)).map(
    lambda drawn: {**drawn, "time": day(7).isoformat()}
)
"""A consent without data, newer than everything else."""

listings = st.one_of(*_of(LISTED, _listing))
"""What a directory says."""
