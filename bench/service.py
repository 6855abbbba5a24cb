"""The service under measurement: a stack of its own, and how far it has got."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from rich.console import Console

from ops.demo.metrics import Samples, scrape
from ops.generate.publish import Target
from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack
from register.store.batch import Rules
from register.store.migrate import migrate_async
from topics import INBOUND, provision
from workers.settings import Settings

DIRECTORY = DEFAULT_DIR / "bench"
"""The benchmark's stack: made anew for each run, never the one that `make up` starts."""


@dataclass(frozen=True, slots=True)
class Service:
    """A register and the servers that it runs on; `env` is what its processes are given."""

    env: dict[str, str]
    admin_url: str
    postgres_pid: int

    @property
    def servers(self) -> str:
        """Kafka's `host:port,…`."""
        return self.env["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def database_url(self) -> str:
        """The register's database."""
        return self.env["DATABASE_URL"]

    @property
    def prefix(self) -> str:
        """What stands before its topics' names."""
        return self.env.get("TOPIC_PREFIX", "")

    @property
    def target(self) -> Target:
        """Where its inbound events are sent to."""
        return Target(self.servers, self.prefix)

    def rules(self) -> Rules:
        """The rules as its workers have them."""
        names = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "DIGEST_SECRET")
        settings = {name.lower(): self.env[name] for name in names}
        return Settings.model_validate({**settings, "topic_prefix": self.prefix}).rules()

    async def samples(self) -> Samples:
        """The workers' metrics now."""
        return await scrape(self.env["METRICS_URL"])

    async def postgresql_version(self) -> str:
        """As the server tells it."""
        database = await asyncpg.connect(self.database_url)
        try:
            told: str = await database.fetchval("SHOW server_version")
        finally:
            await database.close()
        return told.split(" ", 1)[0]

    async def settle(self) -> None:
        """Have PostgreSQL tidy up now what was written so far: otherwise it does so beside what
        is measured next, and that would be charged for it."""
        database = await asyncpg.connect(self.database_url)
        try:
            await database.execute("VACUUM ANALYZE")
        finally:
            await database.close()
        admin = await asyncpg.connect(self.admin_url)
        try:
            await admin.execute("CHECKPOINT")
        finally:
            await admin.close()

    async def database(self, name: str) -> str:
        """Make an empty database; gives its address."""
        admin = await asyncpg.connect(self.admin_url)
        try:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await admin.execute(f'CREATE DATABASE "{name}" OWNER register')
        finally:
            await admin.close()
        return urlunsplit(urlsplit(self.database_url)._replace(path=f"/{name}"))

    async def another(self, name: str) -> "Service":
        """A register of its own on the same servers: empty tables, topics, groups."""
        url = await self.database(name)
        await migrate_async(url)
        await provision(self.servers, prefix=f"{name}.")
        own = {"DATABASE_URL": url, "TOPIC_PREFIX": f"{name}.", "CONSUMER_GROUP": name}
        return replace(self, env={**self.env, **own})


@contextmanager
def servers(
    console: Console, directory: Path = DIRECTORY, *, keep: bool = False
) -> Iterator[Stack]:
    """Start Kafka and PostgreSQL from nothing; remove them afterwards unless `keep`.

    Raises StackError.
    """
    stack = Stack(directory, progress=ConsoleProgress(console))
    stack.clean()
    # A prefix of the user's own deployment has no place here.
    os.environ.pop("TOPIC_PREFIX", None)
    try:
        stack.up()
        yield stack
    finally:
        if keep:
            console.print(f"kept; remove it with: python -m ops.stack clean --dir {directory}")
        else:
            stack.clean()


def service_of(stack: Stack) -> Service:
    """The register that the stack itself has."""
    env = {**os.environ, **stack.env()}
    return Service(env, stack.postgres.admin_url, stack.postgres.pid() or 0)


@contextmanager
def running(console: Console, *, keep: bool = False) -> Iterator[Service]:
    """As `servers`, with workers of the stack's own register."""
    with servers(console, keep=keep) as stack:
        stack.up(workers=True)
        yield service_of(stack)


async def make_topics(servers: str, *names: str, partitions: int = 1) -> None:
    """Make topics of the benchmark's own; those that are there stay."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()


async def unread(servers: str) -> int:
    """Records on the inbound topics that no consumer group has committed yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    consumer = AIOKafkaConsumer(*(topic.name for topic in INBOUND), bootstrap_servers=servers)
    await admin.start()
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        committed: dict[TopicPartition, int] = {}
        for group, _ in await admin.list_consumer_groups():
            for partition, offset in (await admin.list_consumer_group_offsets(group)).items():
                committed[partition] = max(committed.get(partition, 0), offset.offset)
        return sum(end - committed.get(partition, 0) for partition, end in ends.items())
    finally:
        await consumer.stop()
        await admin.close()
