"""Fixtures every test may ask for: real servers, and a database of one's own.

A missing server fails the test that needs it; nothing is skipped.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from ops.stack import DEFAULT_DIR, Stack
from ops.stack.ports import RANGE_VARIABLE

# One folder per pytest process: several may run in one checkout at a time.
_STACKS = DEFAULT_DIR / "test"
_numbers = itertools.count(1)
_PORTS_EACH = 3000


def pytest_configure() -> None:
    """Give each of the processes that share the tests ports of its own."""
    process = os.environ.get("PYTEST_XDIST_WORKER")
    if process is not None:
        first = 20_000 + _PORTS_EACH * (int(process.removeprefix("gw")) % 4)
        os.environ[RANGE_VARIABLE] = f"{first}-{first + _PORTS_EACH - 1}"


@dataclass(frozen=True, slots=True)
class RunningStack:
    """The servers of this pytest session.

    `processes` has `.kafka` and `.postgres`, each with start, stop and kill. A test that
    stops something starts it again before it ends.
    """

    processes: Stack

    @property
    def kafka(self) -> str:
        """Kafka's bootstrap servers, `host:port`."""
        return self.processes.kafka.bootstrap_servers

    @property
    def postgres_url(self) -> str:
        """The database `postgres` as the superuser."""
        return self.processes.postgres.admin_url

    @property
    def register_url(self) -> str:
        """The database `register` as its owner; a test takes `database` instead."""
        return self.processes.postgres.url


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated, empty database of one test's own."""

    name: str
    url: str
    """As its owner, the role `register`."""
    admin_url: str
    """As the superuser."""


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """Kafka and PostgreSQL for this session: started once, always stopped."""
    _remove_leftovers()
    servers = Stack(_STACKS / str(os.getpid()))
    try:
        servers.up(provision=False)
        yield RunningStack(servers)
    finally:
        if request.session.testsfailed:
            servers.down()  # the logs stay for a look; the next session removes them
        else:
            servers.clean()


@pytest.fixture(scope="session")
def template_database(stack: RunningStack) -> str:
    """The name of a database with all migrations applied, made once per session."""
    # Imported here: tests that need no database run without the store.
    from register.store.migrate import migrate

    name = "register_template"
    owner_url = _with_database(stack.register_url, name)

    def prepare() -> None:
        asyncio.run(_execute(stack.postgres_url, f"CREATE DATABASE {name} OWNER register"))
        migrate(owner_url)

    # In a thread: `migrate` runs an event loop of its own.
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(prepare).result()
    return name


@pytest.fixture
async def database(stack: RunningStack, template_database: str) -> AsyncIterator[Database]:
    """A fresh copy of the template, dropped after the test."""
    name = f"test_{next(_numbers)}"
    await _execute(
        stack.postgres_url, f"CREATE DATABASE {name} TEMPLATE {template_database} OWNER register"
    )
    yield Database(
        name=name,
        url=_with_database(stack.register_url, name),
        admin_url=_with_database(stack.postgres_url, name),
    )
    await _execute(stack.postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes names nobody else uses, for topics and groups: `unique_name("orders")`."""
    return lambda prefix: f"{prefix}-{next(_numbers)}"


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _remove_leftovers() -> None:
    """Stop and remove stacks of sessions that are gone (killed, or failed with logs kept)."""
    for folder in _STACKS.glob("[0-9]*"):
        if not Path(f"/proc/{folder.name}").exists():
            with suppress(FileNotFoundError):  # another session removes it too
                Stack(folder).clean()
