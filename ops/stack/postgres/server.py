"""A PostgreSQL server of our own on loopback, for development and tests."""

import asyncio
import os
import secrets
import shutil
import signal
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from ops.stack.errors import StackError
from ops.stack.ports import LOOPBACK
from ops.stack.postgres.binaries import (
    RunAs,
    choose_user,
    ensure_binaries,
    fallback_data_dir,
    version_of,
)
from ops.stack.processes import Daemon
from ops.stack.progress import Progress, Silent
from ops.stack.state import State, write_private
from ops.stack.system import run

T = TypeVar("T")

# The same in docker-compose.yml (a test compares them). Batches lock hundreds of
# persons with advisory locks, hence the first.
SETTINGS: Final[Mapping[str, str]] = {
    "max_locks_per_transaction": "512",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "fsync": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
}
_READY_S = 30.0
_SOCKET_PATH_LIMIT = 107  # bytes, of a Unix socket's whole path
_STOP = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))


class Postgres:
    """One server whose files live under `directory`, with a role and a database `register`.

    Starting is idempotent; data, port and passwords survive `stop`. When we are root the
    server runs as an unprivileged user; if that user cannot enter `directory`, the data is
    under /var/tmp instead.
    """

    def __init__(self, directory: Path, *, progress: Progress | None = None) -> None:
        self._dir = directory.absolute()
        self._progress: Progress = progress or Silent()
        self._state = State(self._dir / "state.json")

    @property
    def port(self) -> int:
        """The loopback port of the server."""
        return self._state.port("port")

    @property
    def url(self) -> str:
        """The database `register` as its owner, the role `register`."""
        return self._url("register", "register")

    @property
    def admin_url(self) -> str:
        """The database `postgres` as the superuser."""
        return self._url("postgres", "postgres")

    @property
    def data_dir(self) -> Path:
        """PostgreSQL's data folder (also its socket's)."""
        known = self._state.get("data-dir")
        return Path(known) if known else self._dir / "data"

    def pid(self) -> int | None:
        """The pid of the running server, or None."""
        return self._daemon().pid()

    def is_ready(self) -> bool:
        """Whether SELECT 1 works now."""
        return self._missing() is None

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers SELECT 1.

        Raises StackError with the end of the log when it does not come up.
        """
        if self.pid() is None:
            self._launch()
        self._daemon().await_ready(self._missing, deadline_s=_READY_S)
        if self._state.get("database") is None:
            run_blocking(self._create_database)
            self._state.set("database", "register")

    def stop(self) -> None:
        """Stop the server; connections are cut, committed data is written out."""
        self._daemon().stop(*_STOP)

    def kill(self) -> None:
        """Stop at once without writing anything out: the next start recovers from the log."""
        self._daemon().stop((signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Remove the data of the stopped server."""
        shutil.rmtree(self.data_dir, ignore_errors=True)
        shutil.rmtree(self._dir, ignore_errors=True)

    def _url(self, role: str, database: str) -> str:
        password = self._password(role)
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    def _password(self, role: str) -> str:
        """The role's password: generated once per stack, never a default."""
        return self._state.remember(f"password-{role}", lambda: secrets.token_urlsafe(24))

    def _daemon(self) -> Daemon:
        return Daemon(
            name="PostgreSQL",
            pid_file=self._dir / "postgres.pid",
            log_file=self._dir / "postgres.log",
            marker=f"postgres -D {self.data_dir}",
        )

    def _launch(self) -> None:
        """Start the server's process, making its data first when there is none."""
        self._dir.mkdir(parents=True, exist_ok=True)
        user = choose_user()
        version = self._state.get("version")
        binaries = ensure_binaries(self._progress, wanted=version)
        user = choose_user()  # the package may just have brought the user `postgres`
        if version is None:
            with self._progress.step("PostgreSQL: making its data folder"):
                self._initdb(binaries, user)
            self._state.set("version", version_of(binaries))
        port = self._state.choose_port("port", self._progress)
        options = [
            f"--{key}={value}"
            for key, value in {
                **SETTINGS,
                "listen_addresses": LOOPBACK,
                "port": str(port),
                "unix_socket_directories": self._socket_dir(port),
            }.items()
        ]
        with self._progress.step("PostgreSQL: starting"):
            self._daemon().start(
                [*user.prefix, str(binaries / "postgres"), "-D", str(self.data_dir), *options],
                cwd=Path("/"),
                env={**os.environ, "LC_ALL": "C.UTF-8"},
            )
            self._daemon().await_ready(self._missing, deadline_s=_READY_S)

    def _initdb(self, binaries: Path, user: RunAs) -> None:
        """Make the data folder, owned by `user`."""
        data = self._dir / "data"
        if not user.may_enter(self._dir):
            data = fallback_data_dir(self._dir)
            self._progress.say(
                f"PostgreSQL: its user cannot enter {self._dir}; the data goes to {data}"
            )
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted initdb left
        data.mkdir(mode=0o700)
        # In the data folder's place: the user who reads it can read nothing of ours.
        password_file = data.with_name(f"{data.name}.password")
        write_private(password_file, self._password("postgres") + "\n")
        try:
            for path in (data, password_file):
                os.chown(path, user.uid, user.gid)
            run(
                [
                    *(*user.prefix, str(binaries / "initdb"), "-D", str(data)),
                    *("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"),
                    *("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
                ],
                tell=lambda _: None,
                cwd=Path("/"),
            )
        finally:
            password_file.unlink()
        self._state.set("data-dir", str(data))

    def _socket_dir(self, port: int) -> str:
        """The data folder, or nothing (TCP only) where the socket's path would be too long."""
        socket = self.data_dir / f".s.PGSQL.{port}"
        return str(self.data_dir) if len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT else ""

    def _missing(self) -> str | None:
        """What the server still lacks to be ready, in words; None when nothing."""
        if self._state.get("port") is None:
            return "it was never started"
        try:
            run_blocking(self._select_one)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return f"no answer on port {self.port}: {error}"
        return None

    async def _select_one(self) -> None:
        connection = await asyncpg.connect(self.admin_url, timeout=5)
        try:
            await connection.fetchval("SELECT 1", timeout=5)
        finally:
            await connection.close(timeout=5)

    async def _create_database(self) -> None:
        """Make the role and the database `register`, unless an interrupted start made them."""
        connection = await asyncpg.connect(self.admin_url, timeout=5)
        try:
            password = self._password("register")  # letters, digits, "-" and "_" only
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = 'register'"):
                await connection.execute("CREATE ROLE register LOGIN")
            await connection.execute(f"ALTER ROLE register PASSWORD '{password}'")
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname='register'"):
                await connection.execute("CREATE DATABASE register OWNER register")
        finally:
            await connection.close(timeout=5)


def run_blocking(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end from ordinary code, also where an event loop runs already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(make())).result()


__all__ = ["SETTINGS", "Postgres", "StackError", "run_blocking"]
