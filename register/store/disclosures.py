"""The disclosure ledger, recalls, and disclosures under way (S29, R63 to R65)."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from register.rules.digest import Digester
from register.rules.disclosures import (
    NO_AGREEMENT,
    NO_LEGAL_BASIS,
    Disclosed,
    Job,
    Recall,
    Selection,
    disclosed_now,
    may_recall,
    recalls,
)
from register.rules.facts import JsonDict
from register.rules.intake import Intake
from register.rules.requests import NOT_FOUND
from register.rules.snapshot import Changes
from register.store.agreements import read_agreements
from register.store.pool import LONG_TIMEOUT_S, Connection
from register.store.rows import uuid_of
from register.store.sql import queries
from schemas.inbound import DisclosureData
from schemas.terms import Recipient

PART_SIZE = 100
"""Persons per `disclosure.made` at most."""


async def recall(connection: Connection, changes: Changes, now: datetime) -> list[Recall]:
    """R65: take back what partners must no longer use of the persons that a batch decided."""
    rows = disclosed_now(changes)
    # Of everybody else nothing is taken back, and a ledger is long where much was handed over.
    touched = [person_id for person_id, row in rows.items() if may_recall(row)]
    if not touched:
        return []
    ledger = [
        Disclosed(
            row["ledger_id"], row["person_id"], row["partner_id"], row["name"], row["address"]
        )
        for row in await connection.fetch(queries.ledger_lines, touched)
    ]
    found = recalls(ledger, rows)
    if found:
        await connection.execute(
            queries.recall_ledger,
            [one.disclosed.ledger_id for one in found],
            [one.reason for one in found],
            now,
        )
    gone = [person_id for person_id, row in rows.items() if row is None]
    if gone:
        await connection.execute(queries.forget_ledger_names, gone)
    return found


async def start(
    connection: Connection, intake: Intake, asked: DisclosureData, digester: Digester
) -> str | None:
    """Start a disclosure; returns why it must not be, or None.

    R63: a partner needs an active agreement; R64: anybody else needs a legal basis, and a
    person's own request hands over that person alone.
    """
    only: uuid.UUID | None = None
    if asked.recipient is Recipient.PARTNER:
        agreement = (await read_agreements(connection)).get(asked.partner_id or "")
        if agreement is None or not agreement.may_receive:
            return NO_AGREEMENT
    elif asked.legal_basis is None:
        return NO_LEGAL_BASIS
    elif asked.recipient is Recipient.PERSON:
        only = await _asking(connection, intake, digester)
        if only is None:
            return NOT_FOUND
    fact = intake.fact
    audience = asked.selection.audience
    audiences = [audience] if isinstance(audience, str) else audience
    await connection.execute(
        queries.insert_disclosure_job,
        fact.fact_id,
        fact.source,
        fact.event_id,
        asked.request_id,
        asked.recipient,
        asked.partner_id,
        asked.selection.model_dump(mode="json", exclude_none=True),
        fact.received,
        intake.traceparent,
    )
    await connection.execute(queries.plan_anew)
    await connection.execute(
        queries.insert_disclosure_candidates,
        fact.fact_id,
        PART_SIZE,
        asked.recipient is Recipient.PARTNER,
        audiences,
        only,
        timeout=LONG_TIMEOUT_S,
    )
    await connection.execute(queries.count_disclosure_parts, fact.fact_id)
    return None


async def _asking(connection: Connection, intake: Intake, digester: Digester) -> uuid.UUID | None:
    """Whose request it is: the person whom the event's source and subject name."""
    if intake.subject is None:
        return None
    identity = digester.identity(intake.fact.source, intake.subject)
    rows = await connection.fetch(queries.identities, [identity])
    return uuid_of(rows[0]["person_id"]) if rows else None


async def next_job(connection: Connection) -> Job | None:
    """The oldest disclosure under way, held until this transaction ends."""
    row = await connection.fetchrow(queries.next_disclosure_job)
    return _job(row) if row is not None else None


def _job(row: asyncpg.Record) -> Job:
    selection: Mapping[str, Any] = row["selection"]
    audience = selection.get("audience")
    return Job(
        job_id=uuid_of(row["job_id"]),
        source=row["source"],
        event_id=row["event_id"],
        request_id=row["request_id"],
        recipient=Recipient(row["recipient"]),
        partner_id=row["partner_id"],
        selection=Selection(
            audiences=_set([audience] if isinstance(audience, str) else audience),
            products=_set(selection.get("products")),
            postal_codes=_set(selection.get("postal_codes")),
        ),
        received=row["received"],
        traceparent=row["traceparent"],
        parts=row["parts"],
        next_part=row["next_part"],
    )


def _set(values: Sequence[str] | None) -> frozenset[str] | None:
    return frozenset(values) if values is not None else None


async def candidates(connection: Connection, job: Job) -> list[uuid.UUID]:
    """The customers that the next part may take."""
    rows = await connection.fetch(queries.disclosure_part, job.job_id, job.next_part)
    return [uuid_of(row["person_id"]) for row in rows]


async def left_over(
    connection: Connection, job: Job, people: Sequence[tuple[uuid.UUID, JsonDict]]
) -> list[tuple[uuid.UUID, JsonDict]]:
    """Of a part, whom no earlier one handed over: a merge brings persons of two parts together."""
    rows = await connection.fetch(
        queries.handed_over,
        [person_id for person_id, _ in people],
        job.request_id,
        job.recipient,
        job.partner_id,
        job.received,
    )
    done = {uuid_of(row["person_id"]) for row in rows}
    return [one for one in people if one[0] not in done]


async def hand_over(
    connection: Connection,
    job: Job,
    people: Sequence[tuple[uuid.UUID, JsonDict]],
    now: datetime,
) -> None:
    """Write a part into the ledger, and go on to the next one."""
    if people:
        count = len(people)
        await connection.execute(
            queries.insert_ledger,
            [uuid.uuid5(job.job_id, str(person_id)) for person_id, _ in people],
            [person_id for person_id, _ in people],
            [job.request_id] * count,
            [job.recipient.value] * count,
            [job.partner_id] * count,
            [now] * count,
            [person["name"] for _, person in people],
            [person["address"] for _, person in people],
        )
    await connection.execute(queries.advance_disclosure_job, job.job_id)


async def end(connection: Connection, job: Job) -> None:
    """Nothing is left to hand over."""
    await connection.execute(queries.end_disclosure_job, job.job_id)
