"""Holding a worker still at a step of its work, from outside: nothing in it knows of this.

A table is locked, so that whoever writes to it waits; a gate is a trigger that waits for an
advisory lock, at the very commit or when published messages are taken out of the outbox; and
Kafka's answers are held back on their way.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.faults.harness.plan import Step
from tests.faults.harness.site import Member, Missed, Site
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.locks import relay_is_stuck, table_locked
from tests.integration.support.polling import until

_PATIENCE_S = 8.0
_GATES = 0x4641554C  # "FAUL"
_COMMIT, _FORGET = 1, 2

_TRIGGERS = f"""
create function fault_gate() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared({_GATES}, tg_argv[0]::int);
    return null;
end $$;
create constraint trigger fault_commit after insert or update on consumer_offset
    deferrable initially deferred for each row execute function fault_gate({_COMMIT});
create trigger fault_forget before delete on outbox
    for each statement execute function fault_gate({_FORGET});
"""

_HELD = f"""
select distinct client_port from pg_locks join pg_stat_activity using (pid)
where not granted and client_port is not null and application_name like 'register-%'
and (relation in ('event_key'::regclass, 'fact'::regclass)
    or (locktype = 'advisory' and classid = {_GATES}))
"""

_PUBLISHES = """
select client_port from pg_stat_activity
where application_name = 'register-relay' and state = 'idle'
and state_change < clock_timestamp() - interval '1.5 seconds'
"""


async def make_gates(deployment: Deployment) -> None:
    """Put the gates into the database; they stand open."""
    async with connected(deployment.database_url) as connection:
        await connection.execute(_TRIGGERS)


@asynccontextmanager
async def held_at(site: Site, step: Step, pick: float) -> AsyncIterator[Member]:
    """One of the workers that stand at this step, and cannot go on before the body ends.

    Raises `Missed` where none comes there in time.
    """
    async with _HOLDS[step](site):
        if step is Step.PUBLISH:
            ports = await _ports(site, _PUBLISHES)
        else:
            ports = await _ports(site, _HELD)
        members = [one for one in site.members if one.postgres.ports() & ports]
        if not members:
            raise Missed(f"nobody came to {step}")
        yield members[int(pick * len(members))]


async def _ports(site: Site, query: str) -> set[int]:
    async def found() -> set[int]:
        async with connected(site.deployment.database_url) as connection:
            return {row["client_port"] for row in await connection.fetch(query)}

    try:
        return await until("a worker at the step", found, seconds=_PATIENCE_S)
    except AssertionError as error:
        raise Missed(str(error)) from error


def _table(name: str) -> Callable[[Site], AbstractAsyncContextManager[None]]:
    return lambda site: table_locked(site.deployment, name)


def _gate(number: int) -> Callable[[Site], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def closed(site: Site) -> AsyncIterator[None]:
        async with connected(site.deployment.database_url) as connection:
            await connection.execute(f"select pg_advisory_lock({_GATES}, {number})")
            yield

    return closed


@asynccontextmanager
async def _answers_held(site: Site) -> AsyncIterator[None]:
    # A batch waits at its commit until Kafka is silent: then there is something to publish.
    try:
        async with _gate(_COMMIT)(site):
            await _ports(site, _HELD)
            for proxy in site.kafka:
                proxy.hold_answers()
        try:
            await relay_is_stuck(site.deployment)
        except AssertionError as error:
            raise Missed(str(error)) from error
        yield
    finally:
        for proxy in site.kafka:
            proxy.let_answers_go()


_HOLDS: dict[Step, Callable[[Site], AbstractAsyncContextManager[None]]] = {
    Step.RECEIVE: _table("event_key"),
    Step.DECIDE: _table("fact"),
    Step.COMMIT: _gate(_COMMIT),
    Step.PUBLISH: _answers_held,
    Step.ACKNOWLEDGE: _gate(_FORGET),
}
