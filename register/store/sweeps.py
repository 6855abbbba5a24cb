"""What the register does of its own accord, one step per transaction (R26, R33, R34, R63)."""

import uuid
from datetime import UTC, datetime

from register.outbound import Outbound
from register.rules.disclosures import NO_AGREEMENT, Job, handed_over
from register.rules.facts import RETENTION, Fact
from register.rules.intake import Intake
from register.store import disclosures, requests
from register.store.agreements import may_sweep, read_agreements
from register.store.batch import Rules, decide_anew
from register.store.pool import Connection
from register.store.rows import uuid_of
from register.store.sql import queries
from register.store.writing import write_outbox
from schemas.terms import Recipient

CHUNK = 15
"""Customers decided anew per transaction: their bans wait meanwhile."""

_SOURCE = "/register/retention"
_NAMESPACE = uuid.UUID("0b3f2a52-6f0e-5a39-9a0e-5a2f7c1de001")


async def sweep_step(connection: Connection, rules: Rules, now: datetime) -> bool:
    """Decide the next customers of a sweep anew; False where none is under way, or has to wait."""
    async with connection.transaction():
        row = await connection.fetchrow(queries.next_sweep)
        if row is None:
            return False
        begins = row["position"] is None
        if begins and not await may_sweep(connection, row["name"], row["waits_for"]):
            return False
        found = await connection.fetch(queries.customers_after, row["position"], CHUNK)
        persons = [uuid_of(one["person_id"]) for one in found]
        if not persons:
            await connection.execute(queries.end_sweep, row["name"])
            return True
        cause = _cause(row["cause"])
        await decide_anew(connection, persons, rules, now, cause=cause)
        await connection.execute(queries.advance_sweep, row["name"], persons[-1])
        return True


def _cause(data: dict[str, str]) -> Intake:
    fact = Fact(
        fact_id=uuid.uuid5(_NAMESPACE, f"{data['source']}\n{data['id']}"),
        source=data["source"],
        event_id=data["id"],
        type="",
        identity=None,
        time=datetime.fromisoformat(data["time"]),
        received=datetime.fromisoformat(data["received"]),
        body={},
        party=None,
    )
    return Intake(fact, None, b"")


async def retention_step(connection: Connection, rules: Rules, now: datetime) -> int:
    """R26: erase former consumer customers whose time is over; returns how many."""
    limit = now - rules.settings.former_customer_retention
    async with connection.transaction():
        rows = await connection.fetch(queries.retention_over, limit, CHUNK)
        persons = [uuid_of(row["person_id"]) for row in rows]
        arrivals: list[Intake] = []
        for person_id in persons:
            identity = await connection.fetchval(queries.person_identity, person_id)
            arrivals.append(_expiry(person_id, identity, now))
        if arrivals:
            await decide_anew(connection, persons, rules, now, arrivals=arrivals)
        return len(persons)


def _expiry(person_id: uuid.UUID, identity: bytes, now: datetime) -> Intake:
    event_id = f"{person_id}:{now.astimezone(UTC).isoformat()}"
    fact = Fact(
        fact_id=uuid.uuid5(_NAMESPACE, f"{event_id}\n{identity.hex()}"),
        source=_SOURCE,
        event_id=event_id,
        type=RETENTION,
        identity=identity,
        time=now,
        received=now,
        body={},
        party=None,
    )
    return Intake(fact, None, b"")


async def disclosure_step(connection: Connection, rules: Rules, now: datetime) -> bool:
    """R63, R64: hand over the next part of a disclosure; False where none is under way."""
    async with connection.transaction():
        job = await disclosures.next_job(connection)
        if job is None:
            return False
        outbound = Outbound(rules.prefix, now)
        people = await disclosures.candidates(connection, job)
        changes = await decide_anew(connection, people, rules, now)
        # Only now: an agreement may have ended while this waited for somebody's lock.
        if await _may_receive(connection, job):
            wanted = frozenset(people)
            part = handed_over(job, [row for row in changes.persons if row.person_id in wanted])
            part = await disclosures.left_over(connection, job, part)
            await disclosures.hand_over(connection, job, part, now)
            shown = outbound.disclosure(job, [person for _, person in part])
            await write_outbox(connection, [shown])
            if job.next_part < job.parts:
                return True
            await _end(connection, job, outbound, None, now)
        else:
            await _end(connection, job, outbound, NO_AGREEMENT, now)
        return True


async def _may_receive(connection: Connection, job: Job) -> bool:
    """R63: the agreement must be active at the hand-over too."""
    if job.recipient is not Recipient.PARTNER:
        return True
    agreement = (await read_agreements(connection)).get(job.partner_id or "")
    return agreement is not None and agreement.may_receive


async def _end(
    connection: Connection, job: Job, outbound: Outbound, reason: str | None, now: datetime
) -> None:
    await disclosures.end(connection, job)
    await requests.close(connection, job.source, job.event_id, now, reason)
    ended = outbound.request_ended(
        job.request_id, "disclosure.requested", reason, f"request:{job.job_id}", job.traceparent
    )
    await write_outbox(connection, [ended])
