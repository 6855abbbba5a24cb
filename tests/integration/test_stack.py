"""The local stack for real: it starts, keeps data through a crash, and leaves nothing behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ops.stack import KafkaCluster, Stack, StackError, read_env
from ops.stack.ports import is_free
from tests.conftest import RunningStack

pytestmark = pytest.mark.integration

_LOG_APPEND_TIME = 1


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own, which its tests may stop and kill.

    Its folder is one that only we may enter: as root, PostgreSQL's data goes elsewhere.
    """
    folder = tmp_path_factory.mktemp("stack")
    folder.chmod(0o700)
    stack = Stack(folder / "state")
    try:
        stack.up(provision=False)
        yield stack
    finally:
        stack.clean()


def _pids(stack: Stack) -> dict[str, int | None]:
    return {part.name: part.pid for part in stack.status()}


async def _create_topic(
    servers: str,
    name: str,
    *,
    partitions: int = 1,
    replicas: int = 1,
    settings: Mapping[str, str] | None = None,
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        topic = NewTopic(name, partitions, replicas, topic_configs=dict(settings or {}))
        response = await admin.create_topics([topic])
        assert [error[1] for error in response.topic_errors] == [0]
    finally:
        await admin.close()


async def _produce(servers: str, topic: str, values: list[bytes]) -> None:
    """Send with an idempotent producer that waits for all replicas."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
    async with producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=value)


@asynccontextmanager
async def _consumer(servers: str, topic: str, group: str | None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=group, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _read_all(servers: str, topic: str, count: int) -> list[bytes]:
    """The topic's values from the beginning, once there are `count` of them."""
    values: list[bytes] = []
    async with _consumer(servers, topic, None) as consumer, asyncio.timeout(20):
        while len(values) < count:
            values += [value async for value in _poll(consumer)]
    return values


async def _poll(consumer: AIOKafkaConsumer) -> AsyncIterator[bytes]:
    """The values of one fetch."""
    for records in (await consumer.getmany(timeout_ms=200)).values():
        for record in records:
            yield record.value


def test_up_again_changes_nothing(own: Stack) -> None:
    """A second `up` starts nothing new and writes the same settings."""
    before = _pids(own), own.env_file.read_text()
    own.up(provision=False)
    assert (_pids(own), own.env_file.read_text()) == before


def test_settings_file(own: Stack) -> None:
    """`env` names the servers and holds a secret; only its owner may read it."""
    env = read_env(own.env_file)
    assert set(env) == {
        "KAFKA_BOOTSTRAP_SERVERS",
        "DATABASE_URL",
        "METRICS_PORT",
        "METRICS_URL",
        "DIGEST_SECRET",
    }
    assert len(bytes.fromhex(env["DIGEST_SECRET"])) == 32
    assert env["METRICS_URL"] == f"http://127.0.0.1:{env['METRICS_PORT']}/metrics"
    assert own.env_file.stat().st_mode & 0o077 == 0


def test_settings_of_a_stack_that_never_started(tmp_path: Path) -> None:
    """The error says what to run."""
    with pytest.raises(StackError, match="make up"):
        read_env(tmp_path / "env")


async def test_postgres_is_set_up_for_the_register(stack: RunningStack) -> None:
    """Role, database and the settings the register relies on; no superuser rights."""
    connection = await asyncpg.connect(stack.register_url)
    try:
        assert await connection.fetchval("SELECT current_user") == "register"
        assert not await connection.fetchval(
            "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        for setting, value in {"fsync": "on", "max_locks_per_transaction": "512"}.items():
            assert await connection.fetchval(f"SHOW {setting}") == value
    finally:
        await connection.close()


async def test_postgres_refuses_another_password(stack: RunningStack) -> None:
    """There are no default credentials."""
    port = stack.processes.postgres.port
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://register:register@127.0.0.1:{port}/register")


async def test_two_members_share_a_topic(stack: RunningStack) -> None:
    """Idempotent produce with acks=all; two members of a group get each record once."""
    servers, topic = stack.kafka, "stack-shared"
    await _create_topic(servers, topic, partitions=4)
    values = [b"value-%d" % number for number in range(200)]
    seen: list[list[bytes]] = [[], []]
    async with AsyncExitStack() as open_consumers, asyncio.timeout(30):
        members = [
            await open_consumers.enter_async_context(_consumer(servers, topic, "stack-group"))
            for _ in seen
        ]
        while sorted(len(member.assignment()) for member in members) != [2, 2]:
            await asyncio.gather(*(member.getmany(timeout_ms=100) for member in members))
        await _produce(servers, topic, values)
        while sum(map(len, seen)) < len(values):
            for member, taken in zip(members, seen, strict=True):
                taken += [value async for value in _poll(member)]
    assert sorted(seen[0] + seen[1]) == sorted(values)
    assert all(seen)


async def test_log_append_time(stack: RunningStack) -> None:
    """A topic may have the broker stamp its records, whatever the producer says."""
    servers, topic = stack.kafka, "stack-log-append-time"
    await _create_topic(servers, topic, settings={"message.timestamp.type": "LogAppendTime"})
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(topic, b"x", timestamp_ms=1)
    async with _consumer(servers, topic, None) as consumer, asyncio.timeout(20):
        record = await consumer.getone()
    assert record.timestamp_type == _LOG_APPEND_TIME
    assert record.timestamp > 1_000_000_000_000


async def test_topics_are_not_made_by_a_typo(stack: RunningStack) -> None:
    """Asking for an unknown topic does not create it."""
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka) as producer:
        await producer.client.fetch_all_metadata()
        assert "stack-typo" not in producer.client.cluster.topics()
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        await admin.describe_topics(["stack-typo"])
        assert "stack-typo" not in await admin.list_topics()
    finally:
        await admin.close()


async def test_nothing_is_lost_in_a_crash(own: Stack) -> None:
    """kill -9 of the broker and an immediate end of PostgreSQL: `up` brings all data back."""
    servers, topic = own.kafka.bootstrap_servers, "stack-crash"
    await _create_topic(servers, topic)
    values = [b"value-%d" % number for number in range(50)]
    await _produce(servers, topic, values)
    connection = await asyncpg.connect(own.postgres.url)
    await connection.execute("CREATE TABLE crash AS SELECT 42 AS answer")
    before = _pids(own)

    own.kafka.kill_node(1)
    own.postgres.kill()
    assert own.kafka.pids() == {}
    assert own.postgres.pid() is None
    connection.terminate()
    await asyncio.to_thread(own.up, provision=False)

    assert _pids(own)["kafka"] not in (None, before["kafka"])
    assert own.kafka.bootstrap_servers == servers
    assert await _read_all(servers, topic, len(values)) == values
    connection = await asyncpg.connect(own.postgres.url)
    assert await connection.fetchval("SELECT answer FROM crash") == 42
    await connection.close()


def test_down_leaves_no_process_and_keeps_the_data(own: Stack) -> None:
    """After `down` nothing runs or listens; the next `up` has the same ports and secrets."""
    env = own.env_file.read_text()
    pids = [pid for pid in _pids(own).values() if pid is not None]
    ports = [own.postgres.port, own.kafka.node(1).port, own.kafka.node(1).controller_port]
    assert len(pids) == 2

    command = [sys.executable, "-m", "ops.stack", "down", "--dir", str(own.dir)]
    subprocess.run(command, check=True, capture_output=True)
    own.down()  # again, with nothing to do

    assert not [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists() and _alive(pid)]
    assert all(map(is_free, ports))
    own.up(provision=False)
    assert own.env_file.read_text() == env


def _alive(pid: int) -> bool:
    """Whether the process runs (an ended child that nobody collected does not)."""
    return bool(Path(f"/proc/{pid}/cmdline").read_bytes())


def test_status_tells_by_its_exit_code(tmp_path: Path, own: Stack) -> None:
    """0 while the servers answer, 1 when nothing was started."""
    command = [sys.executable, "-m", "ops.stack", "status", "--dir"]
    running = subprocess.run([*command, str(own.dir)], capture_output=True, text=True, check=False)
    assert running.returncode == 0
    assert str(own.postgres.port) in running.stdout
    nothing = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert nothing.returncode == 1
    assert "nothing was started" in nothing.stdout


def test_a_foreign_process_is_never_signalled(own: Stack) -> None:
    """A pid file that names somebody else's process counts as `not running`."""
    daemon = own.kafka.node(1).daemon
    known = daemon.pid_file.read_text()
    try:
        daemon.pid_file.write_text(f"{os.getpid()} {known.split()[1]}\n")
        assert daemon.pid() is None
        daemon.kill()  # must not end this test
    finally:
        daemon.pid_file.write_text(known)
    assert daemon.pid() == int(known.split()[0])


@pytest.mark.faults
async def test_three_nodes_outlive_the_loss_of_one(tmp_path: Path) -> None:
    """Two in-sync replicas are enough to write; the killed node comes back and catches up."""
    topic, values = "stack-three", [b"value-%d" % number for number in range(20)]
    cluster = KafkaCluster(tmp_path, nodes=3, settings={"broker.session.timeout.ms": "3000"})
    try:
        await asyncio.to_thread(cluster.start)
        servers = cluster.bootstrap_servers
        await _create_topic(servers, topic, replicas=3)
        await _produce(servers, topic, values[:10])
        cluster.kill_node(1)
        await _produce(servers, topic, values[10:])
        await asyncio.to_thread(cluster.start_node, 1)
        assert set(cluster.pids()) == {1, 2, 3}
        assert await _read_all(cluster.node(1).address, topic, len(values)) == values
    finally:
        for node in cluster.nodes:  # the data is not wanted: no need to shut down in order
            cluster.kill_node(node.node_id)
    assert cluster.pids() == {}
