"""The commands of customer service against a real register and a real topic (R50, R60, S35)."""

import asyncio
import os
import signal
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from register.store.pool import connect
from register.store.sql import queries
from tests.conftest import Database, RunningStack
from tests.integration.store.driver import SECRET, StoreDriver
from tests.integration.store.said import erasure, merge
from tests.integration.support.locks import anyone_waits
from tests.integration.support.shell import Shell
from tests.support.events import (
    APP,
    WEBSHOP,
    Json,
    address,
    ban,
    business,
    consent,
    consumer,
    contract_end,
    day,
    event,
    lift,
    listing,
    order,
    profile,
    scope,
    signup,
)

pytestmark = pytest.mark.integration

AINO = consumer(email="aino@example.fi", phone="040 123 4567", address=address())
VILLE = consumer("Ville", email="ville@example.fi", phone="+358401234567")
AINO_IS = ("--identity", WEBSHOP, "c-1")
NOWHERE = "127.0.0.1:1"


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


async def customer_id(shell: Shell, *who: str) -> str:
    found: str = (await shell("why", *(who or AINO_IS), "--json")).data["customer_id"]
    return found


# why


async def test_why_shows_every_cell_with_the_events_behind(
    register: StoreDriver, shell: Shell
) -> None:
    """R30, R60: a table of all cells, numbered evidence, no contact data."""
    await register.write(
        order(day(1), AINO, event_id="evt-order"),
        consent(day(3), scope("newsletter", "email"), event_id="evt-consent"),
        ban(day(4), scope(channels="sms"), event_id="evt-ban"),
    )
    answer = await shell("why", *AINO_IS)
    assert answer.exit_code == 0
    for text in (
        "consumer customer: notice §4, §7; Act 917/2014",
        "✓ consent",
        "✗ banned",
        "[1] consent.granted /channels/webshop evt-consent",
        "wording: text-1",
        "ban.placed /channels/webshop evt-ban",
        "at 2026-03-04 02:00:00+02:00, received 2026-12-01 02:00:00+02:00",
    ):
        assert text in answer.stdout, answer.stdout
    assert answer.stderr == ""
    for private in ("aino@example.fi", "Virtanen", "40123"):
        assert private not in answer.stdout


async def test_why_of_one_cell_as_the_register_says_it(register: StoreDriver, shell: Shell) -> None:
    """R8, R60: by customer id, in words and as JSON; whose ban, and since when."""
    await register.write(order(day(1), AINO), order(day(1), VILLE, subject="c-2"))
    await register.write(
        ban(
            day(4),
            scope(channels="sms"),
            {"kind": "consumer", "phone": "0401234567"},
            subject="c-2",
        )
    )
    cell = ("--purpose", "offers", "--channel", "sms")
    found = await shell("why", await customer_id(shell), *cell)
    assert "offers by sms: denied, banned: a ban stands (R8)" in found.stdout
    assert "under the phone number, for whoever uses it (R8)" in found.stdout
    (told,) = (await shell("why", *AINO_IS, *cell, "--json")).data["cells"]
    assert (told["allowed"], told["reason"], told["rules"]) == (False, "banned", ["R8"])
    (said,) = told["events"]
    assert (said["whose"], said["under"]) == ("others", "phone")
    assert said["time"] == "2026-03-04T00:00:00+00:00"
    own = ("--identity", WEBSHOP, "c-2", *cell, "--json")
    (told,) = (await shell("why", *own)).data["cells"]
    assert (told["rules"], told["events"][0]["whose"]) == (["R9"], "own")


async def test_why_for_a_product(register: StoreDriver, shell: Shell) -> None:
    """S13, R31: products and their groups as orders have shown them."""
    await register.write(
        order(day(1), AINO, "broadband tv"),
        ban(day(3), scope("offers", products="tv"), event_id="no-tv"),
    )
    for product, verdict in (
        ("TV-basic", "denied, banned"),
        ("tv", "denied, banned"),
        ("broadband-basic", "allowed, soft_opt_in"),
        ("gadget", "denied, banned"),
    ):
        cell = ("--purpose", "offers", "--channel", "email", "--product", product)
        assert verdict in (await shell("why", *AINO_IS, *cell)).stdout, product
    everything = await shell("why", *AINO_IS, "--product", "mobile", "--channel", "phone", "--json")
    assert {cell["reason"] for cell in everything.data["cells"] if not cell["allowed"]} >= {
        "mobile_by_phone"
    }


async def test_why_says_the_same_as_the_message(register: StoreDriver, shell: Shell) -> None:
    """R2: the last `eligibility.updated`, cell by cell, for persons of every kind."""
    maija = business(email="maija@example.fi", phone="050 765 4321")
    await register.write(
        order(day(1), AINO),
        signup(day(1), VILLE, scope("newsletter", "email"), subject="c-2"),
        listing(day(1), maija, subject="c-3", source=WEBSHOP),
        ban(
            day(2),
            None,
            {"kind": "business", "company": {"business_id": "0112038-9"}},
            subject=None,
        ),
        contract_end(day(5)),
    )
    messages = {one["customer_id"]: one for one in await register.said("eligibility.updated")}
    assert len(messages) == 3
    for found, message in messages.items():
        for cell in (await shell("why", found, "--json")).data["cells"]:
            side = message["allow" if cell["allowed"] else "deny"]
            code = cell.get("basis") or cell.get("reason")
            assert side[cell["purpose"]][cell["channel"]] == code


async def test_why_at_a_past_time(register: StoreDriver, shell: Shell) -> None:
    """R2, R33: facts, bans under contact points and agreements, by their receipt."""
    agreement = {
        "partner_id": "p-1",
        "name": "Kumppani Oy",
        "region": "EEA",
        "purposes": ["disclosure"],
    }
    register.received = day(2)
    await register.write(order(day(1), AINO))
    register.received = day(5)
    await register.write(event("agreement.signed", agreement, day(1), subject="p-1"))
    register.received = day(10)
    await register.write(
        ban(day(3), None, {"kind": "consumer", "email": "AINO@example.fi"}, subject=None)
    )
    register.received = day(12)
    await register.write(
        lift(day(12), None, {"kind": "consumer", "email": "aino@example.fi"}, subject=None)
    )

    async def told(moment: datetime, purpose: str, channel: str) -> str:
        cell = ("--purpose", purpose, "--channel", channel, "--at", moment.isoformat(), "--json")
        (found,) = (await shell("why", *AINO_IS, *cell)).data["cells"]
        return str(found.get("basis") or found.get("reason"))

    assert await told(day(1), "offers", "email") == "unknown"
    assert await told(day(4), "offers", "email") == "soft_opt_in"
    assert await told(day(11), "offers", "email") == "banned"
    assert await told(day(13), "offers", "email") == "soft_opt_in"
    assert await told(day(4), "disclosure", "post") == "no_agreement"
    assert await told(day(6), "disclosure", "post") == "customer_relationship"
    local = await shell("why", *AINO_IS, "--at", "2026-03-04T12:00")
    assert "as known at 2026-03-04 12:00:00+02:00" in local.stdout


async def test_why_follows_merged_ids(register: StoreDriver, shell: Shell) -> None:
    """R51, R52: the old id leads on, and means who it meant at a past time."""
    elsewhere: Json = {"source": APP, "subject": "a-1"}
    register.received = day(3)
    await register.write(order(day(1), AINO))
    await register.write(order(day(2), consumer(email="other@example.fi"), **elsewhere))
    old = await customer_id(shell, "--identity", APP, "a-1")
    register.received = day(9)
    await register.write(merge(day(9), (WEBSHOP, "c-1"), (APP, "a-1")))
    now = await shell("why", old)
    assert f"asked for as {old}, which leads here since a merge (R51)" in now.stdout
    assert await customer_id(shell, old) == await customer_id(shell)
    then = (await shell("why", old, "--at", day(5).isoformat(), "--json")).data
    assert then["identities"] == [elsewhere]


async def test_why_after_an_erasure(register: StoreDriver, shell: Shell) -> None:
    """R25: what is gone can't be shown; the id leads nowhere, the identity to the ban."""
    register.received = day(3)
    await register.write(order(day(1), AINO), consent(day(2), scope("newsletter", "email")))
    old = await customer_id(shell)
    register.received = day(9)
    await register.write(erasure(day(9), AINO, subject="c-1"))
    gone = await shell("why", old)
    assert (gone.exit_code, gone.stdout) == (1, "")
    assert "was erased (R25)" in gone.stderr
    now = await shell("why", *AINO_IS)
    assert "nothing is held, erased: the data is gone (R25)" in now.stdout
    assert "erasure.requested" in now.stdout
    then = await shell("why", *AINO_IS, "--at", day(5).isoformat())
    assert "has been erased since" in then.stdout
    told = (await shell("why", *AINO_IS, "--at", day(5).isoformat(), "--json")).data
    assert told["erased_since"]
    assert {cell["allowed"] for cell in told["cells"]} == {None}


async def test_why_after_the_retention_of_a_former_customer(
    register: StoreDriver, shell: Shell
) -> None:
    """R26: erased by itself."""
    await register.write(order(day(1), AINO), contract_end(day(2)))
    register.received += timedelta(days=7 * 366)
    await register.sweep()
    now = await shell("why", *AINO_IS)
    assert "nothing is held, erased: the data is gone (R26)" in now.stdout


async def test_why_of_a_ban_of_somebody_unknown(register: StoreDriver, shell: Shell) -> None:
    """S30, R12: a ban is kept of who was never a customer, and told."""
    await register.write(ban(day(1), event_id="evt-ban"))
    answer = await shell("why", *AINO_IS)
    assert "the register holds nothing on this person (R12)" in answer.stdout
    assert "evt-ban  is kept" in answer.stdout


async def test_signs_that_steer_a_terminal_are_not_passed_on(
    register: StoreDriver, shell: Shell
) -> None:
    """S43: what a sender writes can't hide what is shown."""
    agreed = consent(day(3), scope("newsletter", "email"), wording="\x1b[2Jtext[red]")
    await register.write(order(day(1), AINO), agreed)
    answer = await shell("why", *AINO_IS, "--purpose", "newsletter", "--channel", "email")
    assert "\x1b" not in answer.stdout
    assert "wording: �[2Jtext[red]" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name one customer"),
        (("0190c5a2-0d16-7b52-8a2e-5c1d9f7e2b15", *AINO_IS), "name one customer"),
        (("c-1",), "that is no customer id"),
        ((*AINO_IS, "--at", "yesterday"), "--at takes a time such as"),
        ((*AINO_IS, "--purpose", "disclosure", "--channel", "sms"), "disclosure is only by post"),
    ],
)
async def test_why_used_wrongly(arguments: tuple[str, ...], told: str, shell: Shell) -> None:
    """Exit code 2, and what to do."""
    answer = await shell("why", *arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert told in answer.stderr


async def test_why_of_who_is_not_there(shell: Shell) -> None:
    """Exit code 1."""
    answer = await shell("why", "0190c5a2-0d16-7b52-8a2e-5c1d9f7e2b15")
    assert (answer.exit_code, answer.stderr[:30]) == (1, "no customer has or had the id ")
    answer = await shell("why", *AINO_IS)
    assert (answer.exit_code, answer.stderr[:30]) == (1, "the register knows no such ide")


async def test_why_under_another_secret(register: StoreDriver, shell: Shell) -> None:
    """R8: bans under contact points could not be found, so nothing is answered."""
    await register.write(order(day(1), AINO))
    found = await customer_id(shell)
    answer = await shell("why", found, DIGEST_SECRET="another secret altogether")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "DIGEST_SECRET is not the one" in answer.stderr


# duplicates


async def test_duplicates_are_counted_and_listed_without_personal_data(
    register: StoreDriver, shell: Shell
) -> None:
    """R50: a household by phone, a person under two names by both; who merged is none."""
    eeva = consumer("Eeva", "Meikäläinen", email="e@example.fi", phone="0457654321")
    eva = consumer("Eva", "Meikäläinen", email="E@example.fi", phone="0457654321")
    await register.write(
        order(day(1), AINO),
        order(day(1), AINO, source=APP, subject="a-1"),
        order(day(1), VILLE, subject="c-2"),
        order(day(1), eeva, subject="c-3"),
        order(day(1), eva, subject="c-4"),
        order(day(1), consumer("Onni", email="onni@example.fi"), subject="c-5"),
    )
    answer = await shell("duplicates")
    assert answer.exit_code == 0
    assert "groups that share an e-mail address or a phone number (R50): 2" in answer.stdout
    assert "customers in them: 4" in answer.stdout
    assert "they share: phone; their names: differ" in answer.stdout
    assert "they share: email and phone; their names: differ" in answer.stdout
    for who in ("c-1", "c-2", "c-3", "c-4"):
        assert await customer_id(shell, "--identity", WEBSHOP, who) in answer.stdout
    for private in ("example.fi", "Ville", "Eeva", "+358"):
        assert private not in answer.stdout
    (counted,) = await register.rows(queries.possible_duplicates)
    assert (counted["groups"], counted["customers"]) == (2, 4)


async def test_duplicates_reveal_and_limit(register: StoreDriver, shell: Shell) -> None:
    """R50: names and contact points only where asked for."""
    await register.write(
        order(day(1), AINO),
        order(day(1), VILLE, subject="c-2"),
        order(day(1), consumer("Eeva", email="e@example.fi"), subject="c-3"),
        order(day(1), business("Eeva", email="e@example.fi"), subject="c-4"),
    )
    everything = await shell("duplicates", "--reveal")
    assert "Ville Virtanen, ville@example.fi, +358401234567" in everything.stdout
    assert "they share: email; their names: alike" in everything.stdout
    one = await shell("duplicates", "--limit", "1")
    assert "1 more groups: --limit shows more of them" in one.stdout


async def test_who_gave_up_a_contact_point_is_no_duplicate(
    register: StoreDriver, shell: Shell
) -> None:
    """R50: by what is held now, not by what was ever named."""
    await register.write(order(day(1), AINO), order(day(1), VILLE, subject="c-2"))
    await register.write(
        profile(day(2), {"kind": "consumer", "phone": "0457654321"}, subject="c-2")
    )
    assert "customers in them: 0" in (await shell("duplicates")).stdout


# The environment


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("why", *AINO_IS), "DIGEST_SECRET"),
        (("why", "0190c5a2-0d16-7b52-8a2e-5c1d9f7e2b15"), "DATABASE_URL"),
        (("duplicates",), "DATABASE_URL"),
        (("report", "A-1"), "KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
async def test_a_missing_variable_is_named(arguments: tuple[str, ...], name: str) -> None:
    """Exit code 2, and how to set it on a local stack."""
    answer = await Shell({})(*arguments)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr == (f"{name} is not set. On a local stack: set -a; . .local/env; set +a\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("duplicates",),
        ("verify",),
        ("verify", "--topics"),
        ("republish",),
        ("rebuild", "--check"),
        ("restored", "--status"),
        ("dead-letters", "list"),
    ],
)
async def test_a_database_that_does_not_answer(shell: Shell, arguments: tuple[str, ...]) -> None:
    """Exit code 1, without a traceback."""
    answer = await shell(*arguments, DATABASE_URL=f"postgresql://nobody@{NOWHERE}/register")
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "no answer from the database in DATABASE_URL: ConnectionRefusedError" in answer.stderr
    assert "Traceback" not in answer.stderr


async def test_a_broker_that_does_not_answer(shell: Shell) -> None:
    """Exit code 1, without a traceback."""
    answer = await shell("report", "A-1", KAFKA_BOOTSTRAP_SERVERS=NOWHERE)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert "no answer from Kafka in KAFKA_BOOTSTRAP_SERVERS" in answer.stderr


async def test_a_database_without_a_register(shell: Shell, stack: RunningStack) -> None:
    """What is missing, and what makes it."""
    answer = await shell("duplicates", DATABASE_URL=stack.postgres_url)
    assert answer.exit_code == 1
    assert "this database holds no register yet" in answer.stderr


async def test_ctrl_c_ends_a_command_cleanly(database: Database) -> None:
    """The console script: exit code 130, a word, no traceback."""
    blocker = await connect(database.url, "test")
    async with blocker.transaction():
        await blocker.execute("lock table customer in access exclusive mode")
        process = await asyncio.create_subprocess_exec(
            str(Path(sysconfig.get_path("scripts")) / "register"),
            "duplicates",
            env={**os.environ, "DATABASE_URL": database.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        await anyone_waits(blocker)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            stdout, stderr = await process.communicate()
    await blocker.close()
    assert process.returncode == 130
    assert (stdout, stderr.decode().split()) == (b"", ["stopped"])
