"""R40 to R44: what no event, whatever it is, may ever do."""

from hypothesis import given
from hypothesis import strategies as st

from register.rules import normalise
from schemas.terms import Basis, Denial
from tests.properties.effort import examples
from tests.properties.strategies import (
    CONSUMERS,
    CONTACTS,
    EMAILS,
    LISTED,
    PERSONAS,
    PHONES,
    Persona,
    any_ban,
    ban_of_nobody_new,
    bare_consent,
    listings,
    splits,
    worlds,
)
from tests.support import events
from tests.support.compare import denied_cells
from tests.support.events import APP, DIRECTORY, Json, day
from tests.support.naive_facts import CELLS, FIELD, cells_of
from tests.support.register import DIGESTER, MemoryRegister, cell, is_allowed

IDENTITIES = [(persona.source, persona.subject) for persona in (*PERSONAS, *LISTED)]


def registered(world: list[Json], *more: Json) -> MemoryRegister:
    """A register that took the events one by one."""
    register = MemoryRegister()
    register.deliver_each([*world, *more])
    return register


def added(event: Json) -> Json:
    """The event under an id that no world uses."""
    return {**event, "id": "added"}


def allowed(register: MemoryRegister) -> set[tuple[tuple[str, str], str, str]]:
    """Identity, purpose and channel of everything allowed."""
    found = set()
    for who in IDENTITIES:
        person = register.person(who[1], who[0])
        if person is not None:
            found |= {(who, *one) for one in CELLS if is_allowed(person, *one)}
    return found


def known(register: MemoryRegister) -> set[tuple[str, str]]:
    """The identities of whom something is held under their own name."""
    return {
        (one["source"], one["subject"])
        for person in register.latest().values()
        for one in person["identities"]
    }


@examples(400)
@given(worlds(), ban_of_nobody_new)
def test_a_ban_turns_no_deny_into_an_allow(world: list[Json], ban: Json) -> None:
    """R40, for a ban or withdrawal by a known reference or by contact points alone."""
    before, after = registered(world), registered(world, added(ban))
    assert allowed(after) <= allowed(before)


_UNKNOWN_AGREED = events.consent(day(1), {}, source=APP, subject="a-9", event_id="e1")
_AINO = events.signup(
    day(1),
    events.consumer(email=EMAILS[0]),
    events.scope("newsletter", "email"),
    event_id="e2",
)
_UNKNOWN_IS_AINO = events.ban(
    day(2),
    events.scope("", "post"),
    events.consumer(email=EMAILS[0]),
    source=APP,
    subject="a-9",
)


@examples(400)
@given(worlds(), any_ban)
def test_a_ban_by_name_allows_nothing_either(world: list[Json], ban: Json) -> None:
    """R40, whoever else's the ban's name and contact points are (R50).

    Where they prove two records to be one person, the records are pooled (R51), and what each
    allows counts for both.
    """
    before, after = registered(world), registered(world, added(ban))
    now = allowed(after)
    for source, subject in known(before):
        person, later = before.person(subject, source), after.person(subject, source)
        if person is None or later is None or _names(person) != _names(later):
            continue
        found = {one for one in now if one[0] == (source, subject)}
        assert found <= allowed(before)


def test_a_ban_that_proves_a_reference_to_be_somebody_allows_nothing_either() -> None:
    """R40, R50: of a reference that gave no data the nos count, what it allows does not."""
    world = [_UNKNOWN_AGREED, _AINO]
    before, after = registered(world), registered(world, added(_UNKNOWN_IS_AINO))
    assert allowed(after) <= allowed(before)


@examples(400)
@given(worlds(), bare_consent)
def test_a_consent_changes_only_what_it_covers(world: list[Json], consent: Json) -> None:
    """R41."""
    before, after = registered(world), registered(world, added(consent))
    covered = cells_of(consent["data"]["scope"])
    assert known(after) == known(before)
    for source, subject in IDENTITIES:
        person, now = before.person(subject, source), after.person(subject, source)
        for purpose, channel in set(CELLS) - covered:
            if person is not None:
                assert cell(person, purpose, channel) == cell(now, purpose, channel)


_NOES = frozenset({"banned", "withdrawn", "collection_banned", "role_ended"})


@examples(400)
@given(worlds(), listings)
def test_a_listing_changes_no_permission(world: list[Json], listing: Json) -> None:
    """R42: nobody's ban ends, and no consent is made of a listing.

    Compared are the persons, not the register's digests: a listing may prove two references to
    be one, and what follows from their bans under points that were gone follows anew (R22).
    """
    before, after = registered(world), registered(world, added(listing))
    listed = (listing["source"], listing["subject"])
    for source, subject in known(before):
        person, now = before.person(subject, source), after.person(subject, source)
        assert person is not None
        assert now is not None, "a listing takes nobody out of the register"
        if _names(now) - {listed} != _names(person) - {listed}:
            continue  # the listing proved two to be one: what each said binds both (R51)
        for one in CELLS:
            was, has_become = cell(person, *one), cell(now, *one)
            if was in _NOES and is_allowed(now, *one):
                # Only where the ban was on a contact point, and the listing brought another (R8).
                assert was in ("banned", "withdrawn")
                assert now["contact"][FIELD[one[1]]] in _given(listing)
            if has_become == "consent":
                assert was in ("consent", "no_contact_point")


def _given(listing: Json) -> list[object]:
    party = dict(listing["data"]["party"])
    if "phone" in party:
        party["phone"] = normalise.phone(party["phone"])
    return list(party.values())


def _names(person: Json) -> set[tuple[str, str]]:
    return {(one["source"], one["subject"]) for one in person["identities"]}


@examples(200)
@given(st.lists(st.sampled_from([*LISTED]).flatmap(lambda who: _listing_of(who)), max_size=6))
def test_no_listing_after_a_collection_ban_stores_contact_data(many: list[Json]) -> None:
    """R42, R24: whoever lists the banned contact points, and whenever."""
    banned = {"kind": "business", "email": EMAILS[0], "phone": PHONES[0]}
    ban = events.ban(day(3), {}, banned, collection=True, subject=None)
    register = registered([ban, *({**one, "id": f"l{n}"} for n, one in enumerate(many))])
    points = {DIGESTER.email(EMAILS[0]).digest, DIGESTER.phone("+358401234567").digest}
    for fact in register.facts.values():
        if fact.party is not None:
            assert not points & {point.digest for point in fact.points}


def _listing_of(who: Persona) -> st.SearchStrategy[Json]:
    given, family = who.name
    return st.builds(
        lambda time, found: events.listing(
            time, events.business(given, family, **found), source=DIRECTORY, subject=who.subject
        ),
        st.integers(1, 6).map(day),
        st.fixed_dictionaries(
            {}, optional={"email": st.sampled_from(EMAILS), "phone": st.sampled_from(PHONES)}
        ),
    )


@examples(300)
@given(worlds(), splits)
def test_every_cell_is_decided_once_in_the_contracts_words(
    world: list[Json], sizes: list[int]
) -> None:
    """Contract: each of the 41 cells stands in `allow` with a basis or in `deny` with a reason."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    for person in register.latest().values():
        for one in CELLS:
            words = Basis if is_allowed(person, *one) else Denial
            assert cell(person, *one) in {str(word) for word in words}
        shown = sum(len(row) for side in ("allow", "deny") for row in person[side].values())
        assert shown == len(CELLS) == 41


@examples(300)
@given(worlds(), splits)
def test_contact_points_are_given_for_allowed_marketing_alone(
    world: list[Json], sizes: list[int]
) -> None:
    """R44, and all of those: a campaign tool lacks none that it may use."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    for person in register.latest().values():
        usable = {
            FIELD[channel]
            for purpose, channel in CELLS
            if purpose not in ("disclosure", "service_notice")
            and is_allowed(person, purpose, channel)
        }
        assert set(person["contact"]) == usable


@examples(300)
@given(worlds(), splits)
def test_denied_products_say_where(world: list[Json], sizes: list[int]) -> None:
    """Contract: a list left out means all, so a list is never there and empty."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    for person in register.latest().values():
        for row in person["products"]["denied"]:
            assert all(row[name] for name in ("purposes", "channels") if name in row)
            assert denied_cells({"products": {"denied": [row]}})


@examples(200)
@given(worlds())
def test_what_is_not_held_is_nowhere(world: list[Json]) -> None:
    """R7, R22: of who is not in the register there are digests, and no name or contact point."""
    register = registered(world)
    text = repr([fact for fact in register.facts.values() if fact.party is None])
    for persona in (*CONSUMERS, *CONTACTS):
        assert persona.name[0] not in text
    for spelled in (*EMAILS, "+358401234567", "+358507654321", "Mikonkatu", "Torikatu"):
        assert spelled not in text
