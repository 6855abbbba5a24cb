"""The service under measurement: a stack of its own, and how far it has got."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from ops.demo.metrics import Samples, scrape
from ops.stack import DEFAULT_DIR, ConsoleProgress, Stack
from topics import INBOUND

DIRECTORY = DEFAULT_DIR / "bench"
"""The benchmark's stack: made anew for each run, never the one that `make up` starts."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where the running service and its servers are; `env` is what its processes are given."""

    env: dict[str, str]

    @property
    def servers(self) -> str:
        """Kafka's `host:port,…`."""
        return self.env["KAFKA_BOOTSTRAP_SERVERS"]

    @property
    def database_url(self) -> str:
        """The register's database."""
        return self.env["DATABASE_URL"]

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


@contextmanager
def running(console: Console, *, keep: bool = False) -> Iterator[Service]:
    """Start servers and workers from nothing; remove them afterwards unless `keep`.

    Raises StackError.
    """
    stack = Stack(DIRECTORY, progress=ConsoleProgress(console))
    stack.clean()
    # A prefix of the user's own deployment has no place here.
    os.environ.pop("TOPIC_PREFIX", None)
    try:
        stack.up(workers=True)
        yield Service({**os.environ, **stack.env()})
    finally:
        if keep:
            console.print(f"kept; remove it with: python -m ops.stack clean --dir {DIRECTORY}")
        else:
            stack.clean()


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
