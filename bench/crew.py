"""Workers of a register under measurement, and what they get through."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.children import child
from bench.figures import Figure, Target
from bench.service import Service
from bench.usage import Usage, used
from ops.demo.metrics import scrape
from ops.generate.progress import Meter
from ops.stack.ports import LOOPBACK, free_ports
from ops.stack.workers import ask_ready
from workers.lanes import Lane

BOTH_LANES = "urgent,bulk"
NICE = 10
"""What docs/operating.md tells to start workers of the bulk lane with."""
READY_S = 90.0
POLL_S = 0.2
"""Each look at a worker's page costs it some milliseconds, which are not what is measured."""

_DEAD = "register_dead_letters_total"
_WAITING = "SELECT EXISTS (SELECT FROM outbox)"


@dataclass(frozen=True, slots=True)
class Crew:
    """Running workers of one register."""

    service: Service
    pids: tuple[int, ...]
    urls: tuple[str, ...]

    async def handled(self) -> int:
        """Events taken in by all of them.

        Raises OSError while one does not answer, RuntimeError where a record became a dead letter:
        none is poison.
        """
        samples = [await scrape(url) for url in self.urls]
        handled = round(sum(one.total("register_events_total") for one in samples))
        dead = sum(one.total(_DEAD) for one in samples)
        if dead:
            reasons = sorted({reason for one in samples for reason in one.by("reason", _DEAD)})
            raise RuntimeError(f"{dead:.0f} events became dead letters, of {', '.join(reasons)}")
        return handled

    async def ready(self) -> None:
        """Wait until all of them take events in; raises TimeoutError."""
        async with asyncio.timeout(READY_S):
            for url in self.urls:
                while await asyncio.to_thread(ask_ready, url) is not None:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)

    async def settled(self) -> None:
        """Wait until the register is counted, which is due where it has grown since, and otherwise
        seldom: that is no part of what events cost. Raises OSError, TimeoutError."""
        async with asyncio.timeout(READY_S):
            for url in self.urls:
                # The last thing that is counted.
                while not (await scrape(url)).total("register_customers"):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)

    async def used(self) -> Usage:
        """What they and PostgreSQL have used."""
        return await used(self.service, self.pids)


@dataclass(frozen=True, slots=True)
class Drained:
    """So many events in so many seconds, up to the moment when all was published."""

    events: int
    seconds: float
    usage: Usage

    @property
    def per_second(self) -> float:
        """The sustained rate."""
        return self.events / self.seconds

    def cost(
        self,
        name: str,
        before: "Drained",
        yardstick_name: str,
        target: Target | None = None,
        **detail: Any,
    ) -> Figure:
        """What an event cost, next to what it did in an earlier run: processor time, since what
        else the machine does lengthens any other."""
        return Figure(
            name=name,
            unit="µs CPU",
            value=self.usage.cpu_s / self.events * 1e6,
            yardstick_name=yardstick_name,
            yardstick=before.usage.cpu_s / before.events * 1e6,
            target=target,
            detail=detail | self.usage.per(self.events),
        )


@asynccontextmanager
async def working(
    service: Service, count: int = 1, *, lanes: Sequence[str] = (BOTH_LANES,)
) -> AsyncIterator[Crew]:
    """Run workers meanwhile, `count` for each of `lanes`, which are settings `LANES`; they are
    starting when the body begins. Those of the bulk lane alone give way, as operators are told
    to have them do."""
    runs = list(lanes) * count
    ports = free_ports(len(runs))
    async with AsyncExitStack() as stack:
        pids = [
            await stack.enter_async_context(
                child(
                    ["-m", "workers"],
                    {**service.env, "METRICS_PORT": str(port), "LANES": run},
                )
            )
            for port, run in zip(ports, runs, strict=True)
        ]
        for pid, run in zip(pids, runs, strict=True):
            if run == Lane.BULK:
                os.setpriority(os.PRIO_PROCESS, pid, NICE)
        urls = [f"http://{LOOPBACK}:{port}/metrics" for port in ports]
        yield Crew(service, tuple(pids), tuple(urls))


async def drain(
    crew: Crew, count: int, *, timeout_s: float = 1800.0, name: str = "ours"
) -> Drained:
    """Wait until `count` events are taken in and everything is published.

    The time runs from when the first of them are in, so that starting up is no part of it.
    Raises TimeoutError.
    """
    handled, first = 0, None
    database = await asyncpg.connect(crew.service.database_url)
    try:
        async with asyncio.timeout(timeout_s):
            with Meter(name, total=count) as meter:
                while True:
                    handled = max(handled, await _handled(crew))
                    if first is None and handled:
                        first = handled, time.perf_counter(), await crew.used()
                    meter.show(handled)
                    if handled >= count and not await database.fetchval(_WAITING):
                        break
                    await asyncio.sleep(POLL_S)
        ended = time.perf_counter()
        usage = await crew.used()
    finally:
        await database.close()
    if first is None or first[0] >= count:
        raise TimeoutError(f"{name}: everything was taken in at once: there is nothing to time")
    before, begun, used_before = first
    return Drained(count - before, ended - begun, usage.since(used_before))


async def _handled(crew: Crew) -> int:
    try:
        return await crew.handled()
    except OSError:  # its web server is not up yet, or too busy to answer
        return 0
