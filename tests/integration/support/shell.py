"""Commands of the console script, run as a user runs them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from typer.testing import CliRunner

from register.cli.app import app
from tests.integration.store.driver import StoreDriver
from tests.integration.support.broker import Outgoing, delete_topics, publish
from topics import RESPONSES, provision


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def data(self) -> Any:
        """What it said as JSON."""
        return orjson.loads(self.stdout)


class Shell:
    """Runs commands as a user would, in an environment of their own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    async def __call__(self, *arguments: str, **changed: str | None) -> Answer:
        # In a thread: a command runs an event loop of its own.
        environment: dict[str, str | None] = {
            "DATABASE_URL": None,
            "KAFKA_BOOTSTRAP_SERVERS": None,
            "DIGEST_SECRET": None,
            "TOPIC_PREFIX": None,
            "COLUMNS": "120",
            **self.environment,
            **changed,
        }
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Answer(done.exit_code, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Topic:
    """The topic of responses under a prefix of the test's own."""

    servers: str
    prefix: str

    async def say(self, register: StoreDriver) -> None:
        """Publish what the register wants to say to customer service."""
        said = [
            one for one in await register.said() if one["type"].startswith(("access", "request"))
        ]
        records = [
            Outgoing(RESPONSES.name, one["subject"].encode(), orjson.dumps(one)) for one in said
        ]
        await asyncio.to_thread(publish, self.servers, self.prefix, records)


@asynccontextmanager
async def responses_topic(servers: str, prefix: str) -> AsyncIterator[Topic]:
    """The topic of responses under a prefix that nobody else uses; it goes in the end."""
    await provision(servers, prefix=prefix, partitions=3)
    try:
        yield Topic(servers, prefix)
    finally:
        await asyncio.to_thread(delete_topics, servers, prefix)
