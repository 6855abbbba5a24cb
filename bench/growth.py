"""What an event costs in a small register and in a large one, and with more workers."""

import os
import random
from collections.abc import Iterator, Sequence

from bench import in_process
from bench.crew import Drained, drain, working
from bench.events import consent, order, orders, sms_ban
from bench.feeds import publish
from bench.figures import Figure, ratio_over, ratio_under
from bench.service import Service
from ops.generate.published import Published

RUN = "grown"
COST, SPEED_UP = 1.3, 1.6
CORES_PER_WORKER = 2
"""A worker, with what PostgreSQL and Kafka do for it, fills about two."""


async def measure(
    service: Service, sizes: Sequence[int], events: int, crews: Sequence[int]
) -> tuple[Service, list[Figure]]:
    """Grow one register; gives it at its largest, with the figures.

    At each size but the first `events` events by persons drawn from all of it are taken in, and
    right after that as many in a register of the first size: machines are slower at times. At
    the last size events are taken in by more than one worker too.
    """
    register = await service.another(RUN)
    small, there, figures = sizes[0], 0, []
    for size in sizes[1:]:
        await _grow(register, there, size)
        there = size
        cost = await _cost(register, size, events)
        beside = await service.another(f"{RUN}-beside-{size}")
        await _grow(beside, 0, small)
        figures.append(_cost_figure(small, await _cost(beside, small, events), size, cost))
    rates = [await _rate(register, there, events, count) for count in crews]
    return register, figures + [
        _speed_figure(crews[0], rates[0], count, rate)
        for count, rate in zip(crews[1:], rates[1:], strict=True)
    ]


def of_everybody(persons: int, count: int, note: str) -> Iterator[Published]:
    """Events by persons drawn from the whole register: orders, consents, bans on a channel."""
    rng = random.Random(note)
    kinds = (order, consent, sms_ban)
    for number in range(count):
        make = rng.choices(kinds, (50, 35, 15))[0]
        yield make(RUN, rng.randrange(persons), f".{note}.{number}")


async def _grow(register: Service, there: int, size: int) -> None:
    first = orders(RUN, there, size - there)
    await in_process.write(register, first, keep_outbox=False, total=size - there)
    await register.settle()


async def _cost(register: Service, size: int, events: int) -> Drained:
    fed = of_everybody(size, events, f"cost-{size}")
    return await _taken_in(register, fed, events, f"{size} persons")


async def _rate(register: Service, persons: int, events: int, count: int) -> float:
    """Events a second of so many workers, which stand ready when the events come."""
    fed = of_everybody(persons, events, f"crew-{count}")
    return (await _taken_in(register, fed, events, f"{count} workers", count)).per_second


async def _taken_in(
    register: Service, fed: Iterator[Published], events: int, name: str, count: int = 1
) -> Drained:
    async with working(register, count) as crew:
        await crew.ready()
        await crew.settled()
        await publish(register, tuple(fed))
        return await drain(crew, events, name=name)


def _cost_figure(small: int, before: Drained, size: int, now: Drained) -> Figure:
    rates = {
        "events_per_s": round(now.per_second),
        f"events_per_s_with_{small}": round(before.per_second),
    }
    return now.cost(
        f"cost of an event with {size:,} persons",
        before,
        f"with {small:,} persons",
        ratio_under(COST),
        **rates,
    )


def _speed_figure(few: int, before: float, count: int, rate: float) -> Figure:
    cores = len(os.sched_getaffinity(0))
    judged = count == 2 and cores >= CORES_PER_WORKER * count
    return Figure(
        name=f"{count} workers",
        unit="/s",
        value=rate,
        yardstick_name=f"{few} worker",
        yardstick=before,
        target=ratio_over(SPEED_UP) if judged else None,
        unjudged="" if judged or count != 2 else f"{cores} cores",
    )
