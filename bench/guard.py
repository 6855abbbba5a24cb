"""`python -m bench.guard`: fails where the service became much slower against its yardsticks.

Only ratios of the same run count, and processor time instead of the clock where it can: a busy
machine slows the yardstick as well. What is let pass is in `floor.toml`.
"""

import asyncio
import logging
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from bench import ceilings
from bench.bans import shooting
from bench.ceilings import WriteCeiling
from bench.crew import drain, working
from bench.feeds import mixed, publish
from bench.figures import Figure, ratio_over, table
from bench.service import Service, servers, service_of
from ops.stack import DEFAULT_DIR, StackError

FLOORS = Path(__file__).parent / "floor.toml"
DIRECTORY = DEFAULT_DIR / "guard"
"""A stack of its own: a benchmark may run beside it."""
DELIVERIES, BANS, CEILING_ROUNDS = 3_000, 40, 4


def floors() -> Mapping[str, float]:
    """The committed floors, by name."""
    found = tomllib.loads(FLOORS.read_text(encoding="utf-8"))
    return {name: float(value) for name, value in found.items()}


def main() -> None:
    """Compare a short run with its yardsticks; exit code 1: under a floor, 2: not measured."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with servers(console, DIRECTORY) as stack:
            figures = asyncio.run(_measure(service_of(stack), floors()))
    except (StackError, KafkaError, TimeoutError, OSError, RuntimeError) as error:
        print(f"guard: {type(error).__name__}: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    console.print(table(figures))
    if any(figure.met is False for figure in figures):
        print("guard: slower than bench/floor.toml lets pass", file=sys.stderr)
        raise typer.Exit(1)


async def _measure(service: Service, floor: Mapping[str, float]) -> list[Figure]:
    feed = mixed(DELIVERIES, 0.2)
    register = await service.another("guarded")
    await publish(register, feed.deliveries)
    async with working(register) as crew:
        drained = await drain(crew, len(feed.deliveries))
        async with shooting(register) as at:
            await at.make_customers("guard", BANS)
            timing = await at.fire("guard", BANS)
    ceiling = await WriteCeiling.make(service)
    rows = await ceiling.record(feed)
    rounds = [
        await ceilings.write(
            ceiling.recorded, ceiling.empty_url, rows, len(feed.deliveries), max(ceilings.BATCHES)
        )
        for _ in range(CEILING_ROUNDS)
    ]
    return [
        Figure(
            name="events per processor second",
            unit="/s",
            value=drained.events / drained.usage.cpu_s,
            yardstick_name="their rows, written by asyncpg alone",
            yardstick=CEILING_ROUNDS / sum(1 / one.per_cpu_second for one in rounds),
            target=ratio_over(floor["events_per_cpu_second"]),
        ),
        Figure(
            name="pings in the time of a ban, p50",
            unit="/s",
            value=1000 / timing.bans.p50,
            yardstick_name="ping, p50",
            yardstick=1000 / timing.pings.p50,
            target=ratio_over(floor["ban_latency"]),
        ),
    ]


if __name__ == "__main__":
    typer.run(main)
