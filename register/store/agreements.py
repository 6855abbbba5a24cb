"""Agreements with partners, as kept; whoever decides persons holds them still meanwhile."""

from collections.abc import Sequence

from register.rules.agreements import Agreement, active, purposes
from register.rules.intake import Intake
from register.store.pool import Connection
from register.store.rows import event_of
from register.store.sql import queries

SWEEP = "agreements"
_LOCK = 0x41475245  # "AGRE"


async def hold_agreements(connection: Connection, *, to_change: bool) -> None:
    """Keep agreements from changing until this transaction ends, or hold them alone to change
    them. Taken before every other lock, so that no two batches deadlock."""
    query = queries.hold_agreements if to_change else queries.share_agreements
    await connection.execute(query, _LOCK)


async def read_agreements(connection: Connection) -> dict[str, Agreement]:
    """Active agreements by partner id."""
    rows = await connection.fetch(queries.agreement_facts)
    return active(event_of(row) for row in rows)


async def write_agreements(connection: Connection, arrivals: Sequence[Intake]) -> None:
    """Keep agreements; where they open or close a purpose, every customer is decided anew."""
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
    if purposes((await read_agreements(connection)).values()) != before:
        last = facts[-1]
        cause = {
            "source": last.source,
            "id": last.event_id,
            "time": last.time.isoformat(),
            "received": last.received.isoformat(),
        }
        await connection.execute(queries.start_sweep, SWEEP, cause)
