"""`register republish` and `register verify`: the register's word said again, and checked."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.progress import Progress, TaskID

from register.cli import verify_topics
from register.cli.connecting import connected
from register.cli.environment import digester, topic_prefix
from register.cli.running import DIFFERENT, progress, run, say
from register.outbound import Outbound
from register.rules.settings import RuleSettings
from register.store.batch import Rules
from register.store.pool import Connection
from register.store.republish import has_room, republish_bans, republish_customers
from register.store.topic_state import TopicDifferences
from register.store.verify import Differences, verify_step

_WAIT_S = 0.2


def republish() -> None:
    """Say every customer's eligibility, and all that stands in the ban register, once more.

    Workers go on meanwhile. Versions stay as they are, so a reader that has them changes
    nothing; a topic that was made anew is filled.
    """
    run(_republish)


def verify(
    repair: Annotated[
        bool, typer.Option("--repair", help="Make what the facts or the register say hold again.")
    ] = False,
    topics: Annotated[
        bool, typer.Option("--topics", help="Compare what readers have with the register instead.")
    ] = False,
) -> None:
    """Compare records, ban register and messages with the facts; exit code 1 if they differ.

    With --topics: marketing.eligibility and marketing.bans with the register's last word.
    Without --repair nothing is written. Nothing personal is shown.
    """
    if topics:
        _verify_topics(repair=repair)
        return
    differences = Differences()
    run(lambda: _verify(differences, repair=repair))
    _show(differences, repaired=repair)
    if differences.found and not repair:
        raise typer.Exit(DIFFERENT)


async def _republish() -> None:
    outbound = Outbound(topic_prefix(), datetime.now(UTC))
    async with connected("register republish") as connection:
        with progress() as shown:
            task = shown.add_task("bans", total=None)
            bans = await _to_the_end(republish_bans, connection, outbound, shown, task)
            task = shown.add_task("customers", total=None)
            customers = await _to_the_end(republish_customers, connection, outbound, shown, task)
    say(f"said again: {bans} digests of the ban register, {customers} customers")


_Key = TypeVar("_Key")


async def _to_the_end(
    step: Callable[[Connection, Outbound, _Key | None], Awaitable[tuple[int, _Key | None]]],
    connection: Connection,
    outbound: Outbound,
    shown: Progress,
    task: TaskID,
) -> int:
    """Repeat a step, as fast as the relay keeps up; returns how many records it made."""
    total = 0
    count, last = await step(connection, outbound, None)
    while last is not None:
        total += count
        shown.update(task, completed=total)
        while not await has_room(connection):  # noqa: ASYNC110 - another process makes room
            await asyncio.sleep(_WAIT_S)
        count, last = await step(connection, outbound, last)
    return total


async def _verify(differences: Differences, *, repair: bool) -> None:
    rules = Rules(digester(), RuleSettings(), topic_prefix())
    after: uuid.UUID | None = None
    async with connected("register verify") as connection:
        with progress() as shown:
            task = shown.add_task("persons", total=None)
            while True:
                now = datetime.now(UTC)
                after = await verify_step(connection, rules, now, after, differences, repair=repair)
                shown.update(task, completed=differences.persons)
                if after is None:
                    return


def _verify_topics(*, repair: bool) -> None:
    found = TopicDifferences()

    async def compare() -> None:
        nonlocal found
        found = await verify_topics.compare(repair=repair)

    run(compare)
    for name, counts in found.counts.items():
        say(f"keys of {name} that differ from the register: {sum(counts.values())}")
        for what, text in _TOPIC_DIFFERENCES.items():
            say(f"  {text}: {counts.get(what, 0)}")
    if found.found and not repair:
        say("run: register verify --topics --repair")
        raise typer.Exit(DIFFERENT)
    if found.repaired:
        say(f"put right: {found.repaired}; what has to be said again is in the outbox")
    if found.left:
        say(f"left as they are, since the register never said anything of them: {found.left}")
        raise typer.Exit(DIFFERENT)


_TOPIC_DIFFERENCES = {
    "missing": "missing",
    "older": "an older version",
    "newer": "a version that the register never had",
    "other": "another content under the same version",
    "unknown": "unknown to the register",
}


def _show(differences: Differences, *, repaired: bool) -> None:
    say(f"persons compared with their facts: {differences.persons}")
    for name, count in (
        ("bans and lifts missing in the ban register", differences.missing_entries),
        ("derived entries of the ban register that differ", differences.derived_entries),
        ("identities that point to the wrong person", differences.identities),
        ("eligibility messages that differ", len(differences.eligibility)),
        ("ban-register messages that differ", len(differences.bans)),
    ):
        say(f"  {name}: {count}")
    if differences.found:
        say("repaired" if repaired else "run: register verify --repair")
