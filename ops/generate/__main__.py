"""`python -m ops.generate`: send generated channel events to Kafka, or print them."""

import asyncio
import logging
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

import orjson
import typer
from aiokafka.errors import KafkaError

from ops.generate.generator import Generator
from ops.generate.mix import Options
from ops.generate.progress import Meter
from ops.generate.publish import NotConfigured, Publisher, Target, paced
from ops.generate.published import Published

UNPACED_RATE = 100_000.0
"""Deliveries a second that date the events where nothing else paces them: more than are made,
so that no event is dated ahead of its delivery."""

DRY_RUN_START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where a dry run begins unless told: the same seed prints the same lines every day."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to send, how fast (records a second, 0: as fast as possible) and how much of it."""

    generator: Generator
    rate: float
    events: int | None

    def stream(self) -> Iterator[Published]:
        """The records, as many as asked for."""
        return islice(iter(self.generator), self.events)


def main(
    *,
    customers: Annotated[int, typer.Option(min=1, help="Persons that appear at most.")] = 10_000,
    rate: Annotated[float, typer.Option(min=0, help="Records a second; 0: no limit.")] = 500.0,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same events.")] = None,
    events: Annotated[int | None, typer.Option(min=1, help="Stop after so many.")] = None,
    duration: Annotated[float | None, typer.Option(min=0, help="Stop after seconds.")] = None,
    start: Annotated[str | None, typer.Option(help="First event's time (RFC 3339).")] = None,
    poison: Annotated[bool, typer.Option("--poison", help="Add unreadable records.")] = False,
    agreements: Annotated[bool, typer.Option("--agreements")] = False,
    screenings: Annotated[bool, typer.Option("--screenings")] = False,
    requests: Annotated[bool, typer.Option("--requests", help="Persons' requests.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print NDJSON instead.")] = False,
) -> None:
    """Generate believable channel events and publish them to Kafka.

    Brokers and topic prefix come from KAFKA_BOOTSTRAP_SERVERS and TOPIC_PREFIX.
    """
    if seed is None:
        seed = secrets.randbelow(10**6)
    if duration is not None and rate and events is None:
        events = max(1, round(rate * duration))
    generator = Generator(
        seed,
        start=_start(start, dry_run=dry_run),
        customers=customers,
        rate=rate or UNPACED_RATE,
        options=Options(poison, agreements, screenings, requests),
    )
    print(f"seed {seed}", file=sys.stderr)
    job = Job(generator, rate, events)
    if dry_run:
        _print(job)
        return
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors are told below
    try:
        asyncio.run(_send(job, Target.from_environment(), duration))
    except (NotConfigured, KafkaError) as error:
        print(f"generate: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _start(text: str | None, *, dry_run: bool) -> datetime:
    if text is None:
        return DRY_RUN_START if dry_run else datetime.now(UTC)
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--start") from error
    if start.tzinfo is None:
        raise typer.BadParameter("needs an offset, such as Z", param_hint="--start")
    return start


def _print(job: Job) -> None:
    """One JSON object a line; bytes that are no UTF-8 are escaped."""
    try:
        for published in job.stream():
            sys.stdout.buffer.write(orjson.dumps(_shown(published)) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever reads has seen enough; a second error at exit would say nothing more.
        sys.stderr.close()


def _shown(published: Published) -> dict[str, object]:
    return {
        "topic": published.topic,
        "key": _text(published.key),
        "headers": {name: _text(value) for name, value in published.headers},
        "value": _text(published.value),
        "dead_letter": published.dead_letter,
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")


async def _send(job: Job, target: Target, duration: float | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if duration is not None:
        loop.call_later(duration, stop.set)
    begun = time.monotonic()
    async with Publisher(target) as publisher:
        with Meter("generate", total=job.events) as meter:
            async for published in paced(job.stream(), job.rate, stop):
                await publisher.send(published)
                meter.show(publisher.sent)
            await publisher.flush()
    seconds = time.monotonic() - begun
    print(
        f"{publisher.acknowledged} records acknowledged in {seconds:.1f} s "
        f"({publisher.acknowledged / seconds:.0f}/s)",
        file=sys.stderr,
    )


if __name__ == "__main__":
    typer.run(main)
