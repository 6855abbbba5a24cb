"""`python -m bench.soak`: load for an hour, and what grows that should not."""

import asyncio
import itertools
import logging
import secrets
import signal
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live

from bench.soak import report
from bench.soak.reading import look
from bench.soak.series import Record
from bench.soak.site import FOLDER, Site, running
from ops.generate import Generator, Options
from ops.generate.publish import Publisher, Target, paced
from ops.stack import StackError
from register.store.pool import connect

EVERY_S = 5.0
LINE_EVERY = 6
"""Measurements between two lines where there is no terminal."""

_EVENTS_EACH = 20
_LOAD = Options(poison=True, agreements=True, screenings=True, requests=True, seldom=50)
"""An agreement every three minutes, a disclosure of everybody every nine: one is through before the
next, or what waits would grow for a good reason."""


def main(
    *,
    minutes: Annotated[float, typer.Option(min=1)] = 60.0,
    rate: Annotated[float, typer.Option(min=1, help="Events a second.")] = 100.0,
    customers: Annotated[
        int | None,
        typer.Option(min=1, help="Persons that appear at most; a twentieth of the events."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same events.")] = None,
) -> None:
    """Run two workers under load, measure every five seconds, and tell what grows.

    Ctrl-C ends it with the report so far. Exit code 1: something grows; 2: it could not run.
    """
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    seed = secrets.randbelow(10**6) if seed is None else seed
    record = Record()
    try:
        with running(console) as site:
            console.print(
                f"seed {seed}, {rate:.0f} events/s for {minutes:.0f} min", highlight=False
            )
            generator = Generator(
                seed,
                start=datetime.now(UTC),
                customers=customers or _customers(rate, minutes),
                rate=rate,
                options=_LOAD,
            )
            asyncio.run(_soak(site, console, generator, rate, minutes, record))
    except (StackError, KafkaError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        _close(console, record)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        print("soak: stopped by Ctrl-C", file=sys.stderr)
        raise typer.Exit(130) from error
    if _close(console, record):
        raise typer.Exit(1)


def _customers(rate: float, minutes: float) -> int:
    """So many that all are known long before the middle, and nobody's history gets long: both
    would grow for a good reason, and hide what has none."""
    return max(1, round(rate * minutes * 60 / _EVENTS_EACH))


async def _soak(
    site: Site,
    console: Console,
    generator: Generator,
    rate: float,
    minutes: float,
    record: Record,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    loop.call_later(minutes * 60, stop.set)
    measuring = asyncio.create_task(_measure(site, console, record, stop))
    measuring.add_done_callback(lambda _: stop.set())
    async with Publisher(Target(site.kafka)) as publisher:
        async for published in paced(generator, rate, stop):
            await publisher.send(published)
    await measuring


async def _measure(site: Site, console: Console, record: Record, stop: asyncio.Event) -> None:
    database = await connect(site.database_url, "soak")
    begun = time.monotonic()
    try:
        terminal = Live(console=console, auto_refresh=False) if console.is_terminal else None
        with terminal or nullcontext():
            for number in itertools.count():
                record.add(time.monotonic() - begun, await look(site, database))
                if terminal is not None:
                    terminal.update(report.overview(record), refresh=True)
                elif number % LINE_EVERY == 0:
                    console.print(report.line(record), highlight=False, soft_wrap=True)
                try:
                    await asyncio.wait_for(stop.wait(), EVERY_S)
                except TimeoutError:
                    continue
                return
    finally:
        await database.close()


def _close(console: Console, record: Record) -> bool:
    """Tell everything and keep it; whether something grows that should not."""
    if not record.series:
        return False
    found = report.verdicts(record)
    console.print(report.overview(record))
    console.print(report.tables(record))
    for sentence in report.sentences(found, record):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    for path in report.write(record, found, FOLDER):
        console.print(f"written: {path}", highlight=False, soft_wrap=True)
    return any(one.grows for one in found)


if __name__ == "__main__":
    typer.run(main)
