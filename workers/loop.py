"""A service that runs one loop and waits outages out: what ingest, relay and sweeps share."""

import asyncio
import time
from abc import abstractmethod
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from mode import Service

from register.store.pool import LOST_CONNECTION, Connection, connect
from register.store.schema import MIGRATE, NEEDED, SchemaBehind, assert_not_behind
from workers.backoff import Backoff
from workers.logs import log_failure

log = structlog.get_logger()

_DRAIN_SECONDS = 3.0
_CANCEL_SECONDS = 1.0

OUTAGE = (*LOST_CONNECTION, KafkaError)
"""Errors that are waited out: the database or Kafka is away."""

_SHARE = 50
"""One part in so many of the time."""


def at_most_often(interval_s: float, began: float) -> float:
    """Seconds to rest after what began at that `time.monotonic()`: counting gets slower as the
    register grows, and may take one fiftieth of the time at most."""
    return max(interval_s, _SHARE * (time.monotonic() - began))


class LoopService(Service):
    """Runs `session` until the worker stops; an outage ends a session and starts another.

    Any other error stops the worker: its keeper starts it again. On stop, the session is asked
    by `stopping` to end, and awaited: what it has in hand is finished.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.stopping = asyncio.Event()
        self.backoff = Backoff()
        self.behind = False
        self._loop_task: asyncio.Task[None] | None = None
        self._asked = 0.0

    @abstractmethod
    async def session(self) -> None:
        """Work until `stopping` is set."""

    def wake(self) -> None:
        """End any waiting, because the worker stops."""

    def let_go(self) -> None:
        """End what a cancellation would wait for: a database that does not answer."""

    async def connect(
        self, url: str, name: str, *, silent_for: str | None = None, by_key: bool = False
    ) -> Connection:
        """Open a connection to the register; raises `SchemaBehind` where it lacks migrations."""
        connection = await connect(url, name, silent_for=silent_for, by_key=by_key)
        try:
            await assert_not_behind(connection)
        except SchemaBehind as error:
            connection.terminate()
            self.behind = True
            # No traceback: the line says it all, and comes again.
            log.error(  # noqa: TRY400
                self.name, action="schema-behind", found=error.found, needed=NEEDED, run=MIGRATE
            )
            raise
        self.behind = False
        return connection

    async def on_start(self) -> None:
        """Start the loop."""
        self._loop_task = asyncio.create_task(self._run_sessions(), name=self.name)
        self._loop_task.add_done_callback(self._loop_ended)

    def ask_to_stop(self) -> None:
        """Let the session end; what waits is woken."""
        if not self.stopping.is_set():
            self._asked = time.monotonic()
            self.stopping.set()
            self.wake()

    async def on_stop(self) -> None:
        """Let the session end, or end it where something holds it up: what it has in hand is
        not committed then, and comes again."""
        self.ask_to_stop()
        if self._loop_task is None:
            return
        left = max(0.1, _DRAIN_SECONDS - (time.monotonic() - self._asked))
        await asyncio.wait([self._loop_task], timeout=left)
        if not self._loop_task.done():
            log.warning(self.name, action="not-drained")
            self.let_go()
            self._loop_task.cancel()
            await asyncio.wait([self._loop_task], timeout=_CANCEL_SECONDS)

    async def _run_sessions(self) -> None:
        while not self.stopping.is_set():
            try:
                await self.session()
            except (*OUTAGE, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                # A cancellation that nobody asked for: Kafka's client lets those of its own tasks
                # out when it is stopped in an outage.
                log.warning(self.name, action="outage", error=type(error).__name__)
                await self.backoff.wait(self.stopping)

    def _loop_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log_failure(self.name, "crashed", error)
            # Without its text, which faust logs, and which may quote what the register holds.
            crashed = RuntimeError(type(error).__name__)
            asyncio.ensure_future(self.crash(crashed))  # noqa: RUF006 - the service keeps it
