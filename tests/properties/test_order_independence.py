"""Whatever the order, the batches and the repeats: the same register, as the rules say it.

R2, R3, R11, R12, R50 to R52, R1. What R21, R23 and R25 refuse depends on arrival, and so does
what R22 has erased already, and what a request finds (R25, R60, R62: whom, which contact points,
whether an invoice is open). Everything else is a fold over the set of events.

The same deliveries are therefore compared with the naive model in everything, refusals and
answers too, and two deliveries with each other

- in everything, where the events are such that none is refused, erased or asked about what came
  before (`calm_events`), or where every erasure names all there is to find (`told_apart`);
- in everything, where both accepted, erased, answered and found the same.

An access report is of its moment: only whether it is given is compared. Disclosures and
screenings change nothing; `test_step_by_step` holds them against what is held when they come.
"""

from collections.abc import Sequence
from typing import Any

from hypothesis import event as note
from hypothesis import example, given
from hypothesis import strategies as st

from register.rules.facts import ERASURE, RECTIFICATION
from tests.properties.effort import examples
from tests.properties.strategies import (
    LISTED,
    PERSONAS,
    calm_events,
    calm_requests,
    everything,
    numbered,
    repeated,
    requests,
    returning_events,
    splits,
    told_apart,
    worlds,
)
from tests.support import events
from tests.support.compare import answers, assert_alike, run
from tests.support.events import Json, day, scope
from tests.support.register import MemoryRegister

CONTACT = events.business(email="maija@example.fi")
BANNED_FREED_AND_GONE = numbered(
    [
        events.ban(day(1), {}, {"kind": "business", "email": "maija@example.fi"}, subject=None),
        events.signup(day(2), CONTACT, scope("newsletter", "email")),
        events.ban(day(3), scope("offers"), collection=True),
        events.signup(day(4), CONTACT),
    ]
)
"""The consent that freed the address is erased with the address (R8, R24); the person is back."""

IDENTITIES = [(persona.source, persona.subject) for persona in (*PERSONAS, *LISTED)]


def reached(register: MemoryRegister) -> set[tuple[str, bytes | None, frozenset[bytes]]]:
    """Whom each erasure and each correction found, and under which contact points."""
    return {
        (fact.event_id, fact.identity, frozenset(point.digest for point in fact.points))
        for fact in register.facts.values()
        if fact.type in (ERASURE, RECTIFICATION)
    }


def outcome(register: MemoryRegister) -> tuple[Any, Any]:
    """The latest message of everybody who is present, and of every digest with a ban."""
    bans = {key: (data["kind"], data["bans"]) for key, data in register.standing().items()}
    return register.latest(), bans


def shuffled(world: Sequence[Json]) -> st.SearchStrategy[list[Json]]:
    """The events in another order."""
    return st.permutations(world)


@examples(2500)
@example(BANNED_FREED_AND_GONE, [])
@example(BANNED_FREED_AND_GONE, [1, 1, 1])
@given(worlds(), splits)
def test_the_register_is_what_the_rules_say(world: list[Json], sizes: list[int]) -> None:
    """R2 to R12, R20 to R24, R27, R30 to R36, R50 to R54, against an independent reading."""
    assert_alike(*run(world, sizes), IDENTITIES)


@examples(800)
@given(worlds(returning_events, 12), splits)
def test_who_goes_and_comes_back(world: list[Json], sizes: list[int]) -> None:
    """R22 to R24: the same, in worlds of little else than bans on collecting and their ends."""
    assert_alike(*run(world, sizes), IDENTITIES)


@examples(1500)
@given(worlds(everything, 14).flatmap(repeated), splits)
def test_requests_and_agreements_too(world: list[Json], sizes: list[int]) -> None:
    """R25, R33, R34, R52, R60, R62: the same, with every inbound type, and with repeats (R1)."""
    assert_alike(*run(world, sizes), IDENTITIES)


@examples(500)
@given(worlds(requests, 10), splits)
def test_little_else_than_requests(world: list[Json], sizes: list[int]) -> None:
    """R12, R25, R62: requests about whom nobody knows yet, or who has just gone."""
    assert_alike(*run(world, sizes), IDENTITIES)


@examples(800)
@given(worlds(calm_events).flatmap(lambda world: st.tuples(st.just(world), shuffled(world))))
def test_any_order_ends_in_the_same_register(orders: tuple[list[Json], list[Json]]) -> None:
    """R2, R11, R12, R52: where nothing is refused or erased, order is nothing at all."""
    first, second = (run(order, each=True) for order in orders)
    for register, model in (first, second):
        assert not register.refused
        assert not register.erased
        assert_alike(register, model, IDENTITIES)
    assert outcome(first[0]) == outcome(second[0])


@examples(500)
@given(worlds(calm_requests, 12).flatmap(lambda world: st.tuples(st.just(world), shuffled(world))))
def test_any_order_with_merges_agreements_and_questions(
    orders: tuple[list[Json], list[Json]],
) -> None:
    """R2, R33, R34, R52: who is one by hand, and what partners agreed to, in any order; requests
    for access change nothing."""
    first, second = (run(order, each=True) for order in orders)
    for register, model in (first, second):
        assert not register.refused
        assert_alike(register, model, IDENTITIES)
    assert outcome(first[0]) == outcome(second[0])


@examples(500)
@given(told_apart.flatmap(lambda world: st.tuples(st.just(world), shuffled(world))), splits, splits)
def test_an_erasure_in_any_order(
    orders: tuple[list[Json], list[Json]], one_split: list[int], other_split: list[int]
) -> None:
    """R2, R25: one that names the reference and all contact points ends the same, whether what
    it erases came before it or is refused after it."""
    first, second = run(orders[0], one_split), run(orders[1], other_split)
    assert_alike(*first, IDENTITIES)
    assert_alike(*second, IDENTITIES)
    assert outcome(first[0]) == outcome(second[0])


@examples(800)
@given(worlds().flatmap(lambda world: st.tuples(st.just(world), shuffled(world))), splits, splits)
def test_any_order_and_batches_of_what_was_accepted(
    orders: tuple[list[Json], list[Json]], one_split: list[int], other_split: list[int]
) -> None:
    """R2, R3: two orders that accept and erase the same end in the same register."""
    assert_same_if_judged_the_same(orders, one_split, other_split)


@examples(500)
@given(
    worlds(everything, 12).flatmap(lambda world: st.tuples(st.just(world), shuffled(world))),
    splits,
    splits,
)
def test_any_order_and_batches_of_requests_that_found_the_same(
    orders: tuple[list[Json], list[Json]], one_split: list[int], other_split: list[int]
) -> None:
    """R2, R3, R25, R62: two orders that accept, erase, answer and find the same, likewise."""
    assert_same_if_judged_the_same(orders, one_split, other_split)


def assert_same_if_judged_the_same(
    orders: tuple[list[Json], list[Json]], one_split: list[int], other_split: list[int]
) -> None:
    first, second = run(orders[0], one_split), run(orders[1], other_split)
    assert_alike(*first, IDENTITIES)
    assert_alike(*second, IDENTITIES)
    same = _judged(first[0]) == _judged(second[0])
    note(f"judged the same: {same}")
    if same:
        assert outcome(first[0]) == outcome(second[0])


def _judged(register: MemoryRegister) -> tuple[object, ...]:
    """All that depends on the order of arrival."""
    refused = {one.event_id for one in register.refused}
    accepted = set(register.accepted) - refused
    return accepted, refused, register.erased, answers(register), reached(register)


@examples(200)
@given(worlds(), st.data())
def test_repeats_change_nothing(world: list[Json], data: st.DataObject) -> None:
    """R1: not a decision, not a version, not even a message."""
    once, repeated = MemoryRegister(), MemoryRegister()
    for number, event in enumerate(world):
        once.deliver(event)
        repeated.deliver(event)
        again = data.draw(st.sampled_from(world[: number + 1]))
        repeated.deliver(again)
    assert _said(repeated) == _said(once)
    assert repeated.refused == once.refused


def _said(register: MemoryRegister) -> list[tuple[object, int, object]]:
    return [(key, version, data) for key, version, data in register.sent]


@examples(300)
@example(BANNED_FREED_AND_GONE, [])
@given(worlds(), splits)
def test_deciding_anew_says_nothing(world: list[Json], sizes: list[int]) -> None:
    """Contract: a message is written only where something in it changed."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    before = len(register.sent)
    register.deliver()
    assert register.sent[before:] == []


@examples(200)
@given(worlds(), splits)
def test_versions_grow_by_one_and_tell_of_a_change(world: list[Json], sizes: list[int]) -> None:
    """Contract: `version` grows by one with each change of a key's message."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    last: dict[object, tuple[int, Json | None]] = {}
    for key, version, data in register.sent:
        before, said = last.get(key, (0, None))
        assert version == before + 1
        content = None if data is None else {k: v for k, v in data.items() if k != "version"}
        assert content != said
        last[key] = (version, content)


@examples(200)
@given(worlds(), splits)
def test_former_ids_lead_to_the_person(world: list[Json], sizes: list[int]) -> None:
    """R51: who is merged away gets a tombstone, and the id leads on to the survivor."""
    register = MemoryRegister()
    register.deliver_split(world, sizes)
    for alias in register.aliases:
        assert register.messages.get(alias) is None
        end, steps = alias, 0
        while end in register.aliases:
            end, steps = register.aliases[end], steps + 1
            assert steps <= len(register.aliases)
        assert end in {register.customer_id(subject, source) for source, subject in IDENTITIES}
