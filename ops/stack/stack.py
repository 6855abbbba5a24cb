"""The whole local stack: Kafka, PostgreSQL and, if wanted, the workers."""

import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.kafka import KafkaCluster
from ops.stack.ports import LOOPBACK
from ops.stack.postgres import Postgres
from ops.stack.progress import Progress, Silent
from ops.stack.state import State, write_private
from ops.stack.system import run
from ops.stack.workers import REPOSITORY, Workers, answers, ask_ready

DEFAULT_DIR = REPOSITORY / ".local"
# What a stack makes in its folder; `clean` removes these and nothing else.
_FOLDERS = ("kafka", "postgres", "log", "run")
_FILES = ("env", "state.json", "lock")


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the status: a part, where it is, its pid, and whether it answers."""

    name: str
    address: str
    pid: int | None
    ready: bool


class Stack:
    """An independent stack whose state lives in `directory`.

    `kafka_nodes` is fixed by the first start. All methods block; `up` and `down` may be
    repeated and wait for each other across processes.
    """

    def __init__(
        self, directory: Path, *, kafka_nodes: int = 1, progress: Progress | None = None
    ) -> None:
        self.dir = directory.absolute()
        self._progress: Progress = progress or Silent()
        self._state = State(self.dir / "state.json")
        self.kafka = KafkaCluster(self.dir / "kafka", kafka_nodes, progress=self._progress)
        self.postgres = Postgres(self.dir / "postgres", progress=self._progress)
        self.workers = Workers(self.dir)

    @property
    def env_file(self) -> Path:
        """The file of KEY=value lines that `up` writes."""
        return self.dir / "env"

    def env(self) -> dict[str, str]:
        """The settings of everything that talks to this stack."""
        metrics_port = self._state.port("metrics-port")
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "DATABASE_URL": self.postgres.url,
            "METRICS_PORT": str(metrics_port),
            "METRICS_URL": f"http://{LOOPBACK}:{metrics_port}/metrics",
            "DIGEST_SECRET": self._state.remember("digest-secret", lambda: secrets.token_hex(32)),
        }

    def up(self, *, workers: bool = False, provision: bool = True) -> None:
        """Start what does not run yet, write `env`, make tables and topics.

        Interrupted (Ctrl-C) it stops again what it started, unless something ran before.
        Raises StackError; what had started by then keeps running.
        """
        with self._locked():
            idle = not self._running()
            try:
                self.postgres.start()
                self.kafka.start()
                self._write_env()
                if provision:
                    self._provision()
                if workers:
                    with self._progress.step("workers: starting"):
                        self.workers.start(self.env())
            except KeyboardInterrupt:
                if idle:
                    self._stop()
                raise

    def down(self) -> None:
        """Stop everything, the workers first; data, ports and secrets stay."""
        if not self.dir.exists():
            return
        with self._locked():
            self._stop()

    def clean(self) -> None:
        """Stop everything and remove the data, ports and secrets."""
        if not self.dir.exists():
            return
        with self._locked():
            self._stop()
            self.postgres.remove()
            for name in _FOLDERS:
                shutil.rmtree(self.dir / name, ignore_errors=True)
            for name in _FILES:
                (self.dir / name).unlink(missing_ok=True)
        if not any(self.dir.iterdir()):
            self.dir.rmdir()

    def status(self) -> list[Part]:
        """What runs and answers."""
        if not self.env_file.exists():
            return []
        env = self.env()
        return [
            Part("kafka", env["KAFKA_BOOTSTRAP_SERVERS"], self._kafka_pid(), self.kafka.is_ready()),
            Part(
                "postgresql",
                f"{LOOPBACK}:{self.postgres.port}",
                self.postgres.pid(),
                self.postgres.is_ready(),
            ),
            Part(
                "workers",
                env["METRICS_URL"],
                self.workers.pid(),
                ask_ready(env["METRICS_URL"]) is None,
            ),
        ]

    def _kafka_pid(self) -> int | None:
        return next(iter(self.kafka.pids().values()), None)

    def _running(self) -> bool:
        """Whether any process of this stack runs."""
        return bool(self.kafka.pids() or self.postgres.pid() or self.workers.pid())

    def _stop(self) -> None:
        if self._running():
            with self._progress.step("stopping workers, Kafka and PostgreSQL"):
                self.workers.stop()
                self.kafka.stop()
                self.postgres.stop()

    def _write_env(self) -> None:
        self._choose_metrics_port()
        lines = [f"{key}={value}\n" for key, value in self.env().items()]
        write_private(self.env_file, "".join(lines))

    def _choose_metrics_port(self) -> None:
        """Reserve a port for the workers' web; workers that run already keep theirs."""
        known = self._state.get("metrics-port")
        if known is None or not answers(f"http://{LOOPBACK}:{known}/metrics"):
            self._state.choose_port("metrics-port", self._progress)

    def _provision(self) -> None:
        """Make tables and topics, with the project's own commands."""
        env = {**os.environ, **self.env()}
        for package, verb, text in (
            ("register.store", "migrate", "database: migrating"),
            ("topics", "provision", "topics: provisioning"),
        ):
            with self._progress.step(text) as tell:
                run([sys.executable, "-m", package, verb], tell=tell, env=env, cwd=REPOSITORY)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the stack's lock: two commands at a time would start two brokers."""
        self.dir.mkdir(parents=True, exist_ok=True)
        with (self.dir / "lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._progress.say(f"another command works on {self.dir}; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def read_env(path: Path) -> Mapping[str, str]:
    """The KEY=value lines of an `env` file.

    Raises StackError when there is none: the stack was never started.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise StackError(f"there is no {path}: start the stack with `make up`") from error
    return dict(line.split("=", 1) for line in lines if "=" in line)
