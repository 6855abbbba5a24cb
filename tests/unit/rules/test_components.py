"""R50 to R52: sets of identities that are joined in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.rules.components import Components

NODES = st.integers(0, 9)
JOINS = st.lists(st.lists(NODES, max_size=4), max_size=8)


def joined(joins: list[list[int]]) -> set[frozenset[int]]:
    components: Components[int] = Components()
    for node in range(10):
        components.add(node)
    for nodes in joins:
        components.join(nodes)
    return {frozenset(members) for members in components.sets()}


def merged_naively(joins: list[list[int]]) -> set[frozenset[int]]:
    sets = [{node} for node in range(10)]
    for nodes in joins:
        touched = [one for one in sets if one & set(nodes)]
        sets = [one for one in sets if one not in touched]
        if touched:
            sets.append(set().union(*touched))
    return {frozenset(one) for one in sets}


@given(JOINS)
def test_sets_are_what_shared_members_make(joins: list[list[int]]) -> None:
    assert joined(joins) == merged_naively(joins)


@given(JOINS.flatmap(lambda joins: st.tuples(st.just(joins), st.permutations(joins))))
def test_the_order_of_joining_is_nothing(orders: tuple[list[list[int]], list[list[int]]]) -> None:
    """R52."""
    assert joined(orders[0]) == joined(orders[1])


@given(JOINS)
def test_every_member_finds_the_same_set(joins: list[list[int]]) -> None:
    components: Components[int] = Components()
    for node in range(10):
        components.add(node)
    for nodes in joins:
        components.join(nodes)
    for node in range(10):
        assert node in components.members(node)
        for other in components.members(node):
            assert components.root(other) == components.root(node)


def test_adding_again_takes_nobody_out() -> None:
    components: Components[str] = Components()
    components.add("a")
    components.add("b")
    components.join(["a", "b"])
    components.add("a")
    assert sorted(components.members("a")) == ["a", "b"]


def test_an_unknown_node_is_an_error() -> None:
    components: Components[str] = Components()
    assert "a" not in components
    with pytest.raises(KeyError):
        components.root("a")
