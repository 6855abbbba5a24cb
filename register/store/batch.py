"""One batch, one transaction: from decoded events to a register, an outbox and offsets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from register.outbound import Outbound
from register.records import OutboxMessage, Record
from register.rules.apply import apply
from register.rules.digest import Digester
from register.rules.facts import PROTECTIVE
from register.rules.intake import Intake
from register.store.pool import Connection
from register.store.reading import lock_reach, read_snapshot
from register.store.sql import queries
from register.store.writing import save_offsets, write_changes, write_outbox

ID_CONFLICT = "id_conflict"

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record that could be read."""

    record: Record
    intake: Intake

    @property
    def key(self) -> _Key:
        """The duplicate key (R1)."""
        return (self.intake.fact.source, self.intake.fact.event_id)


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one fetch brought, in order; `offsets` says where each partition goes on after it."""

    arrived: Sequence[Arrived]
    unread: Sequence[Unread]
    offsets: Mapping[tuple[str, int], int]


@dataclass(slots=True)
class Outcome:
    """What became of a batch's records, and how many messages it put into the outbox.

    `refusals` holds rule and reason of each refused event.
    """

    applied: list[Arrived] = field(default_factory=list)
    duplicates: list[Arrived] = field(default_factory=list)
    refused: list[Arrived] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    dead: list[Unread] = field(default_factory=list)
    messages: int = 0


async def write_batch(
    connection: Connection, batch: Batch, digester: Digester, prefix: str, now: datetime
) -> Outcome:
    """Apply a batch in one transaction; after it returned, everything is committed.

    Raises the driver's errors; `pool.CONFLICT` and `pool.LOST_CONNECTION` tell which of them
    ask for another try with the same batch. Nothing of a failed try remains.
    """
    async with connection.transaction():
        return await _write(connection, batch, digester, Outbound(prefix, now))


async def _write(
    connection: Connection, batch: Batch, digester: Digester, outbound: Outbound
) -> Outcome:
    outcome = Outcome()
    outgoing: list[OutboxMessage] = []
    if batch.arrived:
        intakes = [arrived.intake for arrived in batch.arrived]
        reach = await lock_reach(connection, intakes)
        fresh, conflicts = await _sort_out(connection, batch.arrived, outcome)
        snapshot = await read_snapshot(
            connection, [arrived.intake for arrived in fresh], reach, digester
        )
        changes = apply(snapshot, [arrived.intake for arrived in fresh], digester)
        await write_changes(connection, changes)
        outgoing.extend(outbound.messages(changes))
        refused = {refusal.intake.fact.fact_id for refusal in changes.refusals}
        outcome.applied = [one for one in fresh if one.intake.fact.fact_id not in refused]
        outcome.refused = [one for one in fresh if one.intake.fact.fact_id in refused]
        outcome.refusals = [(one.refused.rule, one.refused.reason) for one in changes.refusals]
    else:
        conflicts = []
    for unread in await _new_dead_letters(connection, [*batch.unread, *conflicts]):
        outcome.dead.append(unread)
        outgoing.append(outbound.dead_letter(unread.record, unread.reason))
    outcome.messages = await write_outbox(connection, outgoing)
    await save_offsets(connection, batch.offsets)
    return outcome


async def _sort_out(
    connection: Connection, arrived: Sequence[Arrived], outcome: Outcome
) -> tuple[list[Arrived], list[Unread]]:
    """R1: tell new events from duplicates and from conflicts.

    Returns the events to apply, in order (a conflicting ban or withdrawal is among them), and
    the conflicts that become dead letters.
    """
    first: dict[_Key, Arrived] = {}
    for one in arrived:
        first.setdefault(one.key, one)
    keys = sorted(first)
    inserted = await connection.fetch(
        queries.insert_event_keys,
        [source for source, _ in keys],
        [event_id for _, event_id in keys],
        [first[key].intake.body_digest for key in keys],
    )
    new = {(row["source"], row["event_id"]) for row in inserted}
    bodies = {key: first[key].intake.body_digest for key in new}
    bodies.update(await _known_bodies(connection, [key for key in keys if key not in new]))
    others = [one for one in arrived if bodies[one.key] != one.intake.body_digest]
    new_conflicts = await _insert_conflicts(connection, others)
    fresh: list[Arrived] = []
    conflicts: list[Unread] = []
    for one in arrived:
        conflict = (one.key, one.intake.body_digest)
        if one.key in new and first[one.key] is one:
            fresh.append(one)
        elif conflict in new_conflicts:
            new_conflicts.remove(conflict)
            conflicts.append(Unread(one.record, ID_CONFLICT))
            if one.intake.fact.type in PROTECTIVE:
                fresh.append(one)
        else:
            outcome.duplicates.append(one)
    return fresh, conflicts


async def _known_bodies(connection: Connection, keys: Sequence[_Key]) -> dict[_Key, bytes]:
    if not keys:
        return {}
    rows = await connection.fetch(
        queries.event_bodies, [source for source, _ in keys], [event_id for _, event_id in keys]
    )
    return {(row["source"], row["event_id"]): row["body_digest"] for row in rows}


async def _insert_conflicts(
    connection: Connection, others: Sequence[Arrived]
) -> set[tuple[_Key, bytes]]:
    if not others:
        return set()
    rows = sorted({(*one.key, one.intake.body_digest) for one in others})
    inserted = await connection.fetch(
        queries.insert_event_conflicts,
        [source for source, _, _ in rows],
        [event_id for _, event_id, _ in rows],
        [digest for _, _, digest in rows],
    )
    return {((row["source"], row["event_id"]), row["body_digest"]) for row in inserted}


async def _new_dead_letters(connection: Connection, unread: Sequence[Unread]) -> list[Unread]:
    """Those that did not become dead letters before: a record read twice is written once."""
    if not unread:
        return []
    rows = await connection.fetch(
        queries.insert_dead_letters,
        [one.record.topic for one in unread],
        [one.record.partition for one in unread],
        [one.record.offset for one in unread],
        [one.reason for one in unread],
    )
    new = {(row["topic"], row["partition"], row["offset"]) for row in rows}
    return [
        one for one in unread if (one.record.topic, one.record.partition, one.record.offset) in new
    ]
