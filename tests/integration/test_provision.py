"""Topics are made on a real broker as declared, once, and never altered."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from typer.testing import CliRunner

from ops.stack import KafkaCluster
from tests.conftest import RunningStack
from tests.integration.support.polling import until
from topics import DEAD_LETTERS, ELIGIBILITY, INBOUND, ORDERS, TOPICS, Difference, check, provision
from topics.__main__ import app
from topics.provision import ProvisionError

pytestmark = pytest.mark.integration


@pytest.fixture
async def admin(stack: RunningStack) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the test's own, to make and to look at topics past the code tested."""
    client = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def prefix(
    admin: AIOKafkaAdminClient, unique_name: Callable[[str], str]
) -> AsyncIterator[str]:
    """Goes before the names of this test's topics, which are removed after it."""
    prefix = unique_name("provision") + "."
    yield prefix
    names = [name for name in await admin.list_topics() if name.startswith(prefix)]
    if names:
        await admin.delete_topics(names)


async def make(admin: AIOKafkaAdminClient, topic: NewTopic) -> None:
    """Make a topic past the code tested, and wait until it has leaders: brokers hear of it later
    than the controller answers."""
    await admin.create_topics([topic])

    async def led() -> bool:
        found = {one["topic"]: one["partitions"] for one in await admin.describe_topics()}
        parts = found.get(topic.name, [])
        return len(parts) == topic.num_partitions and all(part["leader"] >= 0 for part in parts)

    await until(f"the topic {topic.name} to have leaders", led)


def prefixed(prefix: str) -> tuple[str, ...]:
    """The names that a full set of topics has under a prefix."""
    return tuple(prefix + name for name in TOPICS)


async def test_makes_every_topic_as_declared(stack: RunningStack, prefix: str) -> None:
    report = await provision(stack.kafka, prefix=prefix)
    assert sorted(report.created) == sorted(prefixed(prefix))
    assert report.agrees
    again = await check(stack.kafka, prefix=prefix)
    assert again.unchanged == prefixed(prefix)
    assert again.agrees


async def test_person_topics_have_the_declared_partitions(
    stack: RunningStack, prefix: str, admin: AIOKafkaAdminClient
) -> None:
    await provision(stack.kafka, prefix=prefix)
    found = {topic["topic"]: topic for topic in await admin.describe_topics()}
    counts = {len(found[prefix + topic.name]["partitions"]) for topic in INBOUND}
    assert counts == {12}


async def test_a_second_time_changes_nothing(stack: RunningStack, prefix: str) -> None:
    await provision(stack.kafka, prefix=prefix, partitions=1)
    report = await provision(stack.kafka, prefix=prefix, partitions=1)
    assert report.created == ()
    assert report.unchanged == prefixed(prefix)


async def test_makes_only_what_is_missing(
    stack: RunningStack, prefix: str, admin: AIOKafkaAdminClient
) -> None:
    name = prefix + ELIGIBILITY.name
    settings = {**ELIGIBILITY.settings(), "min.insync.replicas": "1"}
    await make(admin, NewTopic(name, 1, 1, topic_configs=settings))
    others = tuple(other for other in prefixed(prefix) if other != name)
    before = await check(stack.kafka, prefix=prefix, partitions=1)
    assert (before.missing, before.unchanged) == (others, (name,))
    assert not before.agrees
    report = await provision(stack.kafka, prefix=prefix, partitions=1)
    assert (sorted(report.created), report.unchanged) == (sorted(others), (name,))


async def test_reports_what_differs_and_leaves_it(
    stack: RunningStack, prefix: str, admin: AIOKafkaAdminClient
) -> None:
    name = prefix + ELIGIBILITY.name
    settings = {**ELIGIBILITY.settings(), "cleanup.policy": "delete", "min.insync.replicas": "1"}
    await make(admin, NewTopic(name, 2, 1, topic_configs=settings))
    differences = (
        Difference(name, "partitions", "3", "2"),
        Difference(name, "cleanup.policy", "compact", "delete"),
    )
    report = await provision(stack.kafka, prefix=prefix, partitions=3)
    assert report.different == differences
    assert len(report.created) == len(TOPICS) - 1
    assert (await check(stack.kafka, prefix=prefix, partitions=3)).different == differences


async def test_retention_can_be_chosen_for_inbound_topics(stack: RunningStack, prefix: str) -> None:
    year = timedelta(days=365)
    await provision(stack.kafka, prefix=prefix, partitions=1, retention=year)
    assert (await check(stack.kafka, prefix=prefix, partitions=1, retention=year)).agrees
    report = await check(stack.kafka, prefix=prefix, partitions=1)
    assert {point.setting for point in report.different} == {"retention.ms"}
    assert {point.topic for point in report.different} == {
        prefix + topic.name for topic in INBOUND if topic.cleanup == "delete"
    }


async def test_two_at_a_time_make_each_topic_once(stack: RunningStack, prefix: str) -> None:
    reports = await asyncio.gather(
        *(provision(stack.kafka, prefix=prefix, partitions=1) for _ in range(3))
    )
    assert sorted(name for report in reports for name in report.created) == sorted(prefixed(prefix))
    assert all(report.agrees for report in reports)


@pytest.mark.slow
async def test_it_returns_when_all_of_three_brokers_know(tmp_path: Path) -> None:
    cluster = KafkaCluster(tmp_path / "kafka", 3)
    await asyncio.to_thread(cluster.start)
    try:
        for round_ in range(3):
            setting: dict[str, Any] = {
                "prefix": f"round-{round_}.",
                "partitions": 3,
                "replication": 3,
            }
            await asyncio.gather(*(provision(cluster.bootstrap_servers, **setting) for _ in "ab"))
            assert (await check(cluster.bootstrap_servers, **setting)).agrees
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_says_what_the_broker_refuses(stack: RunningStack, prefix: str) -> None:
    with pytest.raises(ProvisionError, match="InvalidReplicationFactor"):
        await provision(stack.kafka, prefix=prefix, replication=3)


async def test_an_unreachable_broker_is_an_error() -> None:
    with pytest.raises(KafkaError):
        await check("127.0.0.1:1")


async def test_a_record_that_is_too_long_arrives_and_fits_the_dead_letters(
    stack: RunningStack, prefix: str
) -> None:
    await provision(stack.kafka, prefix=prefix, partitions=1)
    orders, dead_letters = prefix + ORDERS.name, prefix + DEAD_LETTERS.name
    value = os.urandom(1_150_000)
    headers = [("ce_type", b"order.placed"), ("dlq-reason", b"too_large: value")]
    async with (
        AIOKafkaProducer(bootstrap_servers=stack.kafka, max_request_size=2_000_000) as producer,
        AIOKafkaConsumer(
            orders, dead_letters, bootstrap_servers=stack.kafka, auto_offset_reset="earliest"
        ) as consumer,
    ):
        await producer.send_and_wait(orders, value, key=b"cust-1001")
        received = await asyncio.wait_for(consumer.getone(), 20)
        assert received.timestamp_type == 1, "the broker's clock dates it (R4)"
        await producer.send_and_wait(dead_letters, received.value, received.key, headers=headers)
        dead = await asyncio.wait_for(consumer.getone(), 20)
    assert (dead.topic, dead.key, dead.value) == (dead_letters, b"cust-1001", value)


@pytest.fixture
def command(stack: RunningStack, prefix: str) -> Callable[..., tuple[int, str]]:
    """Calls `python -m topics …` with the environment of this test; gives exit code and text."""

    def call(*words: str, partitions: int = 1) -> tuple[int, str]:
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": stack.kafka,
            "TOPIC_PREFIX": prefix,
            "TOPIC_PARTITIONS": str(partitions),
            "COLUMNS": "200",
        }
        result = CliRunner().invoke(app, list(words), env=environment)
        return result.exit_code, result.output

    return call


async def test_the_command(command: Callable[..., tuple[int, str]], prefix: str) -> None:
    # In threads: the command runs an event loop of its own.
    async def call(*words: str, partitions: int = 1) -> tuple[int, str]:
        return await asyncio.to_thread(command, *words, partitions=partitions)

    assert (await call("check"))[0] == 1
    code, text = await call("provision")
    assert code == 0
    assert f"created    {prefix}{ORDERS.name}" in text
    assert (await call("check"))[0] == 0
    code, text = await call("check", partitions=2)
    assert code == 1
    assert f"{prefix}{ORDERS.name}" in text
    assert (await call("list"))[0] == 0
    assert (await call("check", "--bootstrap-servers", "127.0.0.1:1"))[0] == 2
