"""Agreements with partners, as kept, and what keeps a change of them from passing anybody by.

Whoever decides persons reads the agreements after locking these, and holds a lock of all of them
that is shared. A change starts a sweep over all customers. It has to wait for nobody: the sweep
waits, before its first step, for those who hold the shared lock then, since they may have read
what was agreed before, and may make somebody whom the sweep has passed by.
"""

from collections.abc import Sequence

from register.rules.agreements import Agreement, active, purposes
from register.rules.intake import Intake
from register.store.pool import Connection
from register.store.rows import event_of
from register.store.sql import queries
from schemas.terms import Purpose

SWEEP = "agreements"
_DECIDING = 0x41475245  # "AGRE"
_CHANGING = 0x41475243  # "AGRC"


async def begin_to_decide(connection: Connection, *, changes_agreements: bool = False) -> None:
    """Tell that this transaction decides persons. Of those that change agreements there is one
    at a time, and none beside a step of the sweep that they start anew. Taken before every other
    lock, so that no two batches deadlock, nor a batch and a sweep."""
    await connection.execute(queries.share_agreements, _DECIDING)
    if changes_agreements:
        await connection.execute(queries.hold_agreements, _CHANGING)
        await connection.execute(queries.hold_sweep, SWEEP)


async def let_nobody_decide(connection: Connection) -> None:
    """Wait for whoever decides persons, and let nobody do so until this transaction ends."""
    await connection.execute(queries.hold_agreements, _DECIDING)


async def may_sweep(connection: Connection, name: str, waits_for: list[str] | None) -> bool:
    """Whether a sweep may begin: nobody decides any more by what was true before it.

    `waits_for` are the transactions that it waits for, None where nobody has looked yet.
    """
    if waits_for is None:
        waits_for = await connection.fetchval(queries.sweep_waits, name, _DECIDING)
    return not await connection.fetchval(queries.still_deciding, waits_for)


async def read_agreements(connection: Connection) -> dict[str, Agreement]:
    """Active agreements by partner id; the database leaves out what a newer word replaced."""
    rows = await connection.fetch(queries.active_agreements)
    return active(event_of(row) for row in rows)


async def write_agreements(
    connection: Connection, arrivals: Sequence[Intake]
) -> frozenset[Purpose]:
    """Keep agreements; where they open or close a purpose, every customer is decided anew. Gives
    the purposes that are open from now on."""
    before = purposes((await read_agreements(connection)).values())
    facts = [arrival.fact for arrival in arrivals]
    await connection.execute(
        queries.insert_agreement_facts,
        [fact.fact_id for fact in facts],
        [fact.source for fact in facts],
        [fact.event_id for fact in facts],
        [fact.type for fact in facts],
        [fact.time for fact in facts],
        [fact.received for fact in facts],
        [fact.body for fact in facts],
    )
    after = purposes((await read_agreements(connection)).values())
    if after != before:
        last = facts[-1]
        cause = {
            "source": last.source,
            "id": last.event_id,
            "time": last.time.isoformat(),
            "received": last.received.isoformat(),
        }
        await connection.execute(queries.start_sweep, SWEEP, cause)
    return after
