"""What the soak runs on: servers of its own and two workers, removed in the end."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack
from ops.stack.ports import LOOPBACK, free_port
from ops.stack.workers import Workers

FOLDER = DEFAULT_DIR / "soak"
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Running:
    """A worker, and where it tells its metrics."""

    process: Workers
    metrics_url: str


@dataclass(frozen=True, slots=True)
class Site:
    """Kafka's `host:port`, the register's database, the workers."""

    kafka: str
    database_url: str
    workers: list[Running]


@contextmanager
def running(console: Console) -> Iterator[Site]:
    """Start everything from nothing, and remove it; the workers' logs stay. Raises StackError."""
    progress = ConsoleProgress(console)
    stack = Stack(FOLDER / "stack", progress=progress)
    stack.clean()
    # A prefix of the user's own deployment has no place here.
    os.environ.pop("TOPIC_PREFIX", None)
    workers: list[Running] = []
    try:
        stack.up()
        for number in range(1, WORKERS + 1):
            folder = FOLDER / f"worker-{number}"
            shutil.rmtree(folder, ignore_errors=True)
            port = free_port()
            worker = Running(Workers(folder), f"http://{LOOPBACK}:{port}/metrics")
            workers.append(worker)
            own = {"METRICS_PORT": str(port), "METRICS_URL": worker.metrics_url}
            with progress.step(f"worker {number}: starting"):
                worker.process.start({**stack.env(), **own})
        yield Site(stack.kafka.bootstrap_servers, stack.postgres.url, workers)
    finally:
        for worker in workers:
            worker.process.stop()
        stack.clean()
