"""A server goes away in the midst of a stream of events, and comes back: all is waited out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import (
    Json,
    ago,
    ban,
    believable,
    consumer,
    event,
    order,
    structured,
)
from tests.integration.support.model import assert_nothing_lost, data_of, versions
from tests.integration.support.polling import until
from tests.integration.support.stream import streaming
from tests.integration.support.worker import Worker
from topics import CONSENTS, ELIGIBILITY, ORDERS, REQUESTS

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS: list[Outgoing] = believable(1_500, seed=31)
PER_SECOND = 500


@asynccontextmanager
async def without_postgres(deployment: Deployment) -> AsyncIterator[None]:
    """PostgreSQL ends at once, as in a crash, and is back after the body."""
    postgres = deployment.stack.processes.postgres
    await asyncio.to_thread(postgres.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(postgres.start)


@asynccontextmanager
async def without_kafka(deployment: Deployment, *, crash: bool) -> AsyncIterator[None]:
    """The broker crashes, or is stopped by its operator, and is back after the body."""
    kafka = deployment.stack.processes.kafka
    await asyncio.to_thread(kafka.kill_node if crash else kafka.stop_node, 1)
    try:
        yield
    finally:
        await asyncio.to_thread(kafka.start_node, 1)


async def is_unready(worker: Worker) -> None:
    """Wait until /readyz says so; an outage is no reason to end, nor to be ended."""

    async def unready() -> bool:
        worker.assert_running()
        return (await asyncio.to_thread(worker.get, "/readyz"))[0] == 503

    await until("/readyz to answer 503", unready, seconds=15)
    assert await asyncio.to_thread(worker.get, "/healthz") == (200, "alive\n")


async def test_postgresql_crashes(deployment: Deployment) -> None:
    worker = await deployment.start_worker()
    async with streaming(deployment, EVENTS, per_second=PER_SECOND) as stream:
        await stream.reaches(0.3)
        async with without_postgres(deployment):
            await is_unready(worker)
            await stream.reaches(0.7)
    await deployment.await_ready(worker)
    await deployment.drained()
    await assert_nothing_lost(deployment)
    assert worker.metric("register_batch_retries_total", cause="outage") > 0


@pytest.mark.parametrize("crash", [True, False], ids=["crashes", "is stopped"])
async def test_kafka_goes_away(deployment: Deployment, crash: bool) -> None:
    worker = await deployment.start_worker()
    async with streaming(deployment, EVENTS, per_second=PER_SECOND) as stream:
        await stream.reaches(0.3)
        async with without_kafka(deployment, crash=crash):
            await stream.reaches(0.7)
            assert await asyncio.to_thread(worker.get, "/healthz") == (200, "alive\n")
    await deployment.await_ready(worker)
    await deployment.drained()
    await assert_nothing_lost(deployment)


async def test_a_quiet_worker_is_ready_again_by_itself(deployment: Deployment) -> None:
    """Also where no event comes after the outage: its keeper must not think that it hangs."""
    worker = await deployment.start_worker()
    async with without_postgres(deployment):
        await is_unready(worker)
    await deployment.await_ready(worker, seconds=20)
    await deployment.publish([structured(ORDERS.name, order("after-the-outage"))])
    await deployment.drained()


async def test_a_worker_waits_for_servers_that_are_not_there_yet(deployment: Deployment) -> None:
    """Started before Kafka and PostgreSQL, it takes up work when they are there."""
    await deployment.publish([structured(ORDERS.name, order("early"))])
    async with without_kafka(deployment, crash=False), without_postgres(deployment):
        worker = deployment.launch()
        await is_unready(worker)
    await deployment.await_ready(worker)
    await deployment.drained()
    await assert_nothing_lost(deployment)


@pytest.mark.parametrize("setting", ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"])
async def test_a_worker_that_waits_for_a_server_can_be_stopped(
    deployment: Deployment, setting: str
) -> None:
    nowhere = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "DATABASE_URL": "postgresql://register:none@127.0.0.1:1/register",
    }
    worker = deployment.launch({setting: nowhere[setting]})
    await is_unready(worker)
    code, _ = await asyncio.to_thread(worker.stop)
    assert code == 0, worker.log_end()


@pytest.mark.parametrize("table", ["fact", "request"])
async def test_a_fault_of_the_register_makes_no_dead_letters(
    deployment: Deployment, table: str
) -> None:
    """A table that the worker may not write (a migration forgotten, a right taken away) is not
    the records' fault: a ban must not end among the dead letters because of it."""
    events = [structured(ORDERS.name, order(f"fault-{number}")) for number in range(20)]
    bans = [structured(CONSENTS.name, ban(f"fault-{number}")) for number in range(20)]
    asked = {
        "request_id": "req-1",
        "party": {"kind": "consumer"},
        "in_writing": True,
        "signed": True,
    }
    request = structured(REQUESTS.name, event("access.requested", "fault-0", asked))
    worker = await deployment.start_worker()
    async with connected(deployment.database_url) as connection:
        await connection.execute(f"revoke insert on {table} from current_user")
        await deployment.publish([*events, *bans])
        await deployment.publish([request])

        async def met() -> bool:
            return worker.exit_code is not None or worker.log.count('"batch-failed"') > 5

        await until("the worker to end, or to try again and again", met)
        await connection.execute(f"grant insert on {table} to current_user")
    if worker.exit_code is not None:
        await deployment.start_worker()
    await deployment.drained()
    assert await deployment.dead_letters() == []
    await assert_nothing_lost(deployment)


async def test_a_worker_that_stops_quotes_no_record(deployment: Deployment) -> None:
    """PostgreSQL's error texts do: what it says of a row that it refuses is the whole row."""
    worker = await deployment.start_worker()
    async with connected(deployment.database_url) as connection:
        never = "alter table fact_party add constraint never check (false) not valid"
        await connection.execute(never)
        await deployment.publish([structured(ORDERS.name, order("private"))])

        async def ended() -> bool:
            return worker.exit_code is not None

        await until("the worker to end", ended)
        await connection.execute("alter table fact_party drop constraint never")
    assert '"crashed"' in worker.log
    for private in ("example.fi", "private", "Aino"):
        assert private not in worker.log
    await deployment.start_worker()
    await deployment.drained()
    await assert_nothing_lost(deployment)


def ban_by_address(subject: str) -> Json:
    """A ban on all marketing that names the person's contact points too."""
    return event("ban.placed", subject, {"scope": {}, "party": consumer(subject)})


@asynccontextmanager
async def failing(
    deployment: Deployment, table: str, when: str, *, on: str = "insert"
) -> AsyncIterator[None]:
    """Rows of the table cannot be written, or deleted, as on a full disk, as long as the body
    runs."""
    async with connected(deployment.database_url) as connection:
        await connection.execute(
            "create function fails() returns trigger language plpgsql as $$"
            " begin raise exception 'simulated' using errcode = 'disk_full'; end $$"
        )
        await connection.execute(
            f"create trigger fails before {on} on {table} for each row when ({when})"
            " execute function fails()"
        )
        yield
        await connection.execute("drop function fails cascade")


async def test_a_record_that_fails_like_an_outage_again_and_again_stops_nobody(
    deployment: Deployment,
) -> None:
    """Nobody brings back what is not away: its neighbours are taken in, and it is a dead letter."""
    subjects = ["before", "poison", "after"]
    records = [structured(ORDERS.name, order(one, id=one)) for one in subjects]
    same_partition = [replace(record, key=b"one") for record in records]
    async with failing(deployment, "event_key", "new.event_id = 'poison'"):
        await deployment.start_worker({"BATCH_PATIENCE_S": "1"})
        await deployment.publish(same_partition)
        await deployment.drained(seconds=40)
    (letter,) = await deployment.dead_letters()
    assert letter.value == records[1].value
    assert dict(letter.headers)["dlq-reason"] == b"internal_error"
    told = await deployment.read(ELIGIBILITY.name)
    assert [data_of(one)["identities"][0]["subject"] for one in told] == ["before", "after"]


async def test_bans_that_nobody_can_place_just_now_make_no_dead_letters(
    deployment: Deployment,
) -> None:
    """Orders can be written meanwhile, and patience has long ended: still it is no ban's fault."""
    worker = await deployment.start_worker({"BATCH_PATIENCE_S": "1"})
    bans = [structured(CONSENTS.name, ban_by_address(f"full-{number}")) for number in range(20)]
    async with failing(deployment, "ban_entry", "true"):
        await deployment.publish([structured(ORDERS.name, order("full")), *bans])

        async def tried_long_enough() -> bool:
            return worker.metric("register_batch_retries_total", cause="outage") > 12

        await until("the bans to have been tried again and again", tried_long_enough, seconds=40)
        worker.assert_running()
    await deployment.drained()
    assert await deployment.dead_letters() == []
    await assert_nothing_lost(deployment)


async def test_what_is_published_again_brings_back_nobody_who_is_gone(
    deployment: Deployment,
) -> None:
    """A wave that Kafka has, and the outbox still has, is said again and again: a reader that was
    told to forget somebody must not be told of them once more (`versions`)."""

    worker = await deployment.start_worker()
    async with (
        failing(deployment, "outbox", "true", on="delete"),
        connected(deployment.database_url) as connection,
    ):
        await deployment.publish([structured(ORDERS.name, order("gone"))])

        async def published() -> bool:
            return '"DiskFullError"' in worker.log

        await until("the customer to have been told of", published)
        asked = {"request_id": "req-1", "party": consumer("gone")}
        erasure = event("erasure.requested", "gone", asked, time=ago(seconds=1))
        await deployment.publish([structured(REQUESTS.name, erasure)])

        async def erased() -> bool:
            waits = "select count(*) from outbox where value is null"
            return bool(await connection.fetchval(waits))

        await until("the tombstone to wait", erased)
        before = worker.log.count('"DiskFullError"')

        async def again() -> bool:
            return worker.log.count('"DiskFullError"') > before + 2

        await until("all of it to have been said again", again, seconds=30)
    await deployment.drained()
    (last,) = versions(await deployment.read(ELIGIBILITY.name)).values()
    assert last.shown is None


async def test_own_work_that_fails_stops_no_events(deployment: Deployment) -> None:
    """A disclosure that cannot be made holds up neither bans nor the worker; once it can, it is."""
    worker = await deployment.start_worker()
    asked = event(
        "disclosure.requested",
        None,
        {
            "request_id": "req-1",
            "recipient": "authority",
            "legal_basis": "Act 805/2011",
            "selection": {},
        },
    )
    async with connected(deployment.database_url) as connection:
        await connection.execute("revoke delete on disclosure_job from current_user")
        await deployment.publish([structured(ORDERS.name, order("own-work"))])
        await deployment.drained()
        await deployment.publish([structured(REQUESTS.name, asked)])

        async def failed() -> bool:
            return worker.metric("register_sweep_failures_total", work="disclosures") > 0

        await until("the disclosure to fail", failed)
        assert worker.metric("register_requests_open") == 1
        await deployment.publish([structured(CONSENTS.name, ban("own-work"))])
        await deployment.drained()
        await connection.execute("grant delete on disclosure_job to current_user")

        async def made() -> bool:
            return not await connection.fetchval("select count(*) from disclosure_job")

        await until("the disclosure to be made", made, seconds=60)

    async def closed() -> bool:
        return worker.metric("register_requests_open") == 0

    await until("no request to be open", closed)
    worker.assert_running()
