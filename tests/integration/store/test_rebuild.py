"""The register built anew from its facts, and what workers do meanwhile (R2, R7, R25, R51)."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

from register.store.pool import LOCKED, LOST_CONNECTION, Connection, connect
from register.store.rebuild import Rebuilt, drop_abandoned, rebuild
from register.store.sql import queries
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import disclosure, erasure, merge, rectification, signed
from tests.integration.support.polling import until
from tests.support.events import (
    APP,
    DIRECTORY,
    WEBSHOP,
    address,
    ban,
    billing,
    business,
    consent,
    consumer,
    contract_end,
    day,
    left_company,
    lift,
    listing,
    order,
    profile,
    scope,
    signup,
    withdrawal,
)
from workers.metrics import Metrics
from workers.settings import Settings
from workers.sweeps import Sweeps

BUILT = ("identity", "match_key", "identity_point", "ban_entry", "ban_digest", "customer")
KEPT = ("fact", "fact_party", "agreement_fact", "disclosure", "request", "event_key", "catalogue")

AINO = consumer(email="aino@example.fi", phone="040 123 4567", address=address())
VILLE = consumer("Ville", email="ville@example.fi", phone="0401234567", address=address())
EEVA = consumer("Eeva", email="eeva@example.fi", address=address("Porrassalmenkatu 1"))
ONNI = consumer("Onni", email="onni@example.fi")
MAIJA = business("Maija", email="maija@example.fi", phone="050 765 4321")


async def rows(register: StoreDriver, *tables: str) -> dict[str, set[str]]:
    """Whole rows of tables."""
    return {
        table: {
            row["shown"]
            for row in await register.rows(f"select to_jsonb(t)::text as shown from {table} t")
        }
        for table in tables
    }


async def rebuilt(register: StoreDriver, database: Database, *, swap: bool = True) -> Rebuilt:
    """Rebuild the register by a connection of its own."""
    connection = await connect(database.url, "test rebuild")
    try:
        return await rebuild(
            connection, register.rules, register.received, lambda *_: None, swap=swap
        )
    finally:
        await connection.close()


async def live(register: StoreDriver) -> None:
    """A few lives with everything that is in one."""
    register.received = day(10)
    await register.write(signed(day(1)), order(day(1), AINO), order(day(2), VILLE, subject="v-1"))
    await register.write(
        order(day(2), AINO, order_id="2", source=APP, subject="a-1"),
        signup(day(2), EEVA, scope("newsletter", "email"), subject="e-1"),
        listing(day(2), MAIJA, subject="m-1"),
        ban(day(3), scope("", "email"), {"kind": "consumer", "email": "x@example.fi"}, subject="u"),
        ban(day(3), None, {"kind": "consumer", "phone": "0457654321"}, subject=None),
    )
    await register.sweep()
    await register.write(disclosure(day(4)))
    await register.sweep()
    register.received = day(20)
    await register.write(
        consent(day(5), scope("offers", "sms"), subject="v-1"),
        ban(day(6), scope("newsletter"), AINO),
        lift(day(7), scope("newsletter"), AINO),
        ban(day(8), scope("disclosure"), subject="v-1"),
        profile(day(8), consumer(email="new@example.fi"), {"interests": ["tv"]}),
        withdrawal(day(9), scope(), subject="e-1"),
        ban(day(9), None, {"kind": "business", "company": {"business_id": "0112038-9"}}),
        order(day(3), ONNI, order_id="3", subject="o-1"),
        order(day(3), consumer("Oskari", email="oskari@example.fi"), order_id="4", subject="o-2"),
    )
    register.received = day(30)
    await register.write(
        merge(day(21), (WEBSHOP, "o-1"), (WEBSHOP, "o-2"), (APP, "never-seen")),
        rectification(day(22), VILLE, {"email": "corrected@example.fi"}, subject="v-1"),
        left_company(day(23), subject="m-1", source=DIRECTORY),
        billing(day(23), "overdue"),
    )
    await register.write(contract_end(day(24), "3", subject="o-1"))
    await register.sweep()


async def die(register: StoreDriver) -> None:
    """Erasures and ends, and who came back."""
    register.received = day(40)
    gone = consumer("Liisa", email="liisa@example.fi", phone="0441112223")
    await register.write(
        order(day(31), gone, order_id="5", subject="l-1"),
        order(day(31), gone, order_id="6", source=APP, subject="l-2"),
        ban(day(32), scope("offers"), gone, subject="l-1"),
    )
    register.received = day(41)
    await register.write(erasure(day(41), gone, subject="l-1", source=WEBSHOP))
    register.received = day(50)
    await register.write(
        order(day(45), consumer("Liisa", email="l@example.fi"), order_id="7", subject="l-1"),
        ban(day(45), scope("campaign"), gone, subject="l-9"),
        order(day(2), consumer("Ossi", email="ossi@example.fi"), order_id="8", subject="s-1"),
        order(day(2), consumer("Ossi", email="ossi@example.fi"), order_id="9", subject="s-2"),
        ban(day(3), scope("newsletter", "email"), subject="s-1"),
    )
    await register.write(
        contract_end(day(4), "8", subject="s-1"), contract_end(day(4), "9", subject="s-2")
    )
    register.received = day(50 + 7 * 366)
    await register.sweep()


async def test_a_rebuilt_register_is_the_same(register: StoreDriver, database: Database) -> None:
    """R2, R25, R26, R51, R52: row by row; nothing is said."""
    await live(register)
    await die(register)
    await register.said()
    before = await rows(register, *BUILT, *KEPT)
    done = await rebuilt(register, database)
    after = await rows(register, *BUILT, *KEPT)
    for table, kept in before.items():
        assert after[table] == kept, (table, after[table] - kept, kept - after[table])
    assert done.differences == {}
    assert await register.said() == []


async def test_what_hands_have_damaged_is_right_again(
    register: StoreDriver, database: Database
) -> None:
    """R7, R51: lines of the ban register, pointers, names, messages; who was decided otherwise is
    told so, in the next version, and partners are."""
    await live(register)
    await register.said()
    before = await rows(register, *BUILT)
    versions = {
        row["person_id"]: row["version"]
        for row in await register.rows("select person_id, version from customer")
    }
    aino, eeva = await register.rows(
        "select identity, person_id from identity where subject in ('c-1', 'o-1') order by subject"
    )
    await register.connection.execute(
        "update identity set person_id = $1, source = null, subject = null where identity = $2",
        eeva["person_id"],
        aino["identity"],
    )
    await register.connection.execute("delete from ban_entry where kind <> 'company'")
    await register.connection.execute("delete from match_key")
    await register.connection.execute("delete from identity_point where kind = 'email'")
    await register.connection.execute(
        "update customer set message = jsonb_set(message, '{deny}', '{}'), content = '\\x00',"
        " points = null where person_id = $1",
        aino["person_id"],
    )
    await register.connection.execute(
        "update ban_digest set content = '\\x00' where kind = 'phone'"
    )

    found = await rebuilt(register, database, swap=False)
    assert found.differences.keys() == {"identity", "key", "entry", "eligibility", "ban"}
    assert (found.differences["identity"], found.differences["eligibility"]) == (1, 1)
    assert await register.said() == [], "a look changes nothing"
    assert not found.swapped
    again = await rebuilt(register, database)
    assert again.differences == found.differences

    after = await rows(register, "identity", "match_key", "identity_point", "ban_entry")
    assert after == {table: before[table] for table in after}
    said = await register.said()
    (told,) = [one["data"] for one in said if one["type"] == "eligibility.updated"]
    assert told["customer_id"] == str(aino["person_id"])
    assert told["version"] == versions[aino["person_id"]] + 1
    assert {one["type"] for one in said} == {"eligibility.updated", "ban-register.updated"}
    assert (await rebuilt(register, database)).differences == {}
    assert await register.said() == []


async def test_persons_that_were_never_joined_are_joined(
    register: StoreDriver, database: Database
) -> None:
    """R51, R65: the other id gets a tombstone and leads on, and what was disclosed goes along."""
    await live(register)
    await register.said()
    (aino,) = await register.rows("select person_id from identity where subject = 'c-1'")
    (app,) = await register.rows("select identity from identity where subject = 'a-1'")
    own = register.rules.digester.customer_id(app["identity"], 0)
    await register.connection.execute(
        "insert into customer (person_id, version, content, audience, message, cause)"
        " select $1, 4, content, audience, message, cause from customer where person_id = $2"
        " on conflict (person_id) do update set version = 4, content = excluded.content,"
        " message = excluded.message, audience = excluded.audience, alias_of = null",
        own,
        aino["person_id"],
    )
    await register.connection.execute(
        "update identity set person_id = $1 where identity = $2", own, app["identity"]
    )
    await register.connection.execute(
        "insert into disclosure (ledger_id, person_id, request_id, recipient, disclosed)"
        " values ($1, $1, 'D-9', 'authority', now())",
        own,
    )
    await rebuilt(register, database)
    assert await register.said() == [{"key": str(own), "topic": "marketing.eligibility"}]
    (row,) = await register.rows("select version, alias_of from customer where person_id = $1", own)
    assert (row["version"], row["alias_of"]) == (5, aino["person_id"])
    (line,) = await register.rows("select person_id from disclosure where request_id = 'D-9'")
    assert line["person_id"] == aino["person_id"]


async def test_what_nobody_may_hold_goes_and_partners_are_told(
    register: StoreDriver, database: Database
) -> None:
    """R22, R65: a ban that the register had not applied takes effect when it is built anew."""
    await live(register)
    await register.said()
    reopened = await register.rows(
        "update disclosure set recalled = null, recall_reason = null, name = '{}', address = '{}'"
        " where recalled is not null and partner_id is not null returning person_id"
    )
    assert reopened
    await register.connection.execute(
        "update customer set content = '\\x00', disclosable = true where person_id = any($1)",
        [row["person_id"] for row in reopened],
    )
    await register.connection.execute(
        "insert into fact_party select fact_id, 'e-1', '{\"kind\": \"consumer\"}' from fact"
        " where type = 'signup.received' and fact_id not in (select fact_id from fact_party)"
    )
    found = await rebuilt(register, database)
    assert found.differences["party"] == 1
    recalled = await register.said("disclosure.recalled")
    assert sum(len(one["people"]) for one in recalled) == len(reopened)
    assert "banned" in {one["reason"] for one in recalled}
    assert await register.rows("select 1 from fact_party where subject = 'e-1'") == []


async def disclosed(register: StoreDriver, *subjects: str) -> dict[str, Any]:
    """Hand everybody over to an authority; returns the ids of who is who."""
    asked = disclosure(
        day(4), recipient="authority", legal_basis="Act on the Example 1 §", request_id="D-2"
    )
    await register.write(asked)
    await register.sweep()
    await register.said()
    found = await register.rows(
        "select subject, person_id from identity where subject = any($1)", list(subjects)
    )
    return {row["subject"]: row["person_id"] for row in found}


async def names(register: StoreDriver) -> dict[Any, bool]:
    """Of whom the ledger still has the name."""
    found = await register.rows("select person_id, name is not null as has_name from disclosure")
    return {row["person_id"]: row["has_name"] for row in found}


async def test_r25_who_is_removed_loses_the_name_on_lines_for_authorities(
    register: StoreDriver, database: Database
) -> None:
    """The ledger keeps to whom and when, not who; of everybody else it keeps the name."""
    await register.write(order(day(1), AINO), signup(day(1), EEVA, scope(), subject="e-1"))
    ids = await disclosed(register, "c-1", "e-1")
    kept = await register.rows(
        "select name, address from disclosure where person_id = $1", ids["e-1"]
    )
    await register.write(withdrawal(day(9), scope(), subject="e-1"))
    assert await names(register) == {ids["c-1"]: True, ids["e-1"]: False}
    await register.connection.execute(
        "update disclosure set name = $2, address = $3 where person_id = $1", ids["e-1"], *kept[0]
    )
    await register.connection.execute(
        "update customer set content = '\\x00' where person_id = $1", ids["e-1"]
    )
    done = await rebuilt(register, database)
    assert done.differences["eligibility"] == 1
    assert await names(register) == {ids["c-1"]: True, ids["e-1"]: False}
    assert await register.said("disclosure.recalled") == []


async def test_r25_lines_that_a_merge_brings_to_who_is_gone_lose_the_name(
    register: StoreDriver, database: Database
) -> None:
    """Nothing new is said of who is gone already: the lines come all the same."""
    other = {**AINO, "name": {"given": "A.", "family": "Virtanen"}, "email": "a.v@example.fi"}
    await register.write(
        signup(day(1), AINO, scope("newsletter", "email"), subject="c-1"),
        signup(day(2), other, scope("offers", "post"), source=APP, subject="a-1"),
    )
    ids = await disclosed(register, "c-1", "a-1")
    kept = await register.rows("select * from disclosure where person_id = $1", ids["a-1"])
    await register.write(withdrawal(day(5), scope(), subject="c-1"))
    await register.write(withdrawal(day(5), scope(), source=APP, subject="a-1"))
    await register.write(merge(day(6), (WEBSHOP, "c-1"), (APP, "a-1")))
    # As if it had never been merged, nor gone.
    await register.connection.execute(
        "update customer set content = '\\x00', alias_of = null where person_id = $1", ids["a-1"]
    )
    await register.connection.execute(
        "update disclosure set person_id = $1, name = $2, address = $3 where ledger_id = $4",
        *(kept[0][field] for field in ("person_id", "name", "address", "ledger_id")),
    )
    await rebuilt(register, database)
    assert await names(register) == {ids["c-1"]: False}


async def test_r51_lines_of_the_ledger_go_to_whom_an_id_leads_at_last(
    register: StoreDriver,
) -> None:
    """Merged, and merged again: the id in between is nobody's. One that leads in a circle, which
    only a hand can make, leads nowhere."""
    ids = [uuid.UUID(int=number) for number in range(1, 6)]
    leads = [ids[1], ids[2], None, ids[4], ids[3]]
    await register.connection.execute(queries.set_aliases, ids, leads)
    found = await register.rows(queries.rebuild_merged, ids)
    assert {row["person_id"]: row["alias_of"] for row in found} == {
        ids[0]: ids[2],
        ids[1]: ids[2],
    }


@asynccontextmanager
async def abandoned(register: StoreDriver, database: Database) -> AsyncIterator[Connection]:
    """What a rebuild leaves that lost its connection half way; gives another connection."""
    connection = await connect(database.url, "test rebuild")

    def tell(what: str, _: int) -> None:
        if what == "comparing":
            connection.terminate()

    with suppress(*LOST_CONNECTION):
        await rebuild(connection, register.rules, register.received, tell, swap=True)
    assert connection.is_closed()
    (row,) = await register.rows(
        "select count(*) from register_rebuild.customer where message is not null"
    )
    assert row["count"] > 0
    other = await connect(database.url, "test")
    try:
        yield other
    finally:
        await other.close()


async def exists(connection: Connection) -> bool:
    """Whether there is a copy."""
    return bool(await connection.fetchval("select to_regnamespace('register_rebuild') is not null"))


async def test_r25_an_abandoned_copy_goes(register: StoreDriver, database: Database) -> None:
    """No erasure reaches it. Nothing of the register in use goes with it."""
    await live(register)
    before = await rows(register, *BUILT, *KEPT)
    async with abandoned(register, database) as connection:
        await until("the lock to be let go", partial(drop_abandoned, connection))
        assert not await exists(connection)
        assert not await drop_abandoned(connection), "there is nothing left to drop"
    assert await rows(register, *BUILT, *KEPT) == before
    assert (await rebuilt(register, database)).differences == {}


async def test_r25_whoever_reads_an_abandoned_copy_is_not_waited_for(
    register: StoreDriver, database: Database
) -> None:
    """It stays while a dump reads it, and nobody waits for long behind who would drop it."""
    await live(register)
    async with abandoned(register, database) as connection:
        await until("the rebuild's session to end", partial(_nobody_rebuilds, connection))
        async with register.connection.transaction():
            await register.connection.execute("select from register_rebuild.customer limit 1")
            with pytest.raises(LOCKED):
                await asyncio.wait_for(drop_abandoned(connection), 5)
        assert await exists(connection)
        assert await connection.fetchval("show lock_timeout") == "0"
        assert await drop_abandoned(connection)


async def test_r25_the_copy_of_a_rebuild_that_runs_stays(
    register: StoreDriver, database: Database
) -> None:
    """It goes on and is swapped in."""
    await live(register)
    other = await connect(database.url, "test")
    try:
        async with register.connection.transaction():
            await register.connection.execute("select from customer limit 1")
            running = asyncio.create_task(rebuilt(register, database))
            await until("the swap to wait for who reads", partial(_waits, other))
            assert await exists(other)
            assert not await drop_abandoned(other)
        done = await running
        assert (done.swapped, done.differences) == (True, {})
        assert not await exists(other)
    finally:
        await other.close()


async def test_r25_a_rebuild_waits_for_a_worker_that_drops_a_copy(
    register: StoreDriver, database: Database
) -> None:
    """The worker has the lock for a moment: no other rebuild runs."""
    key = 0x52454255
    async with register.connection.transaction():
        await register.connection.execute("select pg_advisory_xact_lock($1)", key)
        running = asyncio.create_task(rebuilt(register, database))
        await asyncio.wait([running], timeout=0.3)
        assert not running.done()
    assert (await running).swapped


async def test_r25_the_workers_drop_an_abandoned_copy(
    register: StoreDriver, database: Database
) -> None:
    """It is a step of the sweeps, and one line of the log tells it."""
    await live(register)
    settings = Settings(
        kafka_bootstrap_servers="nowhere:1",
        database_url=SecretStr(database.url),
        digest_secret=SecretStr("a secret of the tests alone"),
    )
    metrics = Metrics(CollectorRegistry())
    async with abandoned(register, database) as connection:
        await until("the rebuild's session to end", partial(_nobody_rebuilds, connection))
        sweeps = Sweeps(settings, metrics)
        with capture_logs() as lines:
            await sweeps.on_start()
            try:
                await until("the copy to go", partial(_gone, connection))
            finally:
                await sweeps.on_stop()
    told = [line for line in lines if line["action"] == "rebuild-copy-dropped"]
    assert [line["event"] for line in told] == ["sweeps"]
    work = {"work": "rebuild-copy"}
    assert metrics.registry.get_sample_value("register_sweep_failures_total", work) == 0


async def _gone(connection: Connection) -> bool:
    return not await exists(connection)


async def _nobody_rebuilds(connection: Connection) -> bool:
    return not await connection.fetchval(
        "select exists (select from pg_stat_activity where application_name = 'test rebuild'"
        " and datname = current_database())"
    )


async def _waits(connection: Connection) -> bool:
    return bool(
        await connection.fetchval(
            "select exists (select from pg_stat_activity a join pg_locks l using (pid)"
            " where a.application_name = 'test rebuild' and not l.granted"
            " and a.datname = current_database())"
        )
    )
