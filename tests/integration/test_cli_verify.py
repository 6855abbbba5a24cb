"""`register verify --topics` on the real stack: damage is found and mended, toward the ban."""

import asyncio
from typing import Any

import orjson
import pytest

from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ban, order, structured
from tests.integration.support.model import data_of, versions
from tests.integration.support.shell import Answer, Shell
from topics import BANS, CONSENTS, ELIGIBILITY, ORDERS

pytestmark = pytest.mark.integration

NOBODY = "0190c5a2-0d16-8b52-8a2e-5c1d9f7e2b15"


async def verify(deployment: Deployment, *options: str) -> Answer:
    """The command on the deployment."""
    shell = Shell({**deployment.settings(), "COLUMNS": "160"})
    return await shell("verify", "--topics", *options)


async def last(deployment: Deployment, topic: str) -> dict[str, Incoming]:
    """The last record of each key."""
    return {
        record.key.decode(): record
        for record in sorted(await deployment.read(topic), key=lambda one: one.place)
        if record.key is not None
    }


async def execute(deployment: Deployment, statement: str, *arguments: Any) -> None:
    async with connected(deployment.database_url) as connection:
        await connection.execute(statement, *arguments)


def again(record: Incoming, **changed: Any) -> Outgoing:
    """The record once more, with other data."""
    assert record.value is not None
    event = orjson.loads(record.value)
    event["data"].update(changed)
    return Outgoing(record.topic, record.key, orjson.dumps(event), record.headers)


async def filled(deployment: Deployment) -> None:
    """A register of a few customers, one of whom said no twice."""
    await deployment.start_worker()
    await deployment.publish(
        [structured(ORDERS.name, order(f"c-{number}")) for number in range(1, 6)]
    )
    await deployment.drained()
    for purpose in ("newsletter", "offers"):
        await deployment.publish([structured(CONSENTS.name, ban("c-1", {"purposes": [purpose]}))])
        await deployment.drained()


async def test_topics_that_say_what_the_register_says(deployment: Deployment) -> None:
    """What waits in the outbox is no difference."""
    await filled(deployment)
    answer = await verify(deployment)
    assert answer.exit_code == 0, answer.stdout + answer.stderr
    for worker in deployment.workers:
        await asyncio.to_thread(worker.stop)
    async with connected(deployment.database_url) as connection:
        await connection.execute("update customer set version = version + 1")
        keys = await connection.fetch("select person_id::text as key from customer")
        await connection.executemany(
            "insert into outbox (topic, key, value, headers, caused_by_no)"
            " values ($1, $2, '{}', '[]', false)",
            [(deployment.prefix + ELIGIBILITY.name, row["key"].encode()) for row in keys],
        )
    answer = await verify(deployment)
    assert answer.exit_code == 0, answer.stdout + answer.stderr


async def test_damage_is_found_and_mended(deployment: Deployment) -> None:
    """R7, S32: an older word, another word, a key that went, one that nobody knows; afterwards
    readers have what the register says, under versions that they take."""
    await filled(deployment)
    said = await last(deployment, ELIGIBILITY.name)
    records = sorted(said.values(), key=lambda one: data_of(one)["version"])
    no = records[-1]
    assert data_of(no)["version"] == 3
    other, newer, gone, kept = records[:4]
    (digest,) = (await last(deployment, BANS.name)).values()
    assert other.key is not None
    everything = {"newsletter": {"email": "consent"}}
    await deployment.publish(
        [
            again(no, version=1, allow=everything),
            again(other, allow=everything),
            again(newer, version=9, allow=everything),
            again(gone, customer_id=NOBODY),
            Outgoing(ELIGIBILITY.name, gone.key, None),
            Outgoing(ELIGIBILITY.name, NOBODY.encode(), other.value, other.headers),
            Outgoing(ELIGIBILITY.name, b"no id", b"no event"),
            again(digest, version=1, bans=[]),
            Outgoing(BANS.name, b"0f" * 32, digest.value, digest.headers),
        ]
    )
    await execute(deployment, "delete from outbox")
    found = await verify(deployment)
    assert found.exit_code == 1
    lines = [line.strip() for line in found.stdout.splitlines()]
    assert lines == [
        "keys of marketing.eligibility that differ from the register: 6",
        "missing: 1",
        "an older version: 1",
        "a version that the register never had: 1",
        "another content under the same version: 1",
        "unknown to the register: 2",
        "keys of marketing.bans that differ from the register: 2",
        "missing: 0",
        "an older version: 1",
        "a version that the register never had: 0",
        "another content under the same version: 0",
        "unknown to the register: 1",
        "run: register verify --topics --repair",
    ]
    for private in ("example.fi", "Testi", "c-1"):
        assert private not in found.stdout

    mended = await verify(deployment, "--repair")
    assert mended.exit_code == 1, "what nobody knows is left"
    assert "left as they are, since the register never said anything of them: 2" in mended.stdout
    await deployment.drained()
    left = await verify(deployment)
    assert "register: 1" in left.stdout.splitlines()[0]
    assert "unknown to the register: 1" in left.stdout
    now = await last(deployment, ELIGIBILITY.name)
    assert now[NOBODY].value is None
    for before, least in ((no, 4), (other, 2), (newer, 10), (gone, 3), (kept, 1)):
        assert before.key is not None
        data = data_of(now[before.key.decode()])
        assert data["allow"] == data_of(before)["allow"]
        assert data["version"] == least
    bans = await last(deployment, BANS.name)
    assert digest.key is not None
    assert data_of(bans[digest.key.decode()])["bans"] == data_of(digest)["bans"]
    assert bans["0f" * 32].value == digest.value, "nobody takes a ban away by mistake"


async def test_who_is_gone_from_the_register_is_taken_from_the_topic(
    deployment: Deployment,
) -> None:
    """R25, S32: a row that went from the register is no permission; a tombstone is said."""
    await filled(deployment)
    said = await last(deployment, ELIGIBILITY.name)
    first, second = sorted(said)[:2]
    await execute(deployment, "delete from customer where person_id::text = $1", first)
    await execute(
        deployment,
        "update customer set content = null, message = null, version = version + 1"
        " where person_id::text = $1",
        second,
    )
    assert (await verify(deployment)).exit_code == 1
    assert (await verify(deployment, "--repair")).exit_code == 0
    await deployment.drained()
    now = await last(deployment, ELIGIBILITY.name)
    assert now[first].value is None
    assert now[second].value is None
    assert (await verify(deployment)).exit_code == 0


async def test_versions_that_went_back(deployment: Deployment) -> None:
    """S32: a reader takes no lower version than it has seen, so the word is said above it."""
    await filled(deployment)
    (digest,) = (await last(deployment, BANS.name)).values()
    assert data_of(digest)["version"] == 2
    await execute(deployment, "update ban_digest set version = 1")
    await deployment.publish([again(digest, version=1)])
    found = await verify(deployment)
    assert "a version that the register never had: 1" in found.stdout
    assert (await verify(deployment, "--repair")).exit_code == 0
    await deployment.drained()
    (now,) = (await last(deployment, BANS.name)).values()
    assert (data_of(now)["version"], data_of(now)["bans"]) == (3, data_of(digest)["bans"])
    assert (await verify(deployment)).exit_code == 0


async def test_verify_while_the_register_goes_on(deployment: Deployment) -> None:
    """What is said while the topics are read is no difference."""
    await filled(deployment)

    async def say() -> None:
        for number in range(40):
            await deployment.publish(
                [
                    structured(ORDERS.name, order(f"n-{number}")),
                    structured(CONSENTS.name, ban(f"n-{number // 2}")),
                ]
            )

    saying = asyncio.create_task(say())
    answers = [await verify(deployment)]
    while not saying.done():
        answers.append(await verify(deployment))
    await saying
    assert [answer.exit_code for answer in answers] == [0] * len(answers), answers
    await deployment.drained()
    shown = versions(await deployment.read(ELIGIBILITY.name))
    assert len(shown) == 45


async def test_without_topics_or_after_a_restore(deployment: Deployment) -> None:
    """Exit code 1, and why."""
    await execute(deployment, "update output_hold set asked = true")
    answer = await verify(deployment)
    assert (answer.exit_code, answer.stderr[:27]) == (1, "output waits after a restor")
    await execute(deployment, "update output_hold set asked = false")
    shell = Shell({**deployment.settings(), "TOPIC_PREFIX": "nowhere."})
    answer = await shell("verify", "--topics")
    assert (answer.exit_code, answer.stderr[:18]) == (1, "Kafka has no topic")
