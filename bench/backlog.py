"""A ban does not wait behind a backlog of orders, and the worker's memory does not follow it."""

import asyncio

from bench.bans import shooting
from bench.crew import working
from bench.events import orders
from bench.figures import Figure, Target, value_under
from bench.service import Service
from bench.usage import peak_mb
from ops.generate.progress import Meter

BAN_MS, PEAK_MB = 1000.0, 400.0
LOOK_S = 0.5


async def measure(service: Service, backlog: int, count: int) -> list[Figure]:
    """Let `backlog` orders wait, start a worker, and time bans while it works them off.

    There are `count` bans, or fewer where the backlog is gone before.
    """
    register = await service.another("backlog")
    async with shooting(register) as at:
        async with working(register) as crew:
            await crew.ready()
            await at.make_customers("fresh", count)
            idle = peak_mb(crew.pids)
        with Meter("backlog", total=backlog) as meter:
            # Other numbers, since who shares name and phone is one person (R50).
            for number, published in enumerate(orders("waiting", count, backlog)):
                await at.publisher.send(published)
                if number % 1000 == 0:
                    meter.show(number)
                    await asyncio.sleep(0)  # the producer sends from a task of its own
            await at.publisher.flush()
        async with working(register) as crew:
            await crew.ready()
            waits = True

            async def look() -> None:
                nonlocal waits
                while waits:
                    waits = await crew.handled() < backlog
                    await asyncio.sleep(LOOK_S)

            looking = asyncio.create_task(look())
            try:
                timing = await at.fire("fresh", count, goes_on=lambda: waits)
            finally:
                looking.cancel()
            handled, peak = await crew.handled(), peak_mb(crew.pids)
    detail = {"backlog": backlog, "taken_in_meanwhile": handled}
    return [
        timing.figure("ban behind a backlog", value_under(BAN_MS), **detail),
        Figure(
            name="memory behind a backlog",
            unit="MB",
            value=peak,
            yardstick_name="without a backlog",
            yardstick=idle,
            target=Target(PEAK_MB),
            detail=detail,
        ),
    ]
