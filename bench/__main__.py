"""`python -m bench`: everything side by side on one machine, next to its yardsticks."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from bench import backlog, growth, history, loads, plot, sustained, upkeep
from bench.figures import RESULTS, Figure, append, report
from bench.machine import Machine, describe
from bench.service import Service, servers, service_of
from ops.stack import StackError


@dataclass(frozen=True, slots=True)
class Effort:
    """How much of everything is measured."""

    name: str
    deliveries: int
    peer_s: float
    bans: int
    sizes: tuple[int, ...]
    grown_events: int
    depths: tuple[int, ...]
    crews: tuple[int, ...]
    screenings: int
    backlog: int
    backlog_bans: int


QUICK = Effort(
    "bench-quick",
    deliveries=3_000,
    peer_s=5.0,
    bans=60,
    sizes=(2_000, 10_000),
    grown_events=3_000,
    depths=(1, 10),
    crews=(1, 2),
    screenings=10,
    backlog=50_000,
    backlog_bans=100,
)
USUAL = Effort(
    "bench",
    deliveries=20_000,
    peer_s=15.0,
    bans=1_000,
    sizes=(10_000, 100_000),
    grown_events=20_000,
    depths=(1, 10, 100),
    crews=(1, 2, 4),
    screenings=100,
    backlog=1_000_000,
    backlog_bans=600,
)
FULL = Effort(**{**asdict(USUAL), "name": "bench-full", "sizes": (10_000, 100_000, 1_000_000)})


class Part(StrEnum):
    """What can be measured by itself; loads are shares of the rates found before them."""

    RATES = "rates"
    LOADS = "loads"
    SIZES = "sizes"
    HISTORY = "history"
    BACKLOG = "backlog"


@dataclass(slots=True)
class Run:
    """One run: what was found, and what could not be measured and why."""

    service: Service
    effort: Effort
    parts: frozenset[Part]
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    async def measure(self) -> Machine:
        """Measure everything, one part after the other; a part that fails is missing."""
        machine = describe(await self.service.postgresql_version())
        effort, saturation = self.effort, 0.0

        async def rates() -> list[Figure]:
            nonlocal saturation
            found = await sustained.measure(self.service, effort.deliveries, effort.peer_s)
            saturation = found.saturation
            self.missing += found.missing
            return found.figures

        grown: Service | None = None

        async def sizes() -> list[Figure]:
            nonlocal grown
            grown, figures = await growth.measure(
                self.service, effort.sizes, effort.grown_events, effort.crews
            )
            return figures

        if not self.parts.isdisjoint((Part.RATES, Part.LOADS)):
            await self._part("sustained rates", rates)
        if saturation and Part.LOADS in self.parts:
            await self._part(
                "bans under load", lambda: loads.measure(self.service, saturation, effort.bans)
            )
        if Part.SIZES in self.parts:
            await self._part("size of the register", sizes)
        if grown is not None:
            await self._upkeep(grown)
        if Part.HISTORY in self.parts:
            await self._part(
                "facts of a person", lambda: history.measure(self.service, effort.depths)
            )
        if Part.BACKLOG in self.parts:
            await self._part(
                "backlog",
                lambda: backlog.measure(self.service, effort.backlog, effort.backlog_bans),
            )
        return machine

    async def _upkeep(self, grown: Service) -> None:
        async def screen() -> list[Figure]:
            return [await upkeep.screen(grown, self.effort.sizes[-1], self.effort.screenings)]

        async def republish() -> list[Figure]:
            return [await upkeep.republish(grown)]

        async def rebuild() -> list[Figure]:
            return [await upkeep.rebuild(grown)]

        await self._part("screening", screen)
        await self._part("republish", republish)
        await self._part("rebuild", rebuild)

    async def _part(self, name: str, part: Callable[[], Awaitable[list[Figure]]]) -> None:
        print(f"bench: {name}", file=sys.stderr)
        begun = time.monotonic()
        try:
            self.figures += await part()
        except (KafkaError, TimeoutError, OSError, RuntimeError) as error:
            self.missing.append(f"{name}: {type(error).__name__}: {error}")
        print(f"bench: {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)


def main(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="A few minutes, for CI.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Also a million persons.")] = False,
    only: Annotated[
        list[Part] | None, typer.Option("--only", help="This part alone; may be given again.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the bench's stack running.")] = False,
) -> None:
    """Measure the register next to its yardsticks, its ceilings and its peers.

    Starts servers and workers of its own and removes them. Exit code 2: something could not be
    measured. A target that was missed is shown, and no error.
    """
    if quick and full:
        raise typer.BadParameter("either --quick or --full")
    effort = QUICK if quick else FULL if full else USUAL
    console = Console(width=None if sys.stdout.isatty() else 160)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with servers(console, keep=keep) as stack:
            run = Run(service_of(stack), effort, frozenset(only or Part))
            machine = asyncio.run(run.measure())
    except StackError as error:
        print(f"bench: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        print("bench: stopped by Ctrl-C", file=sys.stderr)
        raise typer.Exit(130) from error
    report(console, machine, run.figures)
    console.print(plot.as_text(run.figures), highlight=False, markup=False, soft_wrap=True)
    for reason in run.missing:
        console.print(f"not measured: {reason}", highlight=False, markup=False, soft_wrap=True)
    path = append(effort.name, machine, run.figures, missing=run.missing)
    title = f"{effort.name}: {machine.cores} cores, load {machine.load}, commit {machine.commit}"
    plot.write_svg(RESULTS / f"{effort.name}.svg", run.figures, title)
    console.print(f"appended to bench/results/{path.name}", highlight=False)
    if run.missing:
        raise typer.Exit(2)


if __name__ == "__main__":
    typer.run(main)
