"""The restore drill (S45, R66): back up, go on, lose the database, bring it back, replay.

Whatever the backup lacks comes from Kafka again. Until it is in, nothing is published; then
the register and the topics go on from each other: nothing is lost, no version goes back, and
nobody who said no meanwhile is shown as somebody who may be contacted.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.conftest import RunningStack
from tests.integration.support import broker
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import SECRET, Deployment
from tests.integration.support.events import (
    ago,
    ban,
    believable,
    consumer,
    event,
    order,
    structured,
)
from tests.integration.support.locks import someone_waits_for, table_locked
from tests.integration.support.model import assert_nothing_lost, data_of
from tests.integration.support.polling import until
from tests.integration.support.restorable import Restorable, restorable
from tests.integration.support.shell import Answer, Shell
from tests.integration.support.stream import streaming
from tests.integration.support.worker import Worker
from topics import (
    AGREEMENTS,
    BANS,
    CONSENTS,
    DECISIONS,
    DISCLOSURES,
    ELIGIBILITY,
    ORDERS,
    OUTBOUND,
    REQUESTS,
    RESPONSES,
    SCREENINGS,
)

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(400),
]

EVENTS = believable(600, seed=66)
WRITTEN = tuple(topic.name for topic in OUTBOUND)


@pytest.fixture
async def own(stack: RunningStack, tmp_path: Path) -> AsyncIterator[Restorable]:
    """A register on a database server of this test's own."""
    async with restorable(stack, tmp_path) as register:
        yield register


def says_no(number: int) -> list[Outgoing]:
    """One person bans all marketing, another asks to be erased."""
    name = f"erased-{number}"
    asked = {"request_id": f"forget-{number}", "party": consumer(name)}
    erased = event("erasure.requested", name, asked, time=ago(minutes=1))
    return [
        structured(CONSENTS.name, ban(f"banned-{number}")),
        structured(REQUESTS.name, erased),
    ]


def beforehand() -> list[Outgoing]:
    """Those who will say no, while they are customers still, and a partner's agreement."""
    signed = {
        "partner_id": "p-1",
        "name": "Esimerkkikumppani Oy",
        "region": "EEA",
        "purposes": ["disclosure"],
    }
    said = [structured(AGREEMENTS.name, event("agreement.signed", "p-1", signed))]
    names = [f"{what}-{number}" for what in ("banned", "erased") for number in range(3)]
    for number, name in enumerate(names):
        placed = order(name)
        # Each has an address of their own: what bans one would ban whoever shares it (R8).
        placed["data"]["party"]["address"] = {
            "street": f"Mikonkatu {number}",
            "postal_code": "50100",
            "city": "Mikkeli",
            "country": "FI",
        }
        said.append(structured(ORDERS.name, placed))
    return said


def asks_for_addresses() -> Outgoing:
    """The partner asks for names and addresses."""
    asked = {"request_id": "names", "recipient": "partner", "partner_id": "p-1"}
    data = {**asked, "selection": {"audience": "consumer_customer"}}
    return structured(REQUESTS.name, event("disclosure.requested", "p-1", data))


def asks_at_the_gate(name: str) -> Outgoing:
    """A campaign asks whether it may write to an address."""
    recipients = [{"ref": "r-1", "email": f"{name}@example.fi"}]
    asked = {
        "screening_id": f"screening-{name}",
        "campaign_id": "c-1",
        "purpose": "market_research",
        "channel": "email",
        "recipients": recipients,
    }
    return structured(SCREENINGS.name, event("screening.requested", "c-1", asked))


def asks_for_access(name: str) -> Outgoing:
    """A person asks what is held."""
    asked = {
        "request_id": f"access-{name}",
        "party": consumer(name),
        "in_writing": True,
        "signed": True,
    }
    return structured(REQUESTS.name, event("access.requested", name, asked))


async def ends(deployment: Deployment) -> dict[broker.Partition, int]:
    """How far everything goes that was published."""
    topics = [deployment.prefix + topic for topic in WRITTEN]
    return await asyncio.to_thread(broker.end_offsets, deployment.kafka, topics)


async def told(deployment: Deployment, *arguments: str) -> Answer:
    """Run `register restored`."""
    shell = Shell({"DATABASE_URL": deployment.database_url, "DIGEST_SECRET": SECRET})
    return await shell("restored", *arguments)


async def requests_answered(deployment: Deployment) -> None:
    """Wait until every request has its answer, disclosures in parts too, on the topic."""
    await deployment.taken_in()

    async def answered() -> bool:
        async with connected(deployment.database_url) as connection:
            return not await connection.fetchval(
                "select exists (select from request where closed is null)"
            )

    await until("requests to be answered", answered)
    await deployment.drained()


async def output_waits(worker: Worker) -> None:
    """Wait until the worker says that it holds output back."""

    async def waits() -> bool:
        return worker.get("/readyz") == (503, "restored: output waits for the replay\n")

    await until("output to wait", waits)
    assert worker.metric("register_output_held") == 1


def since(
    records: list[Incoming], lost: dict[broker.Partition, int], prefix: str
) -> list[Incoming]:
    """Those records that were published after the loss."""
    return [one for one in records if one.offset >= lost[prefix + one.topic, one.partition]]


async def assert_no_is_kept(deployment: Deployment, lost: dict[broker.Partition, int]) -> None:
    """After the loss nobody who said no before it was shown as if they had not."""
    said = await deployment.read(ELIGIBILITY.name)
    names: dict[bytes | None, str] = {}
    for record in said:
        if record.value is not None:
            for one in data_of(record)["identities"]:
                names[record.key] = one["subject"]
    told_since = since(said, lost, deployment.prefix)
    for record in told_since:
        if names[record.key].startswith("banned-"):
            assert data_of(record)["allow"].keys() <= {"service_notice"}
        if names[record.key].startswith("erased-"):
            assert record.value is None


async def test_to_the_end_of_the_archived_log(own: Restorable) -> None:
    """R66: the newest log is lost; the workers are started anew, and told."""
    deployment = own.deployment
    worker = await deployment.start_worker()
    await deployment.publish(beforehand())
    await deployment.drained()
    async with streaming(deployment, EVENTS[:300], per_second=150):
        await own.backup("base")
    await deployment.publish([*says_no(0), *EVENTS[300:400]])
    await deployment.drained()
    await own.archived()
    archived = own.log_files()

    asked = [asks_at_the_gate("banned-1"), asks_for_access("erased-1"), asks_for_addresses()]
    await deployment.publish(asked)
    await requests_answered(deployment)
    await deployment.publish([*says_no(1), *EVENTS[400:500]])
    await deployment.drained()
    assert worker.stop()[0] == 0
    await own.destroy()
    for newer in own.log_files() - archived:
        newer.unlink()
    await deployment.publish([*says_no(2), *EVENTS[500:]])
    lost = await ends(deployment)

    await own.restore()
    assert (await told(deployment)).exit_code == 0
    async with table_locked(deployment, "ban_entry"):
        worker = deployment.launch()
        await output_waits(worker)
        await someone_waits_for(deployment, "ban_entry")
        assert "to take in" in (await told(deployment, "--status")).stderr
        assert await ends(deployment) == lost, "nothing is said before the bans are in"
    await deployment.await_ready(worker)
    await deployment.drained()
    assert (await told(deployment, "--status")).exit_code == 0
    assert worker.metric("register_output_held") == 0
    await requests_answered(deployment)
    await assert_nothing_lost(deployment)
    await assert_no_is_kept(deployment, lost)
    # Handed over before the ban, and after the restore without who has banned it.
    handed = [data_of(one) for one in await deployment.read(DISCLOSURES.name)]
    made = [{who["name"]["family"] for who in one["people"]} for one in handed if "parts" in one]
    assert ["Testi-banned-1" in people for people in made] == [True, False], [
        sorted(m) for m in made
    ]
    assert not {f"Testi-erased-{number}" for number in range(3)} & made[1]
    # Asked before the ban, answered again after it; the erased person's report is not repeated.
    answers = await deployment.read(DECISIONS.name)
    allowed = [data_of(one)["decisions"][0]["allowed"] for one in answers]
    assert (allowed, len(since(answers, lost, deployment.prefix))) == ([True, False], 1)
    reports = [
        one
        for one in await deployment.read(RESPONSES.name)
        if one.value is not None and orjson.loads(one.value)["type"] == "access.reported"
    ]
    assert len(reports) == 1
    assert since(reports, lost, deployment.prefix) == []


async def test_to_a_moment_while_workers_stay(own: Restorable) -> None:
    """R66: workers that run on find out by themselves that the database is an older one."""
    deployment = own.deployment
    workers = [await deployment.start_worker() for _ in range(2)]
    await deployment.publish(beforehand())
    await deployment.drained()
    async with streaming(deployment, EVENTS[:300], per_second=150):
        await own.backup("base")
    await deployment.drained()
    moment = datetime.now(UTC)
    await deployment.publish([*says_no(0), *EVENTS[300:400]])
    await deployment.drained()
    await own.archived()
    await deployment.publish(says_no(1))
    await deployment.drained()
    async with streaming(deployment, EVENTS[400:], per_second=100) as stream:
        await stream.reaches(0.3)
        await own.destroy()  # a batch is in hand then, and stays there
        lost = await ends(deployment)
        await deployment.publish(says_no(2))
    await own.restore(f"--until={moment.isoformat()}")
    for worker in workers:
        await deployment.await_ready(worker)
    await deployment.drained()
    assert any("output-held" in worker.log for worker in workers)
    await assert_nothing_lost(deployment)
    await assert_no_is_kept(deployment, lost)
    await own.backup("base")
    assert "reach far enough" in await own.backup("check")


async def test_what_the_register_does_not_know(deployment: Deployment) -> None:
    """R66: what stands on the topics and follows from no event ends with a tombstone, what
    stands there otherwise gets a newer version, and what agrees is not said again."""
    worker = await deployment.start_worker()
    orders = [structured(ORDERS.name, order(name)) for name in ("gone", "other", "banned")]
    await deployment.publish([*orders, structured(CONSENTS.name, ban("banned"))])
    await deployment.drained()
    worker.stop()
    before = {
        data_of(one)["identities"][0]["subject"]: one
        for one in await deployment.read(ELIGIBILITY.name)
    }
    bans_before = await deployment.read(BANS.name)
    async with connected(deployment.database_url) as connection:
        for statement in (
            "delete from customer where message -> 'identities' -> 0 ->> 'subject' = 'gone'",
            "delete from identity where subject = 'gone'",
            "update customer set version = 0, content = '' "
            "where message -> 'identities' -> 0 ->> 'subject' = 'other'",
            "delete from ban_digest",
        ):
            assert not (await connection.execute(statement)).endswith(" 0"), statement
    assert (await told(deployment)).exit_code == 0
    await deployment.start_worker()
    await deployment.drained()
    last = {one.key: one for one in await deployment.read(ELIGIBILITY.name)}
    assert last[before["gone"].key].value is None
    version = data_of(before["other"])["version"]
    assert data_of(last[before["other"].key])["version"] == version + 1
    assert last[before["banned"].key] == before["banned"], "it is not said again"
    assert {one.key: one.value for one in await deployment.read(BANS.name)} == dict.fromkeys(
        one.key for one in bans_before
    )


async def test_gaps_are_accepted_by_a_person(deployment: Deployment) -> None:
    """R66: where Kafka no longer has what the backup lacks, there may have been bans in it; what
    stands on the topic goes on standing."""
    worker = await deployment.start_worker()
    await deployment.publish([structured(ORDERS.name, order("anybody"))])
    places = await deployment.publish([structured(CONSENTS.name, ban("anybody"))])
    await deployment.drained()
    (said,) = await deployment.read(BANS.name)
    assert said.value is not None
    nobodys = "0" * 64
    value = said.value.replace(data_of(said)["digest"].encode(), nobodys.encode())
    await deployment.publish([Outgoing(BANS.name, nobodys.encode(), value, said.headers)])
    bans = await deployment.read(BANS.name)
    worker.stop()
    await deployment.start_over()
    (_, partition, offset) = places[0]
    gone = TopicPartition(deployment.prefix + CONSENTS.name, partition, offset + 1)
    admin = AdminClient({"bootstrap.servers": deployment.kafka})
    for done in admin.delete_records([gone]).values():
        await asyncio.to_thread(done.result)
    assert (await told(deployment)).exit_code == 0
    worker = deployment.launch()
    await output_waits(worker)
    await deployment.says(worker, "replay-has-gaps")
    status = await told(deployment, "--status")
    assert (status.exit_code, "are gone from Kafka" in status.stderr) == (1, True)
    assert (await told(deployment, "--accept-gaps")).exit_code == 0
    await deployment.await_ready(worker)
    assert (await told(deployment, "--status")).exit_code == 0
    assert "unknown-bans-stand" in worker.log
    assert await deployment.read(BANS.name) == bans


async def test_ends_of_transactions_are_not_waited_for(deployment: Deployment) -> None:
    """R66: a sender's transaction leaves an offset behind its records that nobody ever reads."""
    sent = structured(ORDERS.name, order("transacted"))
    producer = Producer(
        {"bootstrap.servers": deployment.kafka, "transactional.id": f"{deployment.prefix}sender"}
    )
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(deployment.prefix + ORDERS.name, sent.value, sent.key, headers=[*sent.headers])
    producer.commit_transaction()
    assert (await told(deployment)).exit_code == 0
    await deployment.start_worker()

    async def published() -> bool:
        return len(await deployment.read(ELIGIBILITY.name)) == 1

    await until("the order to be answered", published)
