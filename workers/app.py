"""The one place where a worker is wired: the faust app, its services, its pages.

Faust owns the process: command line, lifecycle, signals and the web server. The hot path is a
service inside it with a consumer of its own, since faust's streams acknowledge what an agent
had in hand when it failed or was stopped; `docs/architecture.md` tells more.
"""

from collections.abc import Iterable

import faust
from faust.app.base import BootStrategy
from mode.types import ServiceT
from prometheus_client import CollectorRegistry

from register.store.schema import MIGRATE
from workers.ingest import Ingest
from workers.lanes import TOPICS_OF
from workers.metrics import Metrics
from workers.relay import Relay
from workers.settings import Settings
from workers.sweeps import Sweeps
from workers.web import add_pages


class _Boot(BootStrategy):
    """Web and our services: faust opens no Kafka connection of its own."""

    enable_kafka = False
    enable_sensors = False


class WorkerApp(faust.App):
    """The faust app of a worker."""

    BootStrategy = _Boot

    def __init__(self, settings: Settings) -> None:
        """Wire the services; nothing is connected before the app starts."""
        super().__init__(
            "asiakasrekisteri",
            broker=f"kafka://{settings.kafka_bootstrap_servers}",
            web_bind=settings.metrics_host,
            web_host=settings.metrics_host,
            web_port=settings.metrics_port,
            store="memory://",
        )
        self.settings = settings
        self.metrics = Metrics(CollectorRegistry())
        self.lanes = [
            Ingest(lane.value, settings, TOPICS_OF[lane], self.metrics) for lane in settings.lanes
        ]
        self.relay = Relay(settings, self.metrics)
        self.sweeps = Sweeps(settings, self.metrics)
        self.metrics.schema_behind.set_function(self._is_behind)
        self.metrics.ready.set_function(lambda: self._unready() is None)
        add_pages(self, self.metrics, self._unready)

    def _is_behind(self) -> bool:
        return any(part.behind for part in (*self.lanes, self.relay, self.sweeps))

    def _unready(self) -> str | None:
        """Why events are not taken in, or messages not published; None where they are."""
        if self._is_behind():
            return f"the database is behind; run: {MIGRATE}"
        if not (all(lane.ready for lane in self.lanes) and self.relay.ready):
            return "waiting for Kafka or PostgreSQL"
        if self.relay.holds:
            return "restored: output waits for the replay"
        return None

    def on_init_dependencies(self) -> Iterable[ServiceT]:
        """The web server, the relay, the rest: stopped in the opposite order."""
        return [
            *super().on_init_dependencies(),
            self.relay,
            self.sweeps,
            *self.lanes,
        ]

    async def on_stop(self) -> None:
        """Ask all at once, since they are then awaited one after the other."""
        for service in (*self.lanes, self.sweeps):
            service.ask_to_stop()
        await super().on_stop()

    async def on_first_start(self) -> None:
        """Make no data folder: faust keeps nothing here."""

    async def _wait_for_table_recovery_completed(self) -> bool:
        return False  # the register is PostgreSQL: there are no tables to recover
