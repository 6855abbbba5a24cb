"""Dead letters on a terminal and as JSON: no personal data unless it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from register.cli.dead_letter_prospects import TAKEN_IN, Prospect
from register.cli.environment import topic_prefix
from register.cli.running import say
from register.cli.times import shown
from register.records import Record
from register.store.dead_letters import Done, Letter, Place
from topics import DEAD_LETTERS

assert DEAD_LETTERS.retention is not None
_KEPT = DEAD_LETTERS.retention
_NAMED = 5
"""Letters that are named where there are many."""

LATER = "later events of the person, taken in meanwhile"
BY_TIME = (
    "state goes by time (R2), so this one finds its place among them, but for what is judged by "
    "what had arrived (R21 to R23)"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A letter, its record as far as the topic has it, and all that is to be said of both.

    `origin` is the type and the source that the record gives, as far as the register knows them.
    """

    letter: Letter
    record: Record | None
    origin: Mapping[str, str]
    prospect: Prospect
    history: Sequence[Done]


def name(place: Place) -> str:
    """A letter's id: where the record was received."""
    return f"{place.topic.removeprefix(topic_prefix())}/{place.partition}/{place.offset}"


def as_data(letter: Letter) -> dict[str, Any]:
    """A letter as JSON shows it."""
    topic, partition, offset = letter.place
    return {
        "id": name(letter.place),
        "topic": topic.removeprefix(topic_prefix()),
        "partition": partition,
        "offset": offset,
        "time": letter.since.isoformat(),
        "reason": letter.reason,
        "state": letter.state,
    }


def show_list(letters: Sequence[Letter], total: int) -> None:
    """A table, the oldest first."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("id (topic/partition/offset)", no_wrap=True)
    table.add_column("time", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for letter in letters:
        # The reason last: it is the only one that may need a second line.
        table.add_row(name(letter.place), shown(letter.since), letter.state, Text(letter.reason))
    if letters:
        Console(highlight=False).print(table)
    say(
        f"dead letters: {total}"
        if total == len(letters)
        else f"{len(letters)} of {total}: --limit shows more of them"
    )


def show_letter(told: Told, *, reveal: bool) -> None:
    """What is known of a letter; only with `reveal` what its sender wrote."""
    letter, record = told.letter, told.record
    say(name(letter.place))
    say(f"  {letter.reason}, since {shown(letter.since)}")
    say(f"  {letter.state}; its bytes go on {shown(letter.since + _KEPT)}")
    if record is not None:
        say(f"  as received: {_sizes(record)}")
    for attribute, text in told.origin.items():
        say(f"  {attribute}: {text}")
    say(f"  put back now: {outlook(told.prospect)}")
    if told.prospect.later:
        say(f"  {LATER}: {told.prospect.later}; {BY_TIME}")
    for done in told.history:
        say(f"  {_line(done)}")
    if reveal and record is not None:
        content = content_data(record)
        say(f"key: {content['key']}")
        for header, text in content["headers"]:
            say(f"header {header}: {text}")
        say(f"value:\n{content['value']}")


def letter_data(told: Told, *, reveal: bool) -> dict[str, Any]:
    """The same as JSON."""
    record = told.record
    data = {
        **as_data(told.letter),
        "bytes": len(record.value or b"") if record else None,
        **told.origin,
        "retry": outlook(told.prospect),
        "later_events": told.prospect.later,
        "history": [
            {
                "action": done.action,
                "operator": done.operator,
                "because": done.because,
                "put_at": done.put_at,
                "time": done.at.isoformat(),
            }
            for done in told.history
        ],
    }
    if reveal and record is not None:
        data["content"] = content_data(record)
    return data


def content_data(record: Record) -> dict[str, Any]:
    """Key, headers and value as text; what is no text, or would steer a terminal, is escaped."""
    return {
        "key": _text(record.key),
        "headers": [[_printable(header), _text(value)] for header, value in record.headers],
        "value": _text(record.value),
    }


def outlook(prospect: Prospect) -> str:
    """What would come of it, in words."""
    if prospect.is_there:
        return f"nothing, {TAKEN_IN}"
    return prospect.obstacle or "it would be taken in"


def show_groups(groups: Mapping[str, Sequence[Place]]) -> None:
    """Letters by what is said of them."""
    for said, places in groups.items():
        names = ", ".join(name(place) for place in places[:_NAMED])
        more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        say(f"  {said}: {names}{more}")


def say_json(data: Any) -> None:
    """The answer as JSON."""
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))


def _sizes(record: Record) -> str:
    value = "no value" if record.value is None else f"a value of {len(record.value)} bytes"
    key = "no key" if record.key is None else "a key"
    return f"{value}, {key}, headers: {len(record.headers)}"


def _line(done: Done) -> str:
    where = f" at offset {done.put_at}" if done.put_at is not None else ""
    because = f": {_printable(done.because)}" if done.because else ""
    return f"{shown(done.at)} {done.action}{where} by {_printable(done.operator)}{because}"


def _text(value: bytes | None) -> str | None:
    return None if value is None else _printable(value.decode(errors="backslashreplace"))


def _printable(text: str) -> str:
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode()
        for sign in text
    )
