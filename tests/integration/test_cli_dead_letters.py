"""`register dead-letters` on the real stack: a worker leaves them, the command handles them."""

import asyncio
import os
import signal
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ago, ban, order, structured
from tests.integration.support.locks import anyone_waits
from tests.integration.support.model import data_of
from tests.integration.support.shell import Answer, Shell
from topics import CONSENTS, DEAD_LETTERS, ELIGIBILITY, ORDERS

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

OPS = ("--operator", "ops-1")
WHY = ("--because", "ticket 17")
SENT_BY_HAND = Outgoing(ORDERS.name, b"half", b'{"name": "Aino Testi"', [("who", b"Aino")])


def shell_of(deployment: Deployment) -> Shell:
    """Commands on the deployment."""
    return Shell({**deployment.settings(), "USER": "nobody", "COLUMNS": "160"})


async def letters(deployment: Deployment, *options: str) -> list[dict[str, Any]]:
    """What `list` shows."""
    answer = await shell_of(deployment)("dead-letters", "list", "--json", *options)
    assert answer.exit_code == 0, answer.stderr
    found: list[dict[str, Any]] = answer.data["letters"]
    return found


async def run(deployment: Deployment, *arguments: str, **environment: str | None) -> Answer:
    """A command on dead letters."""
    return await shell_of(deployment)("dead-letters", *arguments, **environment)


async def rows(deployment: Deployment, query: str) -> list[Any]:
    async with connected(deployment.database_url) as connection:
        return list(await connection.fetch(query))


async def execute(deployment: Deployment, statement: str) -> None:
    async with connected(deployment.database_url) as connection:
        await connection.execute(statement)


@asynccontextmanager
async def refusing(
    deployment: Deployment, table: str, column: str, text: str
) -> AsyncIterator[None]:
    """A fault of the register's own: a row of the table whose column is the text is refused."""
    name = f"refuse_{table}"
    await execute(
        deployment,
        f"create function {name}() returns trigger language plpgsql as $$ begin"
        f" if new.{column} like '{text}' then raise exception 'refused'; end if;"
        f" return new; end $$;"
        f" create trigger {name} before insert on {table} for each row execute function {name}()",
    )
    try:
        yield
    finally:
        await execute(deployment, f"drop function {name} cascade")


async def dead(deployment: Deployment, *records: Outgoing) -> list[str]:
    """Publish records that become dead letters; returns their ids."""
    places = await deployment.publish(records)
    await deployment.drained()
    return ["/".join(map(str, place)) for place in places]


async def broken(deployment: Deployment, *records: Outgoing) -> list[str]:
    """Publish records during a fault of the register; their event ids begin with `broken-`."""
    async with refusing(deployment, "event_key", "event_id", "broken-%"):
        return await dead(deployment, *records)


async def audit(deployment: Deployment, letter_id: str) -> list[tuple[str, str, str | None]]:
    """Who did what with a letter, and why."""
    return [
        (done["action"], done["operator"], done["because"])
        for done in (await run(deployment, "show", letter_id, "--json")).data["history"]
    ]


async def test_list_shows_where_when_and_why_and_nothing_else(running: Deployment) -> None:
    nameless = order("listed")
    del nameless["data"]["order_id"]
    half, incomplete = await dead(running, SENT_BY_HAND, structured(ORDERS.name, nameless))
    answer = await run(running, "list", "--topic", ORDERS.name)
    lines = {line.split()[0]: line.rstrip() for line in answer.stdout.splitlines()}
    assert "open" in lines[half]
    assert lines[half].endswith("malformed_json: value")
    assert lines[incomplete].endswith("missing_field: data.order_id")
    for private in ("Aino", "Testi", "listed"):
        assert private not in answer.stdout
    by_code = await letters(running, "--reason", "missing_field")
    assert incomplete in {one["id"] for one in by_code}
    assert half not in {one["id"] for one in by_code}
    assert {one["reason"] for one in by_code} == {"missing_field: data.order_id"}
    assert await letters(running, "--topic", CONSENTS.name, "--reason", "malformed_json") == []
    assert await letters(running, "--since", ago(hours=-1)) == []
    found = {one["id"]: one for one in await letters(running, "--since", ago(hours=1))}
    place = "/".join(str(found[half][name]) for name in ("topic", "partition", "offset"))
    assert place == half
    (limited,) = await letters(running, "--limit", "1")
    assert limited["id"] in found


async def test_show_says_what_a_retry_would_do_and_nothing_personal(running: Deployment) -> None:
    await dead(running, structured(ORDERS.name, order("neighbour")))
    skewed = order("shown", time=ago(days=-2))
    half, later = await dead(running, SENT_BY_HAND, structured(ORDERS.name, skewed))
    answer = await run(running, "show", later)
    for text in ("clock_skew", "a key, headers: 1", "order.placed", "/channels/webshop"):
        assert text in answer.stdout
    assert "put back now: it still cannot be read: clock_skew" in answer.stdout
    answer = await run(running, "show", half)
    assert "as received: a value of 21 bytes, a key, headers: 1" in answer.stdout
    for private in ("Aino", "Testi", "half"):
        assert private not in answer.stdout
    assert await audit(running, half) == []


async def test_a_source_that_nobody_knows_is_not_shown(running: Deployment) -> None:
    """It may be anything, also what PostgreSQL stores in no text."""
    for source in ("aino@example.fi", "/channels/web\0shop"):
        (letter,) = await dead(
            running, structured(ORDERS.name, order("odd", source=source, id=None))
        )
        answer = await run(running, "show", letter)
        assert answer.exit_code == 0
        assert "type: order.placed" in answer.stdout
        assert "source" not in answer.stdout


async def test_reveal_shows_everything_and_is_audited(running: Deployment) -> None:
    (half,) = await dead(running, SENT_BY_HAND)
    for arguments, missing in (
        (OPS, "--reveal needs --because"),
        ((*OPS, "--because", " "), "--reveal needs --because"),
        (WHY, "say who you are"),
    ):
        answer = await run(running, "show", half, "--reveal", *arguments, USER=None)
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert missing in answer.stderr
    answer = await run(running, "show", half, "--reveal", *OPS, *WHY)
    for text in ("key: half", "header who: Aino", 'value:\n{"name": "Aino Testi"'):
        assert text in answer.stdout
    told = (await run(running, "show", half, "--reveal", *WHY, "--json")).data
    assert told["content"]["value"] == '{"name": "Aino Testi"'
    assert told["content"]["headers"] == [["who", "Aino"]]
    assert await audit(running, half) == [
        ("revealed", "ops-1", "ticket 17"),
        ("revealed", "nobody", "ticket 17"),
    ]


async def test_what_was_mended_is_put_back_in_order_and_taken_in(running: Deployment) -> None:
    """Key, headers and value as received; those of one key in their order; audited."""
    records = [
        structured(ORDERS.name, order("mended", id=f"broken-{number}", time=ago(hours=9 - number)))
        for number in range(5)
    ]
    records = [replace(one, headers=[*one.headers, ("trace", b"\xff")]) for one in records]
    ids = await broken(running, *records)
    assert {one["reason"] for one in await letters(running) if one["id"] in ids} == {
        "internal_error"
    }
    answer = await run(running, "retry", "--reason", "internal_error", *OPS, *WHY)
    assert (answer.exit_code, answer.stdout) == (0, "put back: 5\n")
    await running.drained()
    again = [one for one in await running.read(ORDERS.name) if one.key == b"mended"][5:]
    assert [one.value for one in again] == [one.value for one in records]
    assert {tuple(one.headers) for one in again} == {tuple(records[0].headers)}
    assert {str(one.partition) for one in again} == {one.split("/")[1] for one in ids}
    facts = await rows(running, "select event_id from fact where event_id like 'broken-%'")
    assert len(facts) == 5
    assert {one["state"] for one in await letters(running, "--state", "retried")} == {"retried"}
    put_at = (await run(running, "show", ids[0], "--json")).data["history"][-1]["put_at"]
    assert put_at == again[0].offset
    assert await audit(running, ids[0]) == [
        ("retrying", "ops-1", "ticket 17"),
        ("retried", "ops-1", "ticket 17"),
    ]


async def test_a_second_retry_has_to_be_asked_for(running: Deployment) -> None:
    """R1: and does nothing where the register has the event."""
    (letter,) = await broken(running, structured(ORDERS.name, order("twice", id="broken-twice")))
    assert (await run(running, "retry", letter)).exit_code == 0
    refused = await run(running, "retry", letter)
    assert refused.exit_code == 1
    assert "put back: 0" in refused.stdout
    assert "put back before; retry --again puts it back once more: " + letter in refused.stdout
    await running.drained()
    again = await run(running, "retry", letter, "--again")
    assert again.exit_code == 0
    assert "marked only, its event was taken in already (R1): " + letter in again.stdout


async def test_later_events_of_the_person_are_named(running: Deployment) -> None:
    """R2: what came later stays later."""
    (letter,) = await broken(
        running,
        structured(CONSENTS.name, ban("overtaken", {"channels": ["sms"]}, id="broken-ban")),
    )
    now = structured(ORDERS.name, order("overtaken", time=ago(seconds=1)))
    await running.publish([now])
    await running.drained()
    shown = await run(running, "show", letter)
    assert (
        "later events of the person, taken in meanwhile: 1; state goes by time (R2)" in shown.stdout
    )
    answer = await run(running, "retry", letter)
    assert f"(R21 to R23): {letter}" in answer.stdout
    await running.drained()
    told = [data_of(one) for one in await running.read(ELIGIBILITY.name) if one.value is not None]
    last = [one for one in told if one["identities"][0]["subject"] == "overtaken"][-1]
    assert last["deny"]["newsletter"]["sms"] == "banned"


async def test_what_would_change_nothing_is_left_alone(running: Deployment) -> None:
    """R1: unreadable still, or an id that another event has; what says no counts all the same."""
    first = order("known")
    other = order("known", id=first["id"], time=ago(minutes=30))
    await running.publish([structured(ORDERS.name, first)])
    half, conflict = await dead(running, SENT_BY_HAND, structured(ORDERS.name, other))
    no = ban("known", id="broken-no")
    (banned,) = await broken(running, structured(CONSENTS.name, no))
    await running.publish([structured(ORDERS.name, order("known", id="broken-no"))])
    await running.drained()
    answer = await run(running, "retry", conflict, half, banned)
    assert answer.exit_code == 1
    assert "put back: 1\n" in answer.stdout
    assert f"it still cannot be read: malformed_json: value: {half}" in answer.stdout
    assert "another event was taken in under its id (R1)" in answer.stdout
    assert {one["id"] for one in await letters(running)} >= {half, conflict}
    await running.drained()
    facts = await rows(running, "select type from fact where event_id = 'broken-no' order by type")
    assert [row["type"] for row in facts] == ["ban.placed", "order.placed"]


async def test_discard(running: Deployment) -> None:
    first, second = await dead(running, SENT_BY_HAND, SENT_BY_HAND)
    missing = await run(running, "discard", first)
    assert missing.exit_code == 2
    assert "--because" in missing.stderr
    answer = await run(running, "discard", first, *OPS, *WHY)
    assert (answer.exit_code, answer.stdout) == (0, "discarded: 1\n")
    assert await audit(running, first) == [("discarded", "ops-1", "ticket 17")]
    assert first not in {one["id"] for one in await letters(running)}
    assert first in {one["id"] for one in await letters(running, "--state", "discarded")}
    for command in ("discard", "retry"):
        again = await run(running, command, first, *WHY)
        assert again.exit_code == 1
        assert "discarded before; retry --again puts it back all the same" in again.stdout
    rest = await run(running, "discard", "--reason", "malformed_json", *WHY)
    assert rest.exit_code == 0
    assert second not in {one["id"] for one in await letters(running)}


async def test_what_the_topic_let_go_of_has_expired(running: Deployment) -> None:
    (half,) = await dead(running, SENT_BY_HAND)
    _, partition, offset = half.split("/")
    await execute(
        running,
        "update dead_letter set created = now() - interval '15 days'"
        f" where topic = '{running.prefix}{ORDERS.name}' and partition = {partition}"
        f' and "offset" = {offset}',
    )
    assert half not in {one["id"] for one in await letters(running)}
    assert half in {one["id"] for one in await letters(running, "--state", "expired")}
    answer = await run(running, "retry", half)
    assert answer.exit_code == 1
    assert "its bytes are not on register.dead-letters" in answer.stdout
    assert (await run(running, "discard", half, *WHY)).stdout == "discarded: 1\n"


async def test_a_crash_before_it_is_marked_is_at_worst_a_duplicate(deployment: Deployment) -> None:
    """R1: put back, not marked; put back once more; taken in once."""
    worker = await deployment.start_worker()
    (letter,) = await broken(deployment, structured(ORDERS.name, order("once", id="broken-once")))
    assert worker.stop()[0] == 0
    async with refusing(deployment, "dead_letter_action", "action", "retried"):
        answer = await run(deployment, "retry", letter)
    assert answer.exit_code == 1
    assert "the server refuses or is gone: RaiseError" in answer.stderr
    assert [one["id"] for one in await letters(deployment)] == [letter]
    assert (await run(deployment, "retry", letter)).stdout == "put back: 1\n"
    assert [action for action, _, _ in await audit(deployment, letter)] == [
        "retrying",
        "retrying",
        "retried",
    ]
    assert len(await deployment.read(ORDERS.name)) == 3
    again = await deployment.start_worker()
    await deployment.drained()
    assert again.metric("register_events_total", outcome="applied") == 1
    assert again.metric("register_events_total", outcome="duplicate") == 1
    assert len(await rows(deployment, "select from fact")) == 1


async def test_bytes_that_are_not_published(deployment: Deployment) -> None:
    """The register knows of a letter before Kafka has it."""
    await execute(
        deployment,
        'insert into dead_letter (topic, partition, "offset", reason)'
        f" values ('{deployment.prefix}{ORDERS.name}', 0, 7, 'internal_error')",
    )
    letter = f"{ORDERS.name}/0/7"
    answer = await run(deployment, "show", letter)
    assert "put back now: its bytes are not on register.dead-letters" in answer.stdout
    answer = await run(deployment, "show", letter, "--reveal", *WHY)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "not published yet" in answer.stderr
    assert await audit(deployment, letter) == []
    assert (await run(deployment, "retry", letter)).exit_code == 1


async def test_one_retry_at_a_time(deployment: Deployment) -> None:
    from register.store.dead_letters import try_to_handle

    async with connected(deployment.database_url) as connection:
        assert await try_to_handle(connection)
        answer = await run(deployment, "retry", "--topic", ORDERS.name)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "somebody else is handling dead letters" in answer.stderr
    assert (await run(deployment, "retry", "--topic", ORDERS.name)).stdout == "put back: 0\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "17"), "a letter is named by topic, partition and offset"),
        (("show", f"{DEAD_LETTERS.name}/0/1"), "a letter is named by topic, partition and offset"),
        (("show", f"{ORDERS.name}/0/1"), f"there is no dead letter {ORDERS.name}/0/1"),
        (("retry",), "name letters by id, or give some of --reason, --topic and --since"),
        (("retry", f"{ORDERS.name}/0/1", "--reason", "x"), "name letters by id, or give some of"),
        (("list", "--topic", "channel.other"), "--topic is one of channel.orders"),
        (("list", "--since", "yesterday"), "--since takes a time such as"),
    ],
)
async def test_a_wrong_call_is_told(
    deployment: Deployment, arguments: tuple[str, ...], told: str
) -> None:
    answer = await run(deployment, *arguments)
    assert answer.exit_code in (1, 2)
    assert answer.stdout == ""
    assert told in answer.stderr


async def test_servers_that_do_not_answer(deployment: Deployment) -> None:
    nowhere = "127.0.0.1:1"
    answer = await run(deployment, "list", DATABASE_URL=f"postgresql://nobody@{nowhere}/register")
    assert answer.exit_code == 1
    assert "no answer from the database in DATABASE_URL: ConnectionRefusedError" in answer.stderr
    await execute(
        deployment,
        'insert into dead_letter (topic, partition, "offset", reason)'
        f" values ('{deployment.prefix}{ORDERS.name}', 0, 7, 'internal_error')",
    )
    answer = await run(deployment, "show", f"{ORDERS.name}/0/7", KAFKA_BOOTSTRAP_SERVERS=nowhere)
    assert answer.exit_code == 1
    assert "no answer from Kafka in KAFKA_BOOTSTRAP_SERVERS" in answer.stderr


async def test_ctrl_c_ends_a_retry_cleanly(deployment: Deployment) -> None:
    """Exit code 130, a word, no traceback."""
    async with connected(deployment.database_url) as blocker, blocker.transaction():
        await blocker.execute("lock table dead_letter in access exclusive mode")
        process = await asyncio.create_subprocess_exec(
            str(Path(sysconfig.get_path("scripts")) / "register"),
            *("dead-letters", "retry", "--topic", ORDERS.name, *OPS),
            env={**os.environ, **deployment.settings()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        await anyone_waits(blocker)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            stdout, stderr = await process.communicate()
    assert process.returncode == 130
    assert (stdout, stderr.decode().split()) == (b"", ["stopped"])
