"""Explanations on a terminal: a table of cells, and the events behind them by number."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from register.cli import words
from register.cli.times import shown
from register.rules.explain import Evidence, Role, Why
from register.rules.facts import PROTECTIVE, JsonDict
from schemas.terms import Basis, Denial

_GREEN, _RED, _DIM = "green", "red", "dim"


class Numbered:
    """Events by the number under which they are listed; an event that several cells rest on
    has one number."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._events: list[Evidence] = []

    def number(self, event: Evidence) -> int:
        """The event's number, a new one the first time."""
        if event.key not in self._numbers:
            self._numbers[event.key] = len(self._numbers) + 1
            self._events.append(event)
        return self._numbers[event.key]

    def listed(self) -> Iterator[tuple[int, Evidence]]:
        """Every event with its number."""
        return enumerate(self._events, start=1)


def show_cells(console: Console, cells: Sequence[Why], products: JsonDict | None) -> None:
    """A table of outcomes, purposes down and channels across, and the deciding events."""
    numbers = Numbered()
    channels = list(dict.fromkeys(cell.channel for cell in cells))
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("", width=11)
    for channel in channels:
        table.add_column(words.CHANNEL_HEADS.get(channel, channel))
    by_place = {(cell.purpose, cell.channel): cell for cell in cells}
    for purpose in dict.fromkeys(cell.purpose for cell in cells):
        row: list[Text] = []
        for channel in channels:
            cell = by_place.get((purpose, channel))
            row.append(_cell(cell, numbers) if cell else Text(""))
        table.add_row(words.plain(purpose), *row)
    console.print(table)
    if products is not None:
        _show_products(console, products)
    for number, event in numbers.listed():
        console.print(_event(event, f"[{number}]", None))


def show_cell(console: Console, cell: Why) -> None:
    """One cell in words, with everything that bears on it."""
    console.print(_sentence(cell), soft_wrap=True)
    if cell.missing is not None:
        console.print(Text(f"  what is missing: {words.MISSING[cell.missing]}"), soft_wrap=True)
    if cell.groups:
        groups = ", ".join(map(words.clean, cell.groups))
        console.print(Text(f"  only for the product groups bought: {groups}"), soft_wrap=True)
    for event in cell.events:
        console.print(_event(event, "-", words.ROLES[event.role]))


def _show_products(console: Console, products: JsonDict) -> None:
    """What narrows the cells: products that are denied, groups that a soft opt-in covers."""
    for row in products["denied"]:
        product = words.clean(row["product"])
        text = f"not for {product}: {words.scope(row)} ({row['reason']})"
        console.print(Text(text), soft_wrap=True)
    if products["soft_opt_in"]:
        groups = words.clean(", ".join(products["soft_opt_in"]))
        text = f"offers and campaign by soft opt-in, only for: {groups}"
        console.print(Text(text), soft_wrap=True)


def show_events(console: Console, events: Sequence[Evidence]) -> None:
    """Events alone, in the order given."""
    for event in events:
        console.print(_event(event, "-", words.ROLES[event.role]))


def _sentence(cell: Why) -> Text:
    product = f", product {words.clean(cell.product)}" if cell.product else ""
    text = Text(f"{words.plain(cell.purpose)} by {words.plain(cell.channel)}{product}: ")
    if cell.outcome is None:
        return text.append("cannot be told any more")
    verdict = "allowed" if isinstance(cell.outcome, Basis) else "denied"
    text.append(f"{verdict}, {cell.outcome}", _style(cell.outcome))
    return text.append(f": {words.OUTCOMES[cell.outcome]} ({', '.join(cell.rules)})")


def _cell(cell: Why, numbers: Numbered) -> Text:
    if cell.outcome is None:
        return Text("?")
    allowed = isinstance(cell.outcome, Basis)
    text = Text(f"{'✓' if allowed else '✗'} {words.short(cell.outcome)}", _style(cell.outcome))
    deciding = [event for event in cell.events if event.role is Role.DECIDES]
    if deciding:
        listed = ",".join(map(str, sorted(numbers.number(event) for event in deciding)))
        text.append(f" [{listed}]", _DIM)
    return text


def _style(outcome: Basis | Denial) -> str:
    return _GREEN if isinstance(outcome, Basis) else _RED


def _event(event: Evidence, mark: str, role: str | None) -> RenderableType:
    name = (
        f"{event.type} {words.clean(event.source)} {words.clean(event.event_id)}"
        if event.event_id is not None
        else "a ban of somebody who has been erased since"
    )
    head = Text(f"{mark} {name}")
    if role is not None:
        head.append(f"  {role}", "bold")
    received = f", received {shown(event.received)}" if event.received else ""
    lines = [head, Text(f"    at {shown(event.time)}{received}", _DIM)]
    if event.under is not None:
        lines.append(Text(f"    {words.UNDER[event.under]}", _DIM))
    elif event.type in PROTECTIVE:
        lines.append(Text(f"    {words.OWN}", _DIM))
    lines.extend(Text(f"    {line}", _DIM) for line in _details(event))
    return Group(*lines)


def _details(event: Evidence) -> Iterator[str]:
    for name, value in event.details.items():
        if name == "scope":
            yield words.clean(words.scope(value))
        elif value is True:
            yield words.plain(name)
        elif value is False:
            yield f"not {words.plain(name)}"
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            yield f"{words.plain(name)}: {words.clean(text)}"
