"""`register duplicates`: customers who share a contact point and were not found to be one (R50)."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from register.cli import words
from register.cli.reading import Group, possible_duplicates, read_person, reading
from register.cli.running import run, say
from register.rules import normalise
from register.rules.facts import JsonDict
from register.rules.fold import fold

_ALIKE = {True: "alike", False: "differ", None: "not known"}


@dataclass(frozen=True, slots=True)
class _Member:
    """A customer in a group: what may be shown to everybody, and what only with `--reveal`."""

    customer_id: uuid.UUID
    audience: str
    profile: JsonDict


def command(
    limit: Annotated[int, typer.Option(min=1, help="Show so many groups, the largest first.")] = 20,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show names and contact points too.")
    ] = False,
) -> None:
    """Count and list possible duplicates.

    Customers who use the same e-mail address or phone number and were not found to be one
    person: a household, mostly, or one person under two names. Without --reveal no personal
    data is shown.
    """
    run(lambda: _answer(limit, reveal=reveal))


async def _answer(limit: int, *, reveal: bool) -> None:
    with Console(stderr=True).status("looking for shared contact points"):
        async with reading() as connection:
            found = await possible_duplicates(connection, limit)
            groups: list[tuple[Group, list[_Member]]] = []
            for group in found.groups:
                members = [
                    _Member(one, group.audiences[one], fold(person.known.facts).profile)
                    for one in group.customers
                    for person in [await read_person(connection, one)]
                ]
                groups.append((group, members))
    _show(found.group_count, found.customer_count, groups, reveal=reveal)


def _show(
    group_count: int,
    customer_count: int,
    groups: Sequence[tuple[Group, Sequence[_Member]]],
    *,
    reveal: bool,
) -> None:
    say(f"groups that share an e-mail address or a phone number (R50): {group_count}")
    say(f"customers in them: {customer_count}")
    for number, (group, members) in enumerate(groups, start=1):
        shared = " and ".join(group.kinds)
        say(f"\n{number}. they share: {shared}; their names: {_ALIKE[_are_alike(members)]}")
        for member in members:
            say(f"   {member.customer_id}  {words.plain(member.audience)}")
            if reveal:
                say(f"     {_revealed(member)}")
    if len(groups) < group_count:
        say(f"\n{group_count - len(groups)} more groups: --limit shows more of them")


def _are_alike(members: Sequence[_Member]) -> bool | None:
    """Whether all names compare equal; None where one of them is not held."""
    names = [member.profile.get("name", {}) for member in members]
    if any(not (name.get("given") or name.get("family")) for name in names):
        return None
    return len({normalise.name(name.get("given"), name.get("family")) for name in names}) == 1


def _revealed(member: _Member) -> str:
    name: Mapping[str, str] = member.profile.get("name", {})
    whole = " ".join(filter(None, [name.get("given"), name.get("family")]))
    held = [whole, member.profile.get("email"), member.profile.get("phone")]
    return words.clean(", ".join(filter(None, held)))
