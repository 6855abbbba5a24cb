"""`register report` against a real topic: from an access request to a letter (R60, S35)."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from register.store.pool import connect
from tests.conftest import Database, RunningStack
from tests.integration.store.driver import SECRET, StoreDriver
from tests.integration.store.said import access
from tests.integration.support.broker import Outgoing, publish
from tests.integration.support.shell import Shell, Topic, responses_topic
from tests.support.events import address, ban, consumer, day, order, scope
from topics import RESPONSES

pytestmark = pytest.mark.integration

AINO = consumer(email="aino@example.fi", phone="040 123 4567", address=address())
VILLE = consumer("Ville", email="ville@example.fi", phone="+358401234567")


@pytest.fixture
def shell(database: Database) -> Shell:
    """Commands on the test's own database."""
    return Shell({"DATABASE_URL": database.url, "DIGEST_SECRET": SECRET.decode()})


@pytest.fixture
async def register(database: Database) -> AsyncIterator[StoreDriver]:
    """An empty register, written as a worker does."""
    connection = await connect(database.url, "test")
    yield StoreDriver(connection)
    await connection.close()


@pytest.fixture
async def responses(stack: RunningStack, shell: Shell, database: Database) -> AsyncIterator[Topic]:
    """The topic, which the shell's commands read."""
    async with responses_topic(stack.kafka, f"{database.name}.") as topic:
        shell.environment.update(KAFKA_BOOTSTRAP_SERVERS=topic.servers, TOPIC_PREFIX=topic.prefix)
        yield topic


async def test_report_writes_a_letter(
    register: StoreDriver, shell: Shell, responses: Topic, tmp_path: Path
) -> None:
    """R60, S35: from the topic to a file that only its owner reads, in the person's language."""
    svea = {**AINO, "language": "sv"}
    await register.write(order(day(1), svea), ban(day(2), scope(channels="phone")))
    await register.write(access(day(3), AINO))
    await responses.say(register)
    answer = await shell("report", "A-1", "--out", str(tmp_path))
    page = tmp_path / "A-1.sv.html"
    assert (answer.exit_code, answer.stdout) == (0, f"{page}\n")
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    text = page.read_text("utf-8")
    for told in ("Aino Virtanen", "MPY Asiakasrekisteri", "order-1", "All marknadsföring; samtal"):
        assert told in text
    again = await shell(
        "report", "A-1", "--format", "pdf", "--language", "en", "--out", str(tmp_path)
    )
    assert again.exit_code == 0
    assert (tmp_path / "A-1.en.pdf").read_bytes().startswith(b"%PDF-")


async def test_report_is_read_once_however_often_it_was_delivered(
    register: StoreDriver, shell: Shell, responses: Topic, tmp_path: Path
) -> None:
    """R1: delivery is at least once."""
    await register.write(order(day(1), AINO))
    await register.write(access(day(3), AINO))
    said = await register.said("access.reported")
    reported: dict[str, Any] = {
        "id": "report:1",
        "type": "access.reported",
        "time": "2026-12-01T00:00:00+00:00",
        "data": said[0],
    }
    record = Outgoing(RESPONSES.name, b"A-1", orjson.dumps(reported))
    await asyncio.to_thread(publish, responses.servers, responses.prefix, [record, record])
    assert (await shell("report", "A-1", "--out", str(tmp_path))).exit_code == 0


async def test_report_never_guesses_whose_request_it_was(
    register: StoreDriver, shell: Shell, responses: Topic, tmp_path: Path
) -> None:
    """R60: two requests under one id; one is to be chosen."""
    await register.write(order(day(1), AINO), order(day(1), VILLE, subject="c-2"))
    await register.write(access(day(3), AINO), access(day(3), VILLE))
    await responses.say(register)
    unclear = await shell("report", "A-1", "--out", str(tmp_path))
    assert unclear.exit_code == 2
    assert "2 requests had the id A-1; choose one:" in unclear.stderr
    chosen = unclear.stderr.split("--event ")[1].split()[0]
    assert (await shell("report", "A-1", "--event", chosen, "--out", str(tmp_path))).exit_code == 0
    assert len(list(tmp_path.iterdir())) == 1


async def test_report_of_a_request_without_one(
    register: StoreDriver, shell: Shell, responses: Topic, tmp_path: Path
) -> None:
    """R60: refused with its reason, or not there at all."""
    await register.write(access(day(3), AINO))
    await responses.say(register)
    refused = await shell("report", "A-1", "--out", str(tmp_path))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "the request A-1 was refused: person_not_found" in refused.stderr
    unknown = await shell("report", "A-2", "--out", str(tmp_path))
    assert unknown.exit_code == 1
    assert "more than 30 days ago" in unknown.stderr
    assert list(tmp_path.iterdir()) == []


async def test_a_request_id_is_no_path(
    register: StoreDriver, shell: Shell, responses: Topic, tmp_path: Path
) -> None:
    """S40: a letter lands in the folder, whatever the request is called."""
    await register.write(order(day(1), AINO))
    asked = access(day(3), AINO)
    asked["data"]["request_id"] = "../../etc/A 1"
    await register.write(asked)
    await responses.say(register)
    folder = tmp_path / "letters"
    folder.mkdir()
    answer = await shell("report", "../../etc/A 1", "--out", str(folder))
    assert answer.stdout == f"{folder / '-etc-A-1.fi.html'}\n"


async def test_report_without_its_topic_or_folder(
    shell: Shell, stack: RunningStack, tmp_path: Path
) -> None:
    """What is wrong, in one line."""
    servers = {"KAFKA_BOOTSTRAP_SERVERS": stack.kafka, "TOPIC_PREFIX": "nobody."}
    answer = await shell("report", "A-1", "--out", str(tmp_path), **servers)
    assert answer.exit_code == 1
    assert answer.stderr == "Kafka has no topic nobody.register.responses; is TOPIC_PREFIX right?\n"
    answer = await shell("report", "A-1", "--out", str(tmp_path / "none"), **servers)
    assert (answer.exit_code, answer.stderr[:18]) == (2, "there is no folder")
