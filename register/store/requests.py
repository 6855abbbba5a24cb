"""Requests as kept, with their due dates (R61)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from register.rules.intake import Intake
from register.rules.requests import due
from register.rules.snapshot import Answer
from register.store.pool import Connection
from register.store.sql import queries


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """Requests that wait, and those of them past their due date."""

    open: int
    overdue: int


async def write_answered(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """Keep requests that were answered at once."""
    await _insert(connection, [(one.intake, now, one.reason) for one in answers])


async def write_open(connection: Connection, intake: Intake) -> None:
    """Keep a request that takes longer."""
    await _insert(connection, [(intake, None, None)])


async def close(
    connection: Connection, source: str, event_id: str, now: datetime, reason: str | None
) -> None:
    """A request that took longer has ended."""
    await connection.execute(queries.close_request, source, event_id, now, reason)


async def counts(connection: Connection, now: datetime) -> RequestCounts:
    """For the metrics."""
    row = await connection.fetchrow(queries.request_counts, now)
    assert row is not None
    return RequestCounts(row["open"], row["overdue"])


async def _insert(
    connection: Connection, rows: Sequence[tuple[Intake, datetime | None, str | None]]
) -> None:
    if not rows:
        return
    facts = [intake.fact for intake, _, _ in rows]
    await connection.execute(
        queries.insert_requests,
        [fact.source for fact in facts],
        [fact.event_id for fact in facts],
        [intake.request.request_id if intake.request else "" for intake, _, _ in rows],
        [fact.type for fact in facts],
        [fact.received for fact in facts],
        [due(fact.received) for fact in facts],
        [closed for _, closed, _ in rows],
        [reason for _, _, reason in rows],
    )
