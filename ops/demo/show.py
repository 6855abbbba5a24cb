"""The demo's run: publish, watch, and show until it is told to stop."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live

from ops.demo.board import Picture, board, status_line
from ops.demo.clock import BanClock
from ops.demo.metrics import Samples, scrape
from ops.demo.watch import Watch
from ops.generate import Published
from ops.generate.publish import Publisher, Target, paced
from topics import DEAD_LETTERS, ELIGIBILITY, REFUSALS

EVERY_S = 2.0
"""Seconds between lines where there is no terminal."""
LIVE_S = 0.25
"""Seconds between pictures on a terminal."""
CATCH_UP_S = 5.0
"""How long to wait, at the end, for what is still on its way."""


@dataclass(slots=True)
class _Before:
    """What the rates are counted from."""

    at: float
    published: int = 0
    handled: float = 0.0


class Show:
    """One run. `console` is where it is shown; `metrics_url` is where the workers count."""

    def __init__(self, target: Target, metrics_url: str, console: Console) -> None:
        self._target = target
        self._metrics_url = metrics_url
        self._console = console
        self._clock = BanClock()
        self._begun = time.monotonic()
        self._before = _Before(self._begun)
        self._rates = (0.0, 0.0)

    async def run(self, events: Iterable[Published], rate: float, stop: asyncio.Event) -> Picture:
        """Publish at `rate` a second until `stop` is set; gives the last picture."""
        async with Watch(self._target, self._clock) as watch, Publisher(self._target) as publisher:
            showing = asyncio.create_task(self._keep_showing(watch, publisher))
            try:
                async for published in paced(events, rate, stop):
                    await self._send(publisher, published)
                    if showing.done():
                        break
                await publisher.flush()
                await self._catch_up(watch, publisher)
            finally:
                showing.cancel()
                await asyncio.wait([showing])
            if not showing.cancelled():
                showing.result()
            return await self._picture(watch, publisher)

    async def _send(self, publisher: Publisher, published: Published) -> None:
        event = published.event
        if event is not None and event["type"] == "ban.placed":
            self._clock.start(event, time.perf_counter())
        await publisher.send(published)

    async def _keep_showing(self, watch: Watch, publisher: Publisher) -> None:
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(EVERY_S)
                watch.check()
                picture = await self._picture(watch, publisher)
                self._console.print(status_line(picture), highlight=False, soft_wrap=True)
                if picture.lines:
                    line = f"        {picture.lines[-1]}"
                    self._console.print(line, highlight=False, markup=False, soft_wrap=True)
        with Live(console=self._console, auto_refresh=False) as live:
            while True:
                watch.check()
                live.update(board(await self._picture(watch, publisher)), refresh=True)
                await asyncio.sleep(LIVE_S)

    async def _catch_up(self, watch: Watch, publisher: Publisher) -> None:
        deadline = time.monotonic() + CATCH_UP_S
        while time.monotonic() < deadline:
            picture = await self._picture(watch, publisher)
            if picture.lag == 0 and picture.outbox == 0:
                return
            await asyncio.sleep(LIVE_S)

    async def _picture(self, watch: Watch, publisher: Publisher) -> Picture:
        try:
            samples = await scrape(self._metrics_url)
        except OSError:
            samples = None
        handled = samples.total("register_events_total") if samples else 0.0
        self._measure_rates(publisher.sent, handled)
        return Picture(
            seconds=time.monotonic() - self._begun,
            published=publisher.sent,
            publish_rate=self._rates[0],
            handle_rate=self._rates[1],
            customers=_gauge(samples, "register_customers"),
            outbox=_gauge(samples, "register_outbox_depth"),
            lag=_gauge(samples, "register_consumer_lag"),
            eligibility=watch.counts[ELIGIBILITY.name],
            refusals=watch.counts[REFUSALS.name],
            dead_letters=watch.counts[DEAD_LETTERS.name],
            bans=self._clock,
            latest_bans=tuple(watch.latest),
            lines=tuple(watch.lines),
        )

    def _measure_rates(self, published: int, handled: float) -> None:
        """Rates over the last second or more: shorter spans only flicker."""
        now = time.monotonic()
        before = self._before
        span = now - before.at
        if span < 1:
            return
        if before.handled:
            self._rates = (
                (published - before.published) / span,
                max(0.0, handled - before.handled) / span,
            )
        else:  # the first look: what was handled before the demo is none of its work
            self._rates = ((published - before.published) / span, 0.0)
        self._before = _Before(now, published, handled)


def _gauge(samples: Samples | None, name: str) -> int | None:
    return None if samples is None else int(samples.total(name))
