"""`register why`: which rule, basis or ban decided what may be done with a customer, and why."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.text import Text

from register.cli import times, words
from register.cli.environment import digester
from register.cli.errors import usage
from register.cli.reading import (
    Person,
    customer_now,
    customer_of,
    read_catalogue,
    read_person,
    reading,
)
from register.cli.running import run, say
from register.cli.why_view import show_cell, show_cells, show_events
from register.rules import messages
from register.rules.cells import CELLS
from register.rules.decide import Decision, audience
from register.rules.explain import Case, Evidence, Role, Why, of_fact, person_at, remains, why
from register.rules.facts import Identity, JsonDict
from register.rules.screening import Question, question
from schemas.terms import Basis, Channel, Purpose


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked on the command line; `who` is a customer id or an identity's digest."""

    who: uuid.UUID | bytes
    purpose: Purpose | None
    channel: Channel | None
    product: str | None
    at: datetime | None
    as_json: bool

    @property
    def cells(self) -> list[tuple[Purpose, Channel]]:
        """The cells asked about, all where none was named."""
        return [
            (purpose, channel)
            for purpose, channel, _ in CELLS
            if self.purpose in (None, purpose) and self.channel in (None, channel)
        ]


def command(
    customer: Annotated[
        str | None, typer.Argument(help="The register's customer id; a merged one leads on.")
    ] = None,
    identity: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="SOURCE SUBJECT",
            help="Instead of the id: a channel and its own reference for the customer.",
        ),
    ] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Only this purpose.")] = None,
    channel: Annotated[Channel | None, typer.Option(help="Only this channel.")] = None,
    product: Annotated[str | None, typer.Option(help="For this product, or product group.")] = None,
    at: Annotated[
        str | None,
        typer.Option(help="As known at this time; without an offset it is Finnish time."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show why a customer may be contacted, or may not.

    For each purpose and channel: the rule and the events that decide, with the proof of a
    consent, whose ban it is and since when, or what is missing. At a past time, by what the
    register knew then.
    """

    async def answer() -> None:
        asked = _Asked(
            _who(customer, identity),
            purpose,
            channel,
            product,
            times.parse(at) if at else None,
            as_json,
        )
        await _answer(asked)

    run(answer)


def _who(customer: str | None, identity: tuple[str, str] | None) -> uuid.UUID | bytes:
    if (customer is None) == (identity is None):
        raise usage("name one customer: by id, or with --identity SOURCE SUBJECT")
    if identity is not None:
        return digester().identity(*identity)
    try:
        return uuid.UUID(customer)
    except ValueError:
        raise usage(
            "that is no customer id; a channel's own reference goes with --identity"
        ) from None


async def _answer(asked: _Asked) -> None:
    if not asked.cells:
        raise usage("disclosure is only by post")
    async with reading() as connection:
        if isinstance(asked.who, bytes):
            current = await customer_of(connection, asked.who)
        else:
            current = await customer_now(connection, asked.who)
        person = await read_person(connection, current)
        catalogue = await read_catalogue(connection, asked.product) if asked.product else []
    _assert_same_secret(person)
    case = person_at(person.known, digester(), asked.at, asked.who)
    cells = [
        why(case, purpose, channel, _question(asked, purpose, channel, catalogue))
        for purpose, channel in asked.cells
    ]
    if asked.as_json:
        typer.echo(orjson.dumps(_as_json(asked, person, case, cells), option=orjson.OPT_INDENT_2))
    else:
        _show(asked, person, case, cells)


def _assert_same_secret(person: Person) -> None:
    """Under another secret no ban of others would be found, and the answer would be wrong."""
    for name in person.names:
        if digester().identity(name.source, name.subject) != name.digest:
            raise usage("DIGEST_SECRET is not the one that this register was written with")


def _question(
    asked: _Asked, purpose: Purpose, channel: Channel, catalogue: Sequence[tuple[str, str]]
) -> Question | None:
    if asked.product is None:
        return None
    return question(purpose, channel, asked.product, catalogue)


def _names(person: Person, case: Case) -> list[Identity]:
    """The identities that were the person's then and may be named now."""
    then = {fact.identity for fact in case.facts}
    return [name for name in person.names if name.digest in then]


def _show(asked: _Asked, person: Person, case: Case, cells: Sequence[Why]) -> None:
    console = Console(highlight=False)
    say(f"customer {person.customer_id}")
    if isinstance(asked.who, uuid.UUID) and asked.who != person.customer_id:
        say(f"  asked for as {asked.who}, which leads here since a merge (R51)")
    for name in _names(person, case):
        say(f"  {words.clean(name.source)} {words.clean(name.subject)}")
    say(f"  as known at {times.shown(asked.at)}" if asked.at else "  as known now")
    if not case.is_whole:
        say(f"  {words.ERASED_SINCE}")
        show_events(console, [of_fact(Role.ENDED_BY, fact) for fact in case.erased_by])
    if case.decision is None:
        _show_without_data(console, case, cells[0])
        return
    ground = cells[0].ground
    assert ground is not None
    say(f"  {words.plain(audience(case.state))}: notice {ground.notice}; {ground.law}")
    if len(cells) == 1:
        show_cell(console, cells[0])
    else:
        show_cells(console, cells, None if asked.product else _products(case.decision))


def _products(decision: Decision) -> JsonDict:
    """Denied products and the groups of a soft opt-in, as the message shows them."""
    products: JsonDict = messages.eligibility(decision, ())["products"]
    return products


def _show_without_data(console: Console, case: Case, cell: Why) -> None:
    """Nothing is held, so that every cell has the same answer; then what is kept all the same."""
    if cell.outcome is not None:
        text = f"  nothing is held, {cell.outcome}: {words.OUTCOMES[cell.outcome]}"
        console.print(Text(f"{text} ({', '.join(cell.rules)})"), soft_wrap=True)
    deciding = {event.key for event in cell.events}
    show_events(console, cell.events)
    show_events(console, [event for event in remains(case) if event.key not in deciding])


def _as_json(asked: _Asked, person: Person, case: Case, cells: Sequence[Why]) -> JsonDict:
    return {
        "customer_id": str(person.customer_id),
        "identities": [
            {"source": name.source, "subject": name.subject} for name in _names(person, case)
        ],
        "at": asked.at,
        "held": case.decision is not None,
        "audience": audience(case.state) if case.decision else None,
        "erased_since": not case.is_whole,
        "cells": [_cell(cell) for cell in cells],
        "products": _products(case.decision) if case.decision else None,
        "kept": [_event(event) for event in remains(case)] if case.decision is None else [],
    }


def _cell(cell: Why) -> JsonDict:
    shown: JsonDict = {"purpose": cell.purpose, "channel": cell.channel}
    if cell.product is not None:
        shown["product"] = cell.product
    allowed = isinstance(cell.outcome, Basis)
    shown["allowed"] = None if cell.outcome is None else allowed
    if cell.outcome is not None:
        shown["basis" if allowed else "reason"] = cell.outcome
    shown["rules"] = cell.rules
    if cell.missing is not None:
        shown["missing"] = cell.missing
    if cell.groups:
        shown["products"] = cell.groups
    if cell.ground is not None:
        shown["notice"], shown["law"] = cell.ground.notice, cell.ground.law
    shown["events"] = [_event(event) for event in cell.events]
    return shown


def _event(event: Evidence) -> JsonDict:
    return {
        "role": event.role,
        "source": event.source,
        "id": event.event_id,
        "type": event.type,
        "time": event.time,
        "received": event.received,
        "whose": "own" if event.under is None else "others",
        "under": event.under,
        **event.details,
    }
