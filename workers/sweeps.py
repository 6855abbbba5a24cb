"""What the register does of its own accord: sweeps, retention, disclosures in parts, and dropping
what a killed rebuild has left.

One worker does it at a time: each step takes its row with `for update skip locked` or the
persons' locks, so a second worker doing the same is harmless, only idle.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from prometheus_client import Gauge

from register.store.batch import Rules
from register.store.counts import CUSTOMERS, DUPLICATES, Counter
from register.store.pool import CONFLICT, Connection
from register.store.rebuild import drop_abandoned
from register.store.requests import counts
from register.store.restored import read_hold
from register.store.sweeps import disclosure_step, retention_step, sweep_step
from workers.logs import log_failure
from workers.loop import OUTAGE, LoopService
from workers.metrics import Metrics
from workers.settings import Settings

log = structlog.get_logger()

_IDLE_SECONDS = 0.5
_RETENTION_SECONDS = 60.0
_COPY_SECONDS = 60.0
_LOOK_SECONDS = 2.0
"""For what another worker has counted meanwhile."""
_FAILED_SECONDS = 30.0

_Step = Callable[[Connection, Rules, datetime], Awaitable[bool]]


class Sweeps(LoopService):
    """Steps through whatever waits, then rests."""

    def __init__(self, settings: Settings, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__("sweeps", **kwargs)
        self._settings = settings
        self._metrics = metrics
        self._rules = settings.rules()
        self._connection: Connection | None = None
        self._due: dict[str, float] = {}
        self._counts: list[tuple[str, _Step]] = [
            (count.what, partial(self._count, count.what, Counter(count), gauge))
            for count, gauge in (
                (DUPLICATES, metrics.possible_duplicates),
                (CUSTOMERS, metrics.customers),
            )
        ]

    async def session(self) -> None:
        """Work over one database connection."""
        connection = self._connection = await self.connect(
            self._settings.database_url.get_secret_value(), "register-sweeps"
        )
        try:
            self.backoff.reset()
            while not self.stopping.is_set():
                if not await self._step(connection):
                    await self._rest()
        finally:
            connection.terminate()

    def let_go(self) -> None:
        """End the step in hand."""
        if self._connection is not None:
            self._connection.terminate()

    async def _step(self, connection: Connection) -> bool:
        if (await read_hold(connection)).held:
            return False  # nobody is handed over before the newest bans are known (R66)
        now = datetime.now(UTC)
        worked = False
        for name, step in (
            ("agreements", sweep_step),
            ("disclosures", disclosure_step),
            ("retention", self._retain),
            ("rebuild-copy", self._drop_copy),
            *self._counts,
        ):
            if time.monotonic() >= self._due.get(name, 0.0):
                worked = await self._try(name, step, connection, now) or worked
        waiting = await counts(connection, now)
        self._metrics.open_requests.set(waiting.open)
        self._metrics.overdue_requests.set(waiting.overdue)
        return worked

    async def _try(self, name: str, step: _Step, connection: Connection, now: datetime) -> bool:
        """Take a step; one that fails is left for a while, so that bans are enforced and the
        other steps go on."""
        try:
            return await step(connection, self._rules, now)
        except CONFLICT:
            return False  # whoever holds what it needs is through by the next time
        except OUTAGE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one step does, the others go on
            self._metrics.sweep_failures.labels(name).inc()
            log_failure(self.name, f"{name}-failed", error)
            self._due[name] = time.monotonic() + _FAILED_SECONDS
            return False

    async def _retain(self, connection: Connection, rules: Rules, now: datetime) -> bool:
        erased = await retention_step(connection, rules, now)
        self._metrics.retained_out.inc(erased)
        if not erased:
            self._due["retention"] = time.monotonic() + _RETENTION_SECONDS
        return erased > 0

    async def _drop_copy(self, connection: Connection, _rules: Rules, _now: datetime) -> bool:
        """R25: an erasure takes nothing out of the copy that a killed rebuild has left."""
        # First: where somebody reads the copy, it is not tried again at once.
        self._due["rebuild-copy"] = time.monotonic() + _COPY_SECONDS
        dropped = await drop_abandoned(connection)
        if dropped:
            log.info(self.name, action="rebuild-copy-dropped")
        return dropped

    async def _count(
        self, what: str, counter: Counter, gauge: Gauge, connection: Connection, *_: object
    ) -> bool:
        self._due[what] = time.monotonic() + _LOOK_SECONDS
        number = await counter.look(connection)
        if number is not None:
            gauge.set(number)
        return False

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return
