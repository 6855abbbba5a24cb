"""Commands of the console script, run as a user runs them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from typer.testing import CliRunner

from register.cli.app import app


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
