"""`python -m bench.smoke`: two figures next to their yardsticks, in about two minutes."""

import asyncio
import logging
import sys
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from bench import bans, burst
from bench.figures import Figure, append, report
from bench.machine import Machine, describe
from bench.service import Service, running
from ops.stack import StackError


def main(
    *,
    ban_count: Annotated[int, typer.Option("--bans", min=1, help="Bans to time.")] = 300,
    events: Annotated[int, typer.Option(min=1, help="Events to send at once.")] = 10_000,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the bench's stack running.")] = False,
) -> None:
    """Measure how fast a ban is enforced and how fast a burst is absorbed.

    Starts servers and workers of its own and removes them. Exit code 1: a bar was missed.
    """
    console = Console()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with running(console, keep=keep) as service:
            machine, figures = asyncio.run(_measure(service, ban_count, events))
    except (StackError, KafkaError, TimeoutError, OSError, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        print("bench: stopped by Ctrl-C", file=sys.stderr)
        raise typer.Exit(130) from error
    report(console, machine, figures)
    path = append("smoke", machine, figures)
    console.print(f"appended to bench/results/{path.name}", highlight=False)
    if any(figure.met is False for figure in figures):
        raise typer.Exit(1)


async def _measure(service: Service, ban_count: int, events: int) -> tuple[Machine, list[Figure]]:
    machine = describe(await service.postgresql_version())
    return machine, [await bans.measure(service, ban_count), await burst.measure(service, events)]


if __name__ == "__main__":
    typer.run(main)
