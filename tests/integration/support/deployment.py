"""A register of a test's own: topics under a prefix, a database, a consumer group, workers."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.stack.ports import free_port
from tests.conftest import RunningStack
from tests.integration.support import broker
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.database import cloned, connected
from tests.integration.support.polling import until
from tests.integration.support.worker import Worker
from topics import DEAD_LETTERS, INBOUND, provision

SECRET = "integration-tests-only-secret"
PARTITIONS = 3
READ = tuple(topic.name for topic in INBOUND)
"""What workers read, without a prefix."""

_prefixes = itertools.count(1)


@dataclass(slots=True)
class Deployment:
    """Everything that one register consists of; workers are started by the test."""

    stack: RunningStack
    kafka: str
    """Bootstrap servers: the stack's own, or another way to get there."""
    database_url: str
    prefix: str
    folder: Path
    workers: list[Worker] = field(default_factory=list)

    @property
    def group(self) -> str:
        """What the names of its workers' consumer groups begin with."""
        return f"{self.prefix}group"

    def settings(self) -> dict[str, str]:
        """The environment of a worker, but for its port."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "DATABASE_URL": self.database_url,
            "DIGEST_SECRET": SECRET,
            "TOPIC_PREFIX": self.prefix,
            "CONSUMER_GROUP": self.group,
            # The shortest that brokers take: a killed worker is missed sooner.
            "SESSION_TIMEOUT_MS": "6000",
        }

    def launch(self, settings: Mapping[str, str] | None = None) -> Worker:
        """Start one more worker process, and do not wait for it."""
        folder = self.folder / f"worker-{len(self.workers) + 1}"
        worker = Worker(folder, free_port(), {**self.settings(), **(settings or {})})
        self.workers.append(worker)
        return worker

    async def start_worker(self, settings: Mapping[str, str] | None = None) -> Worker:
        """Start one more worker and wait until it is ready."""
        worker = self.launch(settings)
        await self.await_ready(worker)
        return worker

    async def await_ready(self, worker: Worker, *, seconds: float = 60.0) -> None:
        """Wait until the worker takes events in."""

        async def ready() -> bool:
            return await asyncio.to_thread(worker.is_ready)

        await until("/readyz to answer 200", ready, seconds=seconds)

    async def says(
        self, worker: Worker, words: str, *, times: int = 1, seconds: float = 30
    ) -> None:
        """Wait until the worker's log has the words so many times."""

        async def said() -> bool:
            return worker.log.count(words) >= times

        await until(f"the worker to say {words}", said, seconds=seconds)

    async def publish(
        self, records: Iterable[Outgoing], settings: Mapping[str, str] | None = None
    ) -> list[tuple[str, int, int]]:
        """Send records and wait until Kafka has them; returns the place of each."""
        return await asyncio.to_thread(
            broker.publish, self.kafka, self.prefix, list(records), settings
        )

    async def read(self, *topics: str) -> list[Incoming]:
        """Every record that the topics hold now."""
        return await asyncio.to_thread(broker.read, self.kafka, self.prefix, topics)

    async def drained(self, *, seconds: float = 60.0) -> None:
        """Wait until every record is taken in and every message is published.

        Fails if a worker ends by itself meanwhile: what was stopped on purpose is not asked.
        """
        running = [worker for worker in self.workers if worker.exit_code is None]
        ends = await asyncio.to_thread(
            broker.end_offsets, self.kafka, [self.prefix + topic for topic in READ]
        )
        wanted = {partition: end for partition, end in ends.items() if end}

        async def nothing_left() -> bool:
            for worker in running:
                worker.assert_running()
            return await self._left(wanted) == ({}, 0)

        try:
            await until("the register to be drained", nothing_left, seconds=seconds)
        except AssertionError as error:
            behind, waiting = await self._left(wanted)
            raise AssertionError(
                f"{error}; not taken in: {behind}; in the outbox: {waiting}"
            ) from error

    async def taken_in(self, *, seconds: float = 60.0) -> None:
        """Wait until every record is taken in, published or not."""
        ends = await asyncio.to_thread(
            broker.end_offsets, self.kafka, [self.prefix + topic for topic in READ]
        )
        wanted = {partition: end for partition, end in ends.items() if end}

        async def all_in() -> bool:
            return not (await self._left(wanted))[0]

        await until("every record to be taken in", all_in, seconds=seconds)

    async def _left(
        self, wanted: Mapping[broker.Partition, int]
    ) -> tuple[dict[broker.Partition, int], int]:
        """Records not taken in by partition, and messages in the outbox."""
        async with connected(self.database_url) as connection:
            # One statement, so that nothing moves between the two counts.
            rows = await connection.fetch(
                "select topic, partition, next_offset, (select count(*) from outbox) as waiting"
                " from consumer_offset union all"
                " select null, null, null, (select count(*) from outbox)"
            )
        reached = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        behind = {
            partition: end - reached.get(partition, 0)
            for partition, end in wanted.items()
            if reached.get(partition, 0) < end
        }
        return behind, rows[-1]["waiting"]

    async def waiting_in_outbox(self) -> int:
        """Messages that are committed and not published."""
        async with connected(self.database_url) as connection:
            return int(await connection.fetchval("select count(*) from outbox"))

    async def start_over(self) -> None:
        """Forget where each partition goes on: every record is delivered again."""
        async with connected(self.database_url) as connection:
            await connection.execute("delete from consumer_offset")

    async def dead_letters(self) -> list[Incoming]:
        """Every dead letter."""
        return await self.read(DEAD_LETTERS.name)

    def end(self) -> None:
        """Kill what still runs, and show every worker's log (pytest does if the test failed)."""
        for worker in self.workers:
            print(worker.log_end())
            worker.kill()


@asynccontextmanager
async def deployed(
    stack: RunningStack, template: str, folder: Path, *, kafka: str | None = None
) -> AsyncIterator[Deployment]:
    """Topics, a database and a folder for a register that nobody else uses; all go in the end.

    `kafka` are bootstrap servers of another broker than the stack's.
    """
    prefix = f"deployment-{next(_prefixes)}."
    servers = kafka or stack.kafka
    async with cloned(stack, template) as url:
        await provision(servers, prefix=prefix, partitions=PARTITIONS)
        deployment = Deployment(stack, servers, url, prefix, folder)
        try:
            yield deployment
        finally:
            deployment.end()
            await asyncio.to_thread(broker.delete_topics, servers, prefix)
