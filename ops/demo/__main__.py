"""`python -m ops.demo`: start everything, send events, and show what the register does."""

import asyncio
import logging
import os
import secrets
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from ops.demo.board import Picture, summary
from ops.demo.show import Show
from ops.generate import Generator, Options
from ops.generate.publish import NotConfigured, Target
from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack, StackError

PLAIN_DURATION_S = 60.0
"""How long the demo runs where there is no terminal, unless told."""


def main(
    *,
    rate: Annotated[float, typer.Option(min=1, help="Events a second.")] = 200.0,
    customers: Annotated[int, typer.Option(min=1, help="Persons that appear at most.")] = 5_000,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same events.")] = None,
    duration: Annotated[
        float | None,
        typer.Option(min=1, help="Seconds. Default: until Ctrl-C; without a terminal 60."),
    ] = None,
    directory: Annotated[Path, typer.Option("--dir", help="The stack's folder.")] = DEFAULT_DIR,
    down: Annotated[bool, typer.Option("--down", help="Stop the stack at the end.")] = False,
) -> None:
    """Show the register at work: real servers, generated events, decisions as they are made."""
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its errors are told below
    if duration is None and not console.is_terminal:
        duration = PLAIN_DURATION_S
    stack = Stack(directory, progress=ConsoleProgress(console))
    try:
        stack.up(workers=True)
        generator = Generator(
            secrets.randbelow(10**6) if seed is None else seed,
            start=datetime.now(UTC),
            customers=customers,
            rate=rate,
            options=Options(poison=True),
        )
        picture = asyncio.run(_show(stack, console, generator, rate, duration))
        _close(stack, picture, down=down)
    except (StackError, NotConfigured, KafkaError) as error:
        print(f"demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        print("demo: stopped by Ctrl-C", file=sys.stderr)
        raise typer.Exit(130) from error


async def _show(
    stack: Stack, console: Console, generator: Generator, rate: float, duration: float | None
) -> Picture:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if duration is not None:
        loop.call_later(duration, stop.set)
    env = stack.env()
    target = Target(env["KAFKA_BOOTSTRAP_SERVERS"], os.environ.get("TOPIC_PREFIX", ""))
    return await Show(target, env["METRICS_URL"], console).run(generator, rate, stop)


def _close(stack: Stack, picture: Picture, *, down: bool) -> None:
    print()
    print("\n".join(summary(picture)))
    if down:
        stack.down()
        return
    env = stack.env()
    prefix = os.environ.get("TOPIC_PREFIX", "")
    print(f"\nEverything is still running (log: {stack.dir / 'log'}). To look on:")
    print(f"  curl -s {env['METRICS_URL']} | grep ^register_")
    print(
        f"  kcat -C -b {env['KAFKA_BOOTSTRAP_SERVERS']} -t {prefix}marketing.eligibility -o -5 -e"
    )
    print("  make down    stops it; the data stays")


if __name__ == "__main__":
    typer.run(main)
