"""What a batch or a sweep locks before it reads (R7)."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

import pytest

from register.rules.apply import apply
from register.rules.snapshot import Changes
from register.store import batch
from register.store.pool import connect
from register.store.reach import Contended, Reach, _digest_lock, _person_lock, lock_reach
from register.store.rows import array_of_digests, array_of_terms
from register.store.sql import queries
from register.store.together import Asked, reading
from tests.conftest import Database
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import rectification
from tests.integration.support.locks import anyone_waits
from tests.support.events import ban, consumer, day, lift, order, scope, signup
from tests.support.register import read

_HELD = """
select exists (select from pg_locks where locktype = 'advisory' and granted
               and (classid::bigint << 32 | objid::bigint) = $1)
"""


async def test_a_digest_that_a_person_banned_and_does_not_use_is_locked(
    register: StoreDriver,
) -> None:
    """What stands there is read, and might be said: another ban under it must wait meanwhile."""
    banned = {"kind": "consumer", "email": "before@example.fi"}
    await register.write(order(day(1), consumer(email="aino@example.fi")))
    await register.write(ban(day(2), scope("offers"), banned))
    persons = [row["person_id"] for row in await register.rows("select person_id from identity")]
    lock = _digest_lock(register.rules.digester.email("before@example.fi").digest)
    async with register.connection.transaction():
        await lock_reach(register.connection, [], persons)
        assert await register.connection.fetchval(_HELD, lock)


async def test_so_is_that_of_who_shares_a_contact_point(register: StoreDriver) -> None:
    """Ville is decided anew where Aino bans their address, and what he banned is read too."""
    shared = "koti@example.fi"
    await register.write(order(day(1), consumer(email=shared), subject="c-1"))
    await register.write(order(day(1), consumer("Ville", email=shared), subject="c-2"))
    banned = {"kind": "consumer", "email": "before@example.fi"}
    await register.write(ban(day(2), scope("offers"), banned, subject="c-2"))
    again = read(ban(day(3), scope("offers"), subject="c-1"), digester=register.rules.digester)
    lock = _digest_lock(register.rules.digester.email("before@example.fi").digest)
    async with register.connection.transaction():
        reach, _ = await lock_reach(register.connection, [again])
        assert len(reach.persons) == 2
        assert await register.connection.fetchval(_HELD, lock)


async def test_an_order_of_who_banned_once_concerns_nobody_else(register: StoreDriver) -> None:
    """It changes no ban: who shares a contact point is neither locked nor decided anew."""
    shared = consumer(email="koti@example.fi")
    await register.write(order(day(1), shared, subject="c-1"))
    await register.write(order(day(1), consumer("Ville", email="koti@example.fi"), subject="c-2"))
    await register.write(ban(day(2), scope("offers"), shared, subject="c-1"))
    again = order(day(3), shared, order_id="order-2", subject="c-1")
    async with register.connection.transaction():
        arrival = read(again, digester=register.rules.digester)
        assert len((await lock_reach(register.connection, [arrival]))[0].persons) == 1


async def test_who_comes_back_after_a_ban_on_collecting_concerns_who_shares_the_address(
    register: StoreDriver,
) -> None:
    """R24: the ban under the address ends. All that is known before the batch is decided, which
    so needs no second time."""
    shared = consumer(email="koti@example.fi")
    await register.write(order(day(1), consumer("Ville", email="koti@example.fi"), subject="c-2"))
    await register.write(ban(day(2), scope("offers"), shared, subject="c-1", collection=True))
    back = order(day(3), shared, order_id="order-2", subject="c-1")
    async with register.connection.transaction():
        arrival = read(back, digester=register.rules.digester)
        assert len((await lock_reach(register.connection, [arrival]))[0].persons) == 2


async def test_what_a_person_bans_and_lifts_by_its_addresses_is_decided_once(
    register: StoreDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R50: a no counts as it stands in what two identities have in common, so that one makes no
    match keys of what was given before: nothing has to be read besides."""
    times: list[int] = []

    def counted(*given: Any) -> Changes:
        times.append(len(given))
        return apply(*given)

    person = consumer(email="koti@example.fi", phone="+358401234567")
    await register.write(order(day(1), person, subject="c-1"))
    monkeypatch.setattr(batch, "apply", counted)
    named = {"kind": "consumer", "email": "koti@example.fi"}
    await register.write(ban(day(2), scope("offers"), named, subject="c-1"))
    await register.write(lift(day(3), scope("offers"), named, subject="c-1"))
    assert len(times) == 2


_LOOKED_UP = {
    "persons_of": ("identity", "identity"),
    "match_keys": ("match_key",),
    "members": ("person_id",),
    "users": ("identity", "digest"),
    "facts": ("identity",),
    "customers": ("person_id",),
    "ban_entries": ("digest", "digest"),
    "ban_digests": ("digest",),
}
"""What a batch reads, with the kinds of keys that it gives."""


async def test_a_batch_looks_rows_up_also_before_the_tables_were_analyzed(
    register: StoreDriver,
) -> None:
    """Many keys, and no statistics: the planner would read all of a table instead."""
    crowd = [
        order(day(1), consumer(email=f"c{n}@example.fi"), subject=f"c-{n}", order_id=f"order-{n}")
        for n in range(300)
    ]
    await register.write(*crowd)
    identities = await register.rows("select * from identity")
    match_keys = await register.rows("select * from match_key")
    points = await register.rows("select * from identity_point")
    keys = {
        "identity": array_of_digests(row["identity"] for row in identities),
        "person_id": array_of_terms(str(row["person_id"]) for row in identities),
        "match_key": array_of_digests(row["match_key"] for row in match_keys),
        "digest": array_of_digests(row["digest"] for row in points),
    }
    asked = {name: (getattr(queries, name), kinds) for name, kinds in _LOOKED_UP.items()}
    all_kinds = tuple(kind for kinds in _LOOKED_UP.values() for kind in kinds)
    asked["together"] = (reading(tuple(query for query, _ in asked.values())), all_kinds)
    for name, (query, kinds) in asked.items():
        types = ", ".join("uuid[]" if kind == "person_id" else "bytea[]" for kind in kinds)
        await register.connection.execute(f"prepare looked_up ({types}) as {query}")
        given = ", ".join(f"'{keys[kind]}'" for kind in kinds)
        lines = await register.connection.fetch(f"explain execute looked_up ({given})")
        await register.connection.execute("deallocate looked_up")
        plan = "\n".join(line[0] for line in lines)
        assert "$1" in plan, plan  # the plan that is kept, not one for these keys
        assert "Index Cond" in plan, (name, plan)
        assert not re.search("Seq Scan|Hash Join|Materialize", plan), (name, plan)


async def test_an_order_that_ends_what_a_ban_left_behind_frees_who_shared_the_address(
    register: StoreDriver,
) -> None:
    """R2, R8, R22: Aino was a customer when she banned, so her data did not have to go and no ban
    stays under her address. The order tells so late, and names another address."""
    agreed = scope("offers", "email")
    await register.write(signup(day(1), consumer(email="koti@example.fi"), agreed, subject="c-1"))
    ville = consumer("Ville", email="koti@example.fi")
    await register.write(order(day(1), ville, subject="c-2", order_id="order-2"))
    await register.write(ban(day(3), subject="c-1"))
    bound = (await _about(register, "c-2"))[-1]
    assert bound["deny"]["offers"]["email"] == "banned"
    before = consumer(email="before@example.fi")
    await register.write(order(day(0.5), before, subject="c-1", order_id="order-1"))
    (freed,) = await _about(register, "c-2")
    assert freed["allow"]["offers"]["email"] == "soft_opt_in"
    assert not (await register.verify()).found


async def test_what_another_batch_holds_is_waited_for_at_the_next_try(
    register: StoreDriver, database: Database
) -> None:
    """The try after a failed one begins with what the batch turned out to concern."""
    agreed = scope("offers", "email")
    shared = consumer(email="koti@example.fi")
    await register.write(signup(day(1), shared, agreed, subject="c-1"), ban(day(3), subject="c-1"))
    ville = consumer("Ville", email="koti@example.fi")
    await register.write(order(day(1), ville, subject="c-2", order_id="order-2"))
    (user,) = await register.rows("select person_id from identity where subject = 'c-2'")
    point = register.rules.digester.email("koti@example.fi").digest
    before = consumer(email="before@example.fi")
    late = order(day(0.5), before, subject="c-1", order_id="order-1")
    beside = await connect(database.url, "beside")
    try:
        async with beside.transaction():
            await beside.execute(
                "select pg_advisory_xact_lock($1)", _person_lock(user["person_id"])
            )
            with pytest.raises(Contended) as raised:
                await register.write(late)
        assert raised.value.points == {point}
    finally:
        await beside.close()
    await register.write(late, concerns=raised.value.points)
    assert not (await register.verify()).found


async def test_what_another_batch_changed_before_the_locks_were_there_is_read_anew(
    register: StoreDriver, database: Database
) -> None:
    """R5, R50: while the ban waits for its locks, the order beside it makes two identities one
    person. The ban binds both."""
    aino = consumer(email="aino@example.fi", phone="+358401234567")
    await register.write(order(day(1), aino, subject="c-1"))
    beside = await connect(database.url, "beside", by_key=True)
    blocker = await connect(database.url, "blocker")
    try:
        async with beside.transaction():
            other = StoreDriver(beside, digester=register.rules.digester)
            await other.write(order(day(2), aino, subject="c-2", order_id="order-2"))
            waiting = asyncio.create_task(register.write(ban(day(3), subject="c-1")))
            await anyone_waits(blocker)
        await waiting
    finally:
        await blocker.close()
        await beside.close()
    persons = await register.rows("select distinct person_id from identity")
    assert len(persons) == 1
    said = await register.said("eligibility.updated")
    assert said[-1]["deny"]["offers"]["email"] == "banned"
    assert not (await register.verify()).found


async def test_an_identity_that_went_to_another_person_and_came_back_is_read_anew(
    register: StoreDriver, database: Database
) -> None:
    """R51: late events make the eldest identity another one, and then that one again. Who had the
    identity meanwhile held other locks, and may have written of it after its facts were read."""
    await register.write(order(day(1), consumer(email="aino@example.fi")))
    persons = [row["person_id"] for row in await register.rows("select person_id from identity")]
    times: list[Reach] = []
    other = await connect(database.url, "other")

    async def asked(reach: Reach) -> Sequence[Asked]:
        times.append(reach)
        if len(times) == 1:
            await other.execute("update identity set person_id = person_id")
        return ()

    try:
        async with register.connection.transaction():
            await lock_reach(register.connection, [], persons, asked=asked)
    finally:
        await other.close()
    assert len(times) == 2


async def test_a_ban_that_comes_back_under_an_address_goes_on_in_its_versions(
    register: StoreDriver,
) -> None:
    """R62: nothing stands there any more and no event names it: its tombstone counts all the
    same."""
    await register.write(order(day(1), consumer(email="old@example.fi")))
    who = consumer(email="old@example.fi")
    await register.write(rectification(day(2), who, {"email": "new@example.fi"}))
    old = {"kind": "consumer", "email": "old@example.fi"}
    await register.write(ban(day(1.5), scope("offers"), old, subject="c-7"))
    await register.write(lift(day(3), scope("offers"), old, subject="c-8"))
    await register.write(ban(day(1.7), scope("newsletter"), old, subject="c-7"))
    new = register.rules.digester.email("new@example.fi").digest
    rows = await register.rows("select version, content from ban_digest where digest = $1", new)
    assert [(row["version"], row["content"] is not None) for row in rows] == [(3, True)]


async def _about(register: StoreDriver, subject: str) -> list[dict[str, Any]]:
    return [
        one
        for one in await register.said("eligibility.updated")
        if subject in {known["subject"] for known in one["identities"]}
    ]


async def test_a_correction_without_a_reference_makes_two_persons_one(
    register: StoreDriver,
) -> None:
    """R50, R62: whose it is turns out when it is applied; with the rest of what that person gave,
    the new name is somebody else's, and their ban counts for both (R51)."""
    number = "040 123 4567"
    aino = consumer(email="aino@example.fi", phone=number)
    other = consumer(family="Korhonen", email="korhonen@example.fi", phone=number)
    await register.write(order(day(1), aino, subject="c-1"))
    await register.write(order(day(1), other, order_id="order-2", subject="c-2"))
    await register.write(ban(day(2), subject="c-2"))
    await register.said()
    name = {"name": {"given": "Aino", "family": "Korhonen"}}
    who = consumer(email="aino@example.fi")
    await register.write(rectification(day(3), who, name, subject=None))
    told = await register.said("eligibility.updated")
    (both,) = [one for one in told if len(one["identities"]) == 2]
    assert both["deny"]["newsletter"]["email"] == "banned"
    assert not (await register.verify()).found


async def test_a_session_stays_while_a_batch_is_decided(
    register: StoreDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a session that is silent within a transaction: its process may be frozen.
    One that thinks is not."""
    await register.connection.execute("set idle_in_transaction_session_timeout = '500ms'")
    monkeypatch.setattr(batch, "_SILENT_S", 0.1)

    def slowly(*given: Any) -> Changes:
        time.sleep(1.5)
        return apply(*given)

    monkeypatch.setattr(batch, "apply", slowly)
    orders = [
        order(day(1), consumer(email=f"a{n}@example.fi"), order_id=f"o-{n}", subject=f"c-{n}")
        for n in range(50)
    ]
    assert len((await register.write(*orders)).applied) == 50
