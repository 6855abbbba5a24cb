"""What the faults happen to: three Kafka nodes, PostgreSQL, workers, and the ways between them."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ops.stack import DEFAULT_DIR, KafkaCluster, Stack
from ops.stack.ports import LOOPBACK, free_port, free_ports
from register.store.migrate import migrate_async
from tests.conftest import RunningStack
from tests.faults.harness.clock import Clock, compiled
from tests.integration.support.deployment import PARTITIONS, Deployment
from tests.integration.support.proxy import Proxy, proxied
from tests.integration.support.worker import Worker
from topics import provision

NODES = 3
WORKERS = 2
"""Workers that run, unless a fault makes it more or less for a while."""

_KEEPER_S = 0.5
_FOLDER = DEFAULT_DIR / "faults"
_PREFIX = "faults."


class Missed(Exception):
    """A fault that found nothing to strike, and why."""


@dataclass(slots=True, eq=False)
class Member:
    """One worker, its own way to PostgreSQL, and its own clock."""

    number: int
    worker: Worker
    postgres: Proxy
    clock: Clock | None
    _ways: AsyncExitStack

    def __str__(self) -> str:
        return f"worker {self.number}"

    async def gone(self) -> None:
        """Close its way to PostgreSQL; its process has ended."""
        await self._ways.aclose()


@dataclass(slots=True)
class Site:
    """The whole of it.

    `kafka` are the workers' ways to the nodes, `ways_to_kafka` the same as bootstrap servers,
    `clocks` what steps a worker's clock, where that can be done; `restarts` counts workers that
    were started in place of others, `ended` names those that ended by themselves. What is under
    `folder` is removed in the end, unless `keeps_logs`.
    """

    deployment: Deployment
    servers: Stack
    kafka: Sequence[Proxy]
    ways_to_kafka: str
    clocks: Path | None
    members: list[Member] = field(default_factory=list)
    started: int = 0
    restarts: int = 0
    ended: list[str] = field(default_factory=list)
    keeps_logs: bool = False

    @property
    def folder(self) -> Path:
        """Where all of it lives."""
        return self.servers.dir

    def member(self, pick: float) -> Member:
        """One of the workers that run."""
        return self.members[int(pick * len(self.members))]

    async def start_worker(self) -> Member:
        """Start one more worker, and do not wait for it."""
        self.started += 1
        ways = AsyncExitStack()
        port = free_port()
        proxy = await ways.enter_async_context(proxied(port, self.servers.postgres.port))
        url = self.deployment.database_url
        settings = {
            "DATABASE_URL": url.replace(f":{self.servers.postgres.port}/", f":{port}/"),
            "KAFKA_BOOTSTRAP_SERVERS": self.ways_to_kafka,
            # Small, so that much of the time something is half done.
            "BATCH_MAX_RECORDS": "50",
            "OUTBOX_BATCH": "100",
        }
        clock = None
        if self.clocks is not None:
            clock = Clock(self.clocks, self.deployment.folder / f"clock-{self.started}")
            settings |= clock.environment
        member = Member(self.started, self.deployment.launch(settings), proxy, clock, ways)
        self.members.append(member)
        return member

    async def remove(self, member: Member) -> None:
        """Forget a worker that has ended."""
        self.members.remove(member)
        await member.gone()

    async def replace(self, member: Member) -> None:
        """What a worker's keeper does where it has ended: start another."""
        await self.remove(member)
        self.restarts += 1
        await self.start_worker()

    async def keep(self) -> None:
        """Start workers anew that ended by themselves."""
        for member in list(self.members):
            code = member.worker.exit_code
            if code is not None:
                self.ended.append(f"{member} ended by itself with {code}")
                self.keeps_logs = True
                await self.replace(member)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep workers running while the body waits for them."""

        async def keep_on() -> None:
            while True:
                await self.keep()
                await asyncio.sleep(_KEEPER_S)

        keeper = asyncio.create_task(keep_on())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


@asynccontextmanager
async def built() -> AsyncIterator[Site]:
    """Servers, topics, tables and two workers of this process's own; all ends with the body."""
    _remove_leftovers()
    servers = Stack(_FOLDER / str(os.getpid()), kafka_nodes=NODES)
    ports = free_ports(2 * NODES)
    inside, outside = ports[:NODES], ports[NODES:]
    servers.kafka = KafkaCluster(
        servers.dir / "kafka",
        NODES,
        settings={"listener.security.protocol.map": _PROTOCOLS},
        node_settings={
            number: _listeners(inside[number - 1], outside[number - 1])
            for number in range(1, NODES + 1)
        },
    )
    site: Site | None = None
    try:
        await asyncio.to_thread(servers.up, provision=False)
        await migrate_async(servers.postgres.url)
        await provision(
            servers.kafka.bootstrap_servers,
            prefix=_PREFIX,
            partitions=PARTITIONS,
            replication=NODES,
        )
        async with AsyncExitStack() as ways:
            proxies = [
                await ways.enter_async_context(proxied(*way))
                for way in zip(outside, inside, strict=True)
            ]
            site = Site(
                deployment=Deployment(
                    stack=RunningStack(servers),
                    kafka=servers.kafka.bootstrap_servers,
                    database_url=servers.postgres.url,
                    prefix=_PREFIX,
                    folder=servers.dir / "run",
                ),
                servers=servers,
                kafka=proxies,
                ways_to_kafka=",".join(f"{LOOPBACK}:{port}" for port in outside),
                clocks=compiled(servers.dir / "run"),
            )
            try:
                for _ in range(WORKERS):
                    await site.start_worker()
                for member in site.members:
                    await site.deployment.await_ready(member.worker)
                yield site
            finally:
                for member in site.members:
                    member.worker.kill()
                    await member.gone()
    finally:
        await asyncio.to_thread(_end, servers, keeps_logs=site is not None and site.keeps_logs)


_PROTOCOLS = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT"


def _listeners(inside: int, outside: int) -> dict[str, str]:
    """Workers come by a listener of their own, which sends them by way of the proxies; the
    nodes and the tests talk to each other without."""
    plain = f"PLAINTEXT://{LOOPBACK}:$port"
    return {
        "listeners": f"{plain},CONTROLLER://{LOOPBACK}:$controller_port,"
        f"CLIENTS://{LOOPBACK}:{inside}",
        "advertised.listeners": f"{plain},CLIENTS://{LOOPBACK}:{outside}",
    }


def _end(servers: Stack, *, keeps_logs: bool) -> None:
    for node in servers.kafka.nodes:
        servers.kafka.kill_node(node.node_id)
    if keeps_logs:
        servers.down()
    else:
        servers.clean()


def end_own() -> None:
    """End what was still being started when a run was interrupted: a thread is not."""
    Stack(_FOLDER / str(os.getpid()), kafka_nodes=NODES).down()


def _remove_leftovers() -> None:
    """End and remove what a run has left that was killed, or kept for a look at its logs."""
    for folder in _FOLDER.glob("[0-9]*"):
        if not Path(f"/proc/{folder.name}").exists():
            Stack(folder, kafka_nodes=NODES).clean()
