"""The faults themselves. Each is over when its action returns; what it left broken for good (a
worker that ended) is replaced. The answer says whom it struck."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import islice

from tests.faults.harness.load import CARELESS, Load
from tests.faults.harness.plan import KAFKA, Fault, Kind, Step
from tests.faults.harness.site import Member, Missed, Site
from tests.faults.harness.steps import held_at
from tests.integration.support.broker import publish
from tests.integration.support.database import connected
from tests.integration.support.locks import table_locked

_STOPS_WITHIN_S = 10.0
_READY_S = 45.0
_SLOW = {KAFKA: (0.02, 0.15), "PostgreSQL": (0.005, 0.05)}
_STATEMENT_MS = 400
_REPEATED = 400


async def strike(site: Site, load: Load, fault: Fault) -> str:
    """Do it; returns what was struck. Raises `Missed` where there was nothing to strike."""
    return await _ACTIONS[fault.card.kind](site, load, fault)


@asynccontextmanager
async def _caught(site: Site, fault: Fault) -> AsyncIterator[Member]:
    """A worker at the fault's step, or wherever it is."""
    if fault.card.step is None:
        await asyncio.sleep(fault.pause)
        yield site.member(fault.pick)
        return
    async with held_at(site, fault.card.step, fault.pick) as member:
        yield member


async def _kill(site: Site, _: Load, fault: Fault) -> str:
    async with _caught(site, fault) as member:
        if fault.card.how == "SIGKILL":
            member.worker.kill()
            ending = None
        else:
            ending = asyncio.create_task(_stop(site, member))
        # Held at the step for a while, but not longer than it has to end.
        await asyncio.sleep(fault.seconds)
    if ending is not None:
        await ending
    await site.replace(member)
    return str(member)


async def _stop(site: Site, member: Member) -> None:
    code, _took = await asyncio.to_thread(member.worker.stop, seconds=_STOPS_WITHIN_S)
    if code:
        site.ended.append(f"{member} ended with {code} after SIGTERM")


async def _cut(site: Site, _: Load, fault: Fault) -> str:
    async with _caught(site, fault) as member:
        cut = await _terminate(site, member.postgres.ports())
    return f"{cut} of {member}"


async def _terminate(site: Site, ports: set[int] | None = None) -> int:
    """End the workers' database sessions, or those that come from these ports."""
    async with connected(site.deployment.database_url) as connection:
        return int(
            await connection.fetchval(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                " where application_name like 'register-%'"
                " and ($1::int[] is null or client_port = any($1))",
                None if ports is None else list(ports),
            )
        )


async def _break(site: Site, _: Load, fault: Fault) -> str:
    """Once at the step; else again and again, and the worker learns of all at the same moment."""
    async with _caught(site, fault) as member:
        proxies = site.kafka if fault.card.how == KAFKA else [member.postgres]
        before = sum(proxy.breaks for proxy in proxies)
        until = asyncio.get_running_loop().time() + fault.seconds
        pace = random.Random(fault.number)
        while True:
            member.worker.pause()
            for proxy in proxies:
                proxy.break_all()
            await asyncio.sleep(0.01)
            member.worker.resume()
            if fault.card.step is not None or asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(pace.uniform(0.01, 0.3))
    return f"{sum(proxy.breaks for proxy in proxies) - before} broken, {member}"


async def _freeze(site: Site, _: Load, fault: Fault) -> str:
    async with _caught(site, fault) as member:
        member.worker.pause()
    try:
        if fault.card.step is Step.PUBLISH:
            # What PostgreSQL does with a relay that is silent for too long, only sooner.
            await _terminate(site, member.postgres.ports())
        await asyncio.sleep(fault.seconds)
    finally:
        member.worker.resume()
    return str(member)


async def _rebalance(site: Site, _: Load, fault: Fault) -> str:
    """One more worker comes, and when it is at work another one goes."""
    added = await site.start_worker()
    await site.deployment.await_ready(added.worker, seconds=_READY_S)
    await asyncio.sleep(fault.seconds)
    leaving = site.member(fault.pick)
    await _stop(site, leaving)
    await site.remove(leaving)
    return f"{added} came, {leaving} went"


async def _kafka(site: Site, _: Load, fault: Fault) -> str:
    kafka = site.servers.kafka
    many, how = fault.card.how.split()
    count = {"one": 1, "two": 2, "all": len(kafka.nodes)}[many]
    first = int(fault.pick * len(kafka.nodes))
    nodes = [(first + number) % len(kafka.nodes) + 1 for number in range(count)]
    end = kafka.kill_node if how == "killed" else kafka.stop_node
    await asyncio.gather(*(asyncio.to_thread(end, node) for node in nodes))
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(kafka.start)
    return "node " + ", ".join(map(str, nodes))


async def _postgres(site: Site, _: Load, fault: Fault) -> str:
    postgres = site.servers.postgres
    await asyncio.sleep(fault.pause)
    await asyncio.to_thread(postgres.kill if fault.card.how == "killed" else postgres.stop)
    await asyncio.sleep(fault.seconds)
    await asyncio.to_thread(postgres.start)
    return "its server"


_FAILS = """
create or replace function fault_fails() returns trigger language plpgsql as $$
begin
    raise exception 'simulated' using errcode = tg_argv[0];
end $$;
create trigger fault_fails before insert or update or delete on {table}
    for each statement execute function fault_fails('{state}');
"""


async def _error(site: Site, _: Load, fault: Fault) -> str:
    """Every write to one table fails for a while, as on a full disk."""
    state, table = fault.card.how.split()
    async with connected(site.deployment.database_url) as connection:
        await connection.execute(_FAILS.format(table=table, state=state))
        await asyncio.sleep(fault.seconds)
        await connection.execute(f"drop trigger fault_fails on {table}")
    return "every worker"


async def _timeout(site: Site, _: Load, fault: Fault) -> str:
    """Statements that wait are ended by the server, in every session there is."""
    async with connected(site.deployment.database_url) as connection:
        name = await connection.fetchval("select current_database()")
        setting = f"alter database {name} {{}} statement_timeout"
        async with table_locked(site.deployment, "event_key"):
            await connection.execute(setting.format("set") + f" = '{_STATEMENT_MS}ms'")
            await _terminate(site)
            await asyncio.sleep(1.0 + fault.seconds)
        await connection.execute(setting.format("reset"))
        await _terminate(site)
    return "every worker"


async def _slow(site: Site, _: Load, fault: Fault) -> str:
    where = fault.card.how
    proxies = site.kafka if where == KAFKA else [one.postgres for one in site.members]
    least, most = _SLOW[where]
    delay = least + fault.pick * (most - least)
    for proxy in proxies:
        proxy.delay = delay
    await asyncio.sleep(fault.seconds)
    for proxy in proxies:
        proxy.delay = 0.0
    return f"{1000 * delay:.0f} ms"


async def _clock(site: Site, _: Load, fault: Fault) -> str:
    """It stays wrong for as long as the worker lives, or until it is stepped again."""
    member = site.member(fault.pick)
    if member.clock is None:
        raise Missed("there is no C compiler to step a clock with")
    member.clock.step(float(fault.card.how))
    return str(member)


async def _repeat(site: Site, load: Load, fault: Fault) -> str:
    """As a producer does that heard no answer and starts anew: some of them come more often."""
    records = load.sample(_REPEATED, fault.pick)
    if fault.card.how == "as they were":
        await site.deployment.publish(records)
        return f"{len(records)} events"
    sending = asyncio.create_task(
        asyncio.to_thread(publish, site.ways_to_kafka, site.deployment.prefix, records, CARELESS)
    )
    pace = random.Random(fault.number)
    for _ in islice(iter(sending.done, True), 10):
        await asyncio.sleep(pace.uniform(0.02, 0.2))
        for proxy in site.kafka:
            proxy.break_all()
    places = await sending
    return f"{len(places)} events"


_Action = Callable[[Site, Load, Fault], Awaitable[str]]
_ACTIONS: dict[Kind, _Action] = {
    Kind.KILL: _kill,
    Kind.CUT: _cut,
    Kind.BREAK: _break,
    Kind.FREEZE: _freeze,
    Kind.REBALANCE: _rebalance,
    Kind.KAFKA: _kafka,
    Kind.POSTGRES: _postgres,
    Kind.ERROR: _error,
    Kind.TIMEOUT: _timeout,
    Kind.SLOW: _slow,
    Kind.CLOCK: _clock,
    Kind.REPEAT: _repeat,
}
