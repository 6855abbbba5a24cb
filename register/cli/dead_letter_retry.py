"""Puts dead letters back to where they came from, and writes down that it did."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.progress import Progress

from register.cli.dead_letter_prospects import Prospect, prospects
from register.cli.dead_letter_topic import AsReceived, bytes_of, producing, put_back
from register.store.dead_letters import Action, Handling, Letter, Place, note
from register.store.pool import Connection

_CHUNK = 200
"""Letters that Kafka has before the register is told so: as many may come twice after a crash."""


@dataclass(slots=True)
class Report:
    """What came of a retry: letters put back, those of them with `later` events, those whose
    event is in the register already, and those left alone by the reason."""

    put: list[Place] = field(default_factory=list)
    later: list[Place] = field(default_factory=list)
    there: list[Place] = field(default_factory=list)
    left: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))


async def put_all_back(connection: Connection, letters: Sequence[Letter], by: Handling) -> Report:
    """Put letters back, in this order, as far as that would do any good.

    The audit says so before and after. A crash in between leaves the letter open: put back once
    more, its event is a duplicate (R1).
    """
    found = await bytes_of(letters)
    judged = await prospects(connection, letters, found)
    report = _sorted_out(letters, judged)
    if report.there:
        await note(connection, Action.RETRIED, dict.fromkeys(report.there), by)
    places = [letter.place for letter in letters]
    ready = [found[place] for place in places if judged[place].is_ready]
    if ready:
        await _send(connection, ready, by, report)
    report.later = [place for place in report.put if judged[place].later]
    return report


def _sorted_out(letters: Sequence[Letter], judged: Mapping[Place, Prospect]) -> Report:
    report = Report()
    for letter in letters:
        prospect = judged[letter.place]
        if prospect.is_there:
            report.there.append(letter.place)
        elif prospect.obstacle is not None:
            report.left[prospect.obstacle].append(letter.place)
    return report


async def _send(
    connection: Connection, ready: Sequence[AsReceived], by: Handling, report: Report
) -> None:
    topics = sorted({one.place.topic for one in ready})
    console = Console(stderr=True)
    async with producing(topics) as producer:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("putting back", total=len(ready))
            for start in range(0, len(ready), _CHUNK):
                chunk = ready[start : start + _CHUNK]
                await _send_chunk(connection, producer, chunk, by, report)
                progress.update(task, advance=len(chunk))


async def _send_chunk(
    connection: Connection,
    producer: AIOKafkaProducer,
    chunk: Sequence[AsReceived],
    by: Handling,
    report: Report,
) -> None:
    await note(connection, Action.RETRYING, dict.fromkeys(one.place for one in chunk), by)
    answers = await put_back(producer, chunk)
    put: dict[Place, int | None] = {}
    for place, answer in answers.items():
        if isinstance(answer, int):
            put[place] = answer
        else:
            report.left[f"Kafka did not take it, {type(answer).__name__}"].append(place)
    if put:
        await note(connection, Action.RETRIED, put, by)
    report.put.extend(put)
