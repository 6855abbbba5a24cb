"""The endless, seeded stream of events: the same arguments give the same bytes."""

import random
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate, count, islice
from typing import Any

from ops.generate.mix import (
    LATE_HOURS,
    LATE_SHARE,
    POISON_SHARE,
    REPEATED_SHARE,
    TRACED_SHARE,
    Action,
    Options,
)
from ops.generate.poison import Poisoner
from ops.generate.published import Published, record
from ops.generate.world import Draft, World

RECENT = 500
"""Records that a repeated delivery may repeat."""


class Generator:
    """Channel events in delivery order.

    `start` is the moment of the first delivery and `rate` the deliveries a second: together
    they date the events, and nothing else does. `customers` is how many persons appear at most;
    from then on, those who are known go on. Iterating again starts anew, with the same events.
    """

    def __init__(
        self,
        seed: int,
        *,
        start: datetime,
        customers: int = 1_000,
        rate: float = 500.0,
        options: Options | None = None,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("start needs an offset")
        if seed < 0:
            raise ValueError("a seed is not negative")
        if rate <= 0:
            raise ValueError("a rate is positive")
        self._seed = seed
        self._start = start
        self._customers = customers
        self._step = timedelta(seconds=1 / rate)
        self._options = options or Options()

    def __iter__(self) -> Iterator[Published]:
        """Every record, without end."""
        world = World(self._seed, self._start, self._customers)
        poisoner = Poisoner(self._seed, world.run)
        actions = _Actions(self._options, world)
        recent: deque[Published] = deque(maxlen=RECENT)
        deliveries = random.Random(f"{self._seed}:deliveries")
        for number in count():
            now = self._start + number * self._step
            if self._options.poison and deliveries.random() < POISON_SHARE and recent:
                yield poisoner.spoil(deliveries.choice(recent), now)
            elif recent and deliveries.random() < REPEATED_SHARE:
                yield deliveries.choice(recent)
            else:
                published = _publish(actions.next(), world, now)
                recent.append(published)
                yield published

    def take(self, events: int) -> list[Published]:
        """The first `events` records."""
        return list(islice(self, events))


class _Actions:
    """Draws from the mix."""

    def __init__(self, options: Options, world: World) -> None:
        shares, self._actions = zip(*options.mix(), strict=True)
        self._cumulated = list(accumulate(shares))
        self._world = world

    def next(self) -> Draft:
        """What happens next; what has nobody to happen to is drawn again."""
        while True:
            drawn: Action = self._world.rng.choices(self._actions, cum_weights=self._cumulated)[0]
            draft = drawn(self._world)
            if draft is not None:
                return draft


def _publish(draft: Draft, world: World, now: datetime) -> Published:
    rng = world.rng
    time = now + (_lag(rng) if draft.shift is None else draft.shift)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"evt-{world.number()}",
        "source": draft.source.uri,
        "type": draft.type,
        "time": time.astimezone(draft.source.zone).isoformat(timespec="milliseconds"),
    }
    if draft.subject is not None:
        event["subject"] = draft.subject
    # Every ban is traced, so that its way through the service can be followed and timed.
    if draft.type == "ban.placed" or rng.random() < TRACED_SHARE:
        event["traceparent"] = f"00-{rng.getrandbits(128):032x}-{rng.getrandbits(64):016x}-01"
    event["data"] = draft.data
    return record(draft.topic, draft.source, event, draft.subject)


def _lag(rng: random.Random) -> timedelta:
    if rng.random() < LATE_SHARE:
        return timedelta(hours=-rng.uniform(0.01, LATE_HOURS))
    return timedelta(milliseconds=-rng.randrange(200))
