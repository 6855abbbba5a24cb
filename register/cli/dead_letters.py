"""`register dead-letters`: what could not be read is looked at, put back or discarded."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from register.cli import dead_letter_view as view
from register.cli.connecting import connected
from register.cli.dead_letter_choice import AT_ONCE, Asked, by_ids, choose
from register.cli.dead_letter_prospects import NOT_THERE, TAKEN_IN, prospects
from register.cli.dead_letter_retry import put_all_back
from register.cli.dead_letter_topic import AsReceived, bytes_of, claims
from register.cli.errors import CliError, usage
from register.cli.running import run, say
from register.store import dead_letters as store
from register.store.dead_letters import Action, Handling, Letter, Place, State
from register.store.pool import Connection
from schemas.inbound import INBOUND_TYPES

app = typer.Typer(
    help="What could not be read: look at it, put it back, discard it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]
_Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="As `list` shows them.")]
_Reason = Annotated[
    str | None, typer.Option(help="Only this reason: a code, or `code: field` as shown.")
]
_Topic = Annotated[str | None, typer.Option(help="Only what was received from this topic.")]
_Since = Annotated[
    str | None,
    typer.Option(help="Only letters since this time; without an offset it is Finnish time."),
]
_Because = Annotated[str | None, typer.Option(help="Why, for the audit.")]
_Operator = Annotated[str | None, typer.Option(envvar="USER", help="Who you are, for the audit.")]
_AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_letters(
    reason: _Reason = None,
    topic: _Topic = None,
    since: _Since = None,
    state: Annotated[
        list[State] | None,
        typer.Option(help="Only this state (open unless given); repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many, the oldest first.")] = 50,
    as_json: _AsJson = False,
) -> None:
    """List dead letters: which, since when, why, and what became of them.

    Nothing that a sender wrote is shown. A letter that was left open until the topic let go of
    its bytes has expired.
    """

    async def answer() -> None:
        wanted = Asked((), reason, topic, since).wanted(state or [State.OPEN])
        async with connected("register dead-letters") as connection:
            letters, total = await store.find(connection, wanted, datetime.now(UTC), limit)
        if as_json:
            view.say_json({"letters": [view.as_data(one) for one in letters], "total": total})
        else:
            view.show_list(letters, total)

    run(answer)


@app.command("show")
def show(
    letter_id: _Id,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show key, headers and value too; this is audited.")
    ] = False,
    because: _Because = None,
    operator: _Operator = None,
    as_json: _AsJson = False,
) -> None:
    """Show a letter: why it could not be read, what a retry would do, and what was done with it.

    Without --reveal nothing personal is shown. --reveal needs --because; who looked and why
    stays in the audit.
    """

    async def answer() -> None:
        by = _by(operator, because, "--reveal") if reveal else None
        async with connected("register dead-letters") as connection:
            (letter,) = await by_ids(connection, [letter_id])
            await _show(connection, letter, by, as_json=as_json)

    run(answer)


@app.command("retry")
def retry(
    ids: _Ids = None,
    reason: _Reason = None,
    topic: _Topic = None,
    since: _Since = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what was put back or discarded before.")
    ] = False,
    because: _Because = None,
    operator: _Operator = None,
) -> None:
    """Put letters back to where they came from, with key, headers and value as received.

    By id, or all open ones that the options name. They go in the order in which they were
    received, so those of one key keep it. What still could not be read, or would change nothing,
    is left alone: exit code 1 then.
    """

    async def answer() -> None:
        by = _by(operator, because)
        async with _handling() as connection:
            accepted = list(State) if again else [State.OPEN]
            choice = await choose(connection, Asked(ids or (), reason, topic, since), accepted)
            report = await put_all_back(connection, choice.letters, by)
        say(f"put back: {len(report.put)}")
        if report.later:
            view.show_groups({f"{view.LATER}; {view.BY_TIME}": report.later})
        if report.there:
            view.show_groups({f"marked only, {TAKEN_IN}": report.there})
        for text, places in choice.left.items():
            report.left[text].extend(places)
        _tell_rest(report.left, choice.more)

    run(answer)


@app.command("discard")
def discard(
    because: Annotated[str, typer.Option(help="Why, for the audit.")],
    ids: _Ids = None,
    reason: _Reason = None,
    topic: _Topic = None,
    since: _Since = None,
    operator: _Operator = None,
) -> None:
    """Mark letters as dealt with: by id, or all open ones that the options name.

    Their bytes stay on the topic until its retention is over.
    """

    async def answer() -> None:
        by = _by(operator, because, "discard")
        async with _handling() as connection:
            accepted = [State.OPEN, State.EXPIRED]
            choice = await choose(connection, Asked(ids or (), reason, topic, since), accepted)
            places = dict.fromkeys(letter.place for letter in choice.letters)
            await store.note(connection, Action.DISCARDED, places, by)
        say(f"discarded: {len(places)}")
        _tell_rest(choice.left, choice.more)

    run(answer)


async def _show(
    connection: Connection, letter: Letter, by: Handling | None, *, as_json: bool
) -> None:
    """Show a letter, with its content where somebody is named who looks at it."""
    received = (await bytes_of([letter])).get(letter.place)
    if by is not None:
        if received is None:
            raise CliError(f"{view.name(letter.place)}: {NOT_THERE}")
        # Written down before anything is shown.
        await store.note(connection, Action.REVEALED, {letter.place: None}, by)
    found = {letter.place: received} if received else {}
    prospect = (await prospects(connection, [letter], found))[letter.place]
    told = view.Told(
        letter,
        received.record if received else None,
        await _origin(connection, received) if received else {},
        prospect,
        await store.history(connection, letter.place),
    )
    if as_json:
        view.say_json(view.letter_data(told, reveal=by is not None))
    else:
        view.show_letter(told, reveal=by is not None)


async def _origin(connection: Connection, received: AsReceived) -> dict[str, str]:
    """Type and source as far as the register knows them: a text that it does not know may be
    anything, also somebody's name."""
    said = claims(received.record)
    origin = {"type": said["type"]} if said.get("type") in INBOUND_TYPES else {}
    source = said.get("source", "")
    if source.isprintable() and await store.is_known_source(connection, source):
        origin["source"] = source
    return origin


def _by(operator: str | None, because: str | None, needed_for: str | None = None) -> Handling:
    if not operator:
        raise usage("say who you are: --operator NAME, or USER in the environment")
    if needed_for is not None and not (because and because.strip()):
        raise usage(f"{needed_for} needs --because: why, for the audit")
    return Handling(operator, because)


def _tell_rest(left: Mapping[str, Sequence[Place]], more: int) -> None:
    """What was not handled; exit code 1 where something was left alone."""
    if more:
        say(f"{more} more: {AT_ONCE} are handled at a time, run it again")
    if left:
        say(f"left alone: {sum(map(len, left.values()))}")
        view.show_groups(left)
        raise typer.Exit(1)


@asynccontextmanager
async def _handling() -> AsyncIterator[Connection]:
    """For the one who handles letters: two at once would put letters back twice."""
    async with connected("register dead-letters") as connection:
        if not await store.try_to_handle(connection):
            raise CliError("somebody else is handling dead letters right now; try again after that")
        yield connection
