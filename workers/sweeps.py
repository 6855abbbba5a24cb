"""What the register does of its own accord: sweeps, retention, disclosures in parts.

One worker does it at a time: each step takes its row with `for update skip locked` or the
persons' locks, so a second worker doing the same is harmless, only idle.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import structlog

from register.store.duplicates import count_possible_duplicates
from register.store.pool import CONFLICT, Connection
from register.store.requests import counts
from register.store.restored import read_hold
from register.store.sweeps import disclosure_step, retention_step, sweep_step
from workers.loop import LoopService
from workers.metrics import Metrics
from workers.settings import Settings

_IDLE_SECONDS = 0.5
_RETENTION_SECONDS = 60.0
_DUPLICATES_SECONDS = 3600.0

log = structlog.get_logger()


class Sweeps(LoopService):
    """Steps through whatever waits, then rests."""

    def __init__(self, settings: Settings, metrics: Metrics, **kwargs: Any) -> None:
        super().__init__("sweeps", **kwargs)
        self._settings = settings
        self._metrics = metrics
        self._rules = settings.rules()
        self._retention_due = 0.0
        self._duplicates_due = 0.0

    async def session(self) -> None:
        """Work over one database connection."""
        connection = await self.connect(
            self._settings.database_url.get_secret_value(), "register-sweeps"
        )
        try:
            self.backoff.reset()
            while not self.stopping.is_set():
                if not await self._step(connection):
                    await self._rest()
        finally:
            connection.terminate()

    async def _step(self, connection: Connection) -> bool:
        now = datetime.now(UTC)
        try:
            if (await read_hold(connection)).held:
                return False  # nobody is handed over before the newest bans are known (R66)
            worked = await sweep_step(connection, self._rules, now)
            worked = await disclosure_step(connection, self._rules, now) or worked
            if asyncio.get_running_loop().time() >= self._retention_due:
                erased = await retention_step(connection, self._rules, now)
                worked = worked or erased > 0
                if not erased:
                    self._retention_due = asyncio.get_running_loop().time() + _RETENTION_SECONDS
                self._metrics.retained_out.inc(erased)
        except CONFLICT:
            return True
        waiting = await counts(connection, now)
        self._metrics.open_requests.set(waiting.open)
        self._metrics.overdue_requests.set(waiting.overdue)
        if not worked and asyncio.get_running_loop().time() >= self._duplicates_due:
            # It looks at the whole register, so seldom, and only when nothing else waits.
            found = await count_possible_duplicates(connection)
            self._metrics.possible_duplicates.set(found.customers)
            self._duplicates_due = asyncio.get_running_loop().time() + _DUPLICATES_SECONDS
        return worked

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), _IDLE_SECONDS)
        except TimeoutError:
            return
