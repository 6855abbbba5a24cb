"""Makes the declared topics on a broker, and says where a broker differs from them.

aiokafka's admin client is enough for this on Kafka 4: it creates topics, describes them and
reads their settings. It reports a topic's error inside the response instead of raising it, so
that is looked at here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from topics.declarations import INBOUND, TOPICS, milliseconds

VISIBLE_WITHIN_S = 30.0
"""How long a made topic may take until the broker names a leader for each of its partitions."""

_POLL_S = 0.1


class ProvisionError(Exception):
    """A topic could not be made or described; names the topic and the broker's answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One point in which an existing topic differs from its declaration.

    `setting` is "partitions", "replication" or a Kafka topic setting. `topic` has the prefix.
    """

    topic: str
    setting: str
    declared: str
    actual: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """What `provision` or `check` found; topics by their names with the prefix.

    A topic stands in exactly one of `created`, `missing` (only from `check`), `unchanged`, and
    the topics of `different`.
    """

    created: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    different: tuple[Difference, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether every declared topic is there now, as declared."""
        return not self.missing and not self.different


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    partitions: int
    replication: int
    settings: Mapping[str, str | None] = field(default_factory=dict)


async def provision(
    bootstrap_servers: str,
    *,
    prefix: str = "",
    partitions: int | None = None,
    replication: int = 1,
    retention: timedelta | None = None,
) -> Report:
    """Make the topics that are missing; report, and leave alone, what differs.

    `prefix` goes before every name, so that deployments and tests can share a broker.
    `partitions` overrides every topic's count at once (the person topics stay co-partitioned),
    `retention` that of the inbound topics that delete. With `replication` 2 or more a write
    needs all replicas but one (`min.insync.replicas`). Returns once every broker knows every
    declared topic and its leaders. Two callers at the same time are fine: what the other one
    made first counts as there already.

    Raises `ProvisionError` where the broker refuses a topic, `aiokafka.errors.KafkaError` where
    it cannot be reached, `TimeoutError` where a topic has no leaders within `VISIBLE_WITHIN_S`.
    """
    wanted = _wanted(prefix, partitions, replication, retention)
    async with _admin(bootstrap_servers) as admin:
        there = await _describe(admin)
        created = await _create(admin, [topic for topic in wanted if topic.name not in there])
        there = await _all_visible(admin, {topic.name for topic in wanted})
        old = [topic for topic in wanted if topic.name not in created]
        found = await _with_settings(admin, there, old)
    report = _compare(old, found)
    return Report(tuple(created), (), report.unchanged, report.different)


async def check(
    bootstrap_servers: str,
    *,
    prefix: str = "",
    partitions: int | None = None,
    replication: int = 1,
    retention: timedelta | None = None,
) -> Report:
    """Report like `provision`, and make nothing: what is not there stands in `missing`."""
    wanted = _wanted(prefix, partitions, replication, retention)
    async with _admin(bootstrap_servers) as admin:
        found = await _with_settings(admin, await _describe(admin), wanted)
    return _compare(wanted, found)


def _wanted(
    prefix: str, partitions: int | None, replication: int, retention: timedelta | None
) -> list[_Wanted]:
    wanted = []
    for topic in TOPICS.values():
        settings = topic.settings()
        settings["min.insync.replicas"] = str(max(1, replication - 1))
        if retention is not None and topic in INBOUND and topic.retention is not None:
            settings["retention.ms"] = milliseconds(retention)
        count = topic.partitions if partitions is None else partitions
        wanted.append(_Wanted(prefix + topic.name, count, replication, settings))
    return wanted


@asynccontextmanager
async def _admin(bootstrap_servers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _create(admin: Any, wanted: list[_Wanted]) -> list[str]:
    """Make the topics; returns the names of those that nobody else made meanwhile."""
    if not wanted:
        return []
    answer = await admin.create_topics(
        [
            NewTopic(
                topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.settings)
            )
            for topic in wanted
        ]
    )
    created = []
    for name, code, message in answer.topic_errors:
        error = for_code(code)
        if not code:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise ProvisionError(f"cannot make topic {name}: {error.__name__}: {message}")
    return created


async def _all_visible(admin: Any, names: set[str]) -> dict[str, _Found]:
    """Wait until every broker knows all of the topics: they learn of new ones one by one."""
    async with asyncio.timeout(VISIBLE_WITHIN_S):
        while True:
            answers = await _ask_every_broker(admin)
            if all(names <= answer.keys() for answer in answers):
                return answers[0]
            await asyncio.sleep(_POLL_S)


async def _describe(admin: Any) -> dict[str, _Found]:
    """Every topic that some broker knows."""
    there: dict[str, _Found] = {}
    for answer in await _ask_every_broker(admin):
        there.update(answer)
    return there


async def _ask_every_broker(admin: Any) -> list[dict[str, _Found]]:
    """For each live broker the topics that it knows and whose partitions all have a leader.

    Asks for all topics: a question for one by its name could make it, on a broker that creates
    topics by itself. The admin client's own `describe_topics` asks any one broker, so its
    request is sent here to each.
    """
    cluster = await admin.describe_cluster()
    answers = [
        await admin._send_request(MetadataRequest(), broker["node_id"])
        for broker in cluster["brokers"]
    ]
    return [
        {
            topic["topic"]: _Found(
                partitions=len(topic["partitions"]),
                replication=min(len(partition["replicas"]) for partition in topic["partitions"]),
            )
            for topic in answer.to_object()["topics"]
            if topic["partitions"] and all(part["leader"] >= 0 for part in topic["partitions"])
        }
        for answer in answers
    ]


async def _with_settings(
    admin: Any, there: Mapping[str, _Found], wanted: list[_Wanted]
) -> dict[str, _Found]:
    """Those of the wanted topics that are there, with their settings."""
    found: dict[str, _Found] = {}
    names = [topic.name for topic in wanted if topic.name in there]
    async with asyncio.timeout(VISIBLE_WITHIN_S):
        while unknown := [name for name in names if name not in found]:
            for name, settings in (await _settings(admin, unknown)).items():
                found[name] = _Found(there[name].partitions, there[name].replication, settings)
            if len(found) < len(names):
                await asyncio.sleep(_POLL_S)
    return found


async def _settings(admin: Any, names: list[str]) -> dict[str, dict[str, str | None]]:
    """The settings of those topics that the asked broker knows.

    Each question goes to any broker, and one of them may learn of a new topic a little later
    than the one that told of it.
    """
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _, name, entries in answer.resources:
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries}
            elif (error := for_code(code)) is not UnknownTopicOrPartitionError:
                raise ProvisionError(
                    f"cannot read settings of topic {name}: {error.__name__}: {message}"
                )
    return found


def _compare(wanted: list[_Wanted], found: Mapping[str, _Found]) -> Report:
    missing, unchanged, different = [], [], []
    for topic in wanted:
        if topic.name not in found:
            missing.append(topic.name)
        elif differences := _differences(topic, found[topic.name]):
            different.extend(differences)
        else:
            unchanged.append(topic.name)
    return Report((), tuple(missing), tuple(unchanged), tuple(different))


def _differences(wanted: _Wanted, found: _Found) -> list[Difference]:
    points: list[tuple[str, str, str | None]] = [
        ("partitions", str(wanted.partitions), str(found.partitions)),
        ("replication", str(wanted.replication), str(found.replication)),
        *((name, value, found.settings.get(name)) for name, value in wanted.settings.items()),
    ]
    return [Difference(wanted.name, *point) for point in points if point[1] != point[2]]
