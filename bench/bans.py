"""From a ban to its effect: `ban.placed` produced until `marketing.eligibility` tells it.

The yardstick is a ping through `bench.echo` in the same seconds, under the same load.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.arrivals import Arrivals, cause_id, record_key
from bench.children import child
from bench.echo import PING, PONG, READY
from bench.events import ban, event_id, order
from bench.figures import Figure, Latencies, Target, value_under
from bench.service import Service, make_topics
from ops.generate.progress import Meter
from ops.generate.publish import Publisher
from ops.generate.published import Published
from topics import ELIGIBILITY

BAR_MS = 250.0
BACKGROUND_RATE = 200
EVERY_S = 0.1
"""Between two bans; a ping goes out halfway."""
WARM_UP_S = 5.0
SETTLE_S = 60.0
PING_BODY = bytes(300)
"""As long as a ban."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Bans and pings of the same seconds."""

    bans: Latencies
    pings: Latencies

    def figure(self, name: str, target: Target | None, **detail: Any) -> Figure:
        """The bans' p99 next to the pings'."""
        return Figure(
            name=f"{name}, p99 of {self.bans.count}",
            unit="ms",
            value=self.bans.p99,
            yardstick_name=f"ping, p99 of {self.pings.count}",
            yardstick=self.pings.p99,
            target=target,
            detail={
                "p50_ms": self.bans.p50,
                "p999_ms": self.bans.p999,
                "max_ms": self.bans.max,
                "ping_p50_ms": self.pings.p50,
                "ping_p999_ms": self.pings.p999,
                "ping_max_ms": self.pings.max,
                "p50_ratio": round(self.bans.p50 / self.pings.p50, 2),
                **detail,
            },
        )


class Range:
    """Where bans and pings are shot and timed: consumers stand ready, the echo answers."""

    def __init__(self, publisher: Publisher, bans: Arrivals, pings: Arrivals) -> None:
        self.publisher = publisher
        self._bans = bans
        self._pings = pings

    async def make_customers(self, run: str, count: int) -> None:
        """Have persons order, and wait until the register says so of each."""
        for number in range(count):
            ordered = order(run, number)
            self._bans.start(event_id(ordered))
            await self.publisher.send(ordered)
        await self._bans.settle(SETTLE_S)

    async def fire(
        self, run: str, count: int, *, goes_on: Callable[[], bool] = lambda: True
    ) -> Timing:
        """Time a ban by each of `count` customers, and as many pings, while `goes_on` says so.

        The moments are planned: what is slow delays no later one. Raises TimeoutError if one of
        them has no effect.
        """
        await self._ping(f"{run}.first")
        await self._pings.settle(SETTLE_S)
        # Both have opened their connections by now; what that took is not what is measured.
        self._bans.milliseconds.clear()
        self._pings.milliseconds.clear()
        begun = time.perf_counter()
        with Meter("bans and pings", total=count) as meter:
            for number in range(count):
                await _until(begun + number * EVERY_S)
                if not goes_on():
                    break
                placed = ban(run, number)
                self._bans.start(event_id(placed))
                await self.publisher.send(placed)
                await _until(begun + (number + 0.5) * EVERY_S)
                await self._ping(f"{run}.{number}")
                meter.show(number + 1)
        await self._bans.settle(SETTLE_S)
        await self._pings.settle(SETTLE_S)
        return Timing(Latencies.of(self._bans.milliseconds), Latencies.of(self._pings.milliseconds))

    async def _ping(self, key: str) -> None:
        self._pings.start(key.encode())
        await self.publisher.send(Published(PING, key.encode(), PING_BODY, (), None))


@asynccontextmanager
async def shooting(service: Service) -> AsyncIterator[Range]:
    """Everything in place to time bans of a register."""
    prefix = service.prefix
    await make_topics(service.servers, prefix + PING, prefix + PONG)
    async with (
        Publisher(service.target) as publisher,
        Arrivals(service.servers, prefix + ELIGIBILITY.name, cause_id) as bans,
        Arrivals(service.servers, prefix + PONG, record_key) as pings,
        child(["-m", "bench.echo"], service.env, READY),
    ):
        yield Range(publisher, bans, pings)


async def time_bans(service: Service, count: int, background_rate: float) -> Timing:
    """Time `count` bans, each of a customer of its own, while the usual mix of events goes on."""
    run = f"bench.{time.time_ns() // 1_000_000}"
    background = ["-m", "ops.generate", "--rate", f"{background_rate:g}", "--customers", "5000"]
    async with shooting(service) as at:
        await at.make_customers(run, count)
        async with child(background, service.env):
            await asyncio.sleep(WARM_UP_S)
            return await at.fire(run, count)


async def measure(service: Service, count: int) -> Figure:
    """Time `count` bans under a light load."""
    timing = await time_bans(service, count, BACKGROUND_RATE)
    return timing.figure(
        "ban visible on eligibility",
        value_under(BAR_MS),
        background_events_per_s=BACKGROUND_RATE,
    )


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))
