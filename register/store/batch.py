"""One batch, one transaction: from decoded events to a register, an outbox and offsets."""

import asyncio
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from register.outbound import Outbound
from register.records import OutboxMessage, Record
from register.rules.agreements import ENDED, SIGNED
from register.rules.apply import apply
from register.rules.bans import Entry
from register.rules.digest import Digester
from register.rules.facts import NOES, PROTECTIVE
from register.rules.intake import Intake
from register.rules.settings import RuleSettings
from register.rules.snapshot import Answer, Changes, Snapshot
from register.store.agreements import begin_to_decide, write_agreements
from register.store.disclosures import recall
from register.store.disclosures import start as start_disclosure
from register.store.pool import Connection
from register.store.reach import Reach, widen
from register.store.reading import lock_and_read, read_snapshot
from register.store.requests import write_answered, write_open
from register.store.screening import screen
from register.store.sql import queries
from register.store.writing import write_changes, write_outbox
from schemas.inbound import DisclosureRequested, ScreeningRequested

ID_CONFLICT = "id_conflict"

_FEW = 40
"""Arrivals and persons that are decided within a few milliseconds."""

_SILENT_S = 3.0
"""A third of what `pool.connect` allows a session within a transaction."""

_Key = tuple[str, str]
_Thought = tuple[Changes, list[OutboxMessage]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record that could be read; `dropped` counts unknown fields of its party (S7)."""

    record: Record
    intake: Intake
    dropped: int = 0

    @property
    def key(self) -> _Key:
        """The duplicate key (R1)."""
        return (self.intake.fact.source, self.intake.fact.event_id)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for what becomes of it: of a no, a request, a question."""
        intake = self.intake
        asks = intake.request is not None or intake.event is not None
        return asks or intake.fact.type in NOES


@dataclass(frozen=True, slots=True)
class Unread:
    """A record that could not be read, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What one fetch brought, in order; `offsets` says where each partition goes on after it.

    `concerns` are contact points and companies that an earlier try has shown it to concern.
    """

    arrived: Sequence[Arrived]
    unread: Sequence[Unread]
    offsets: Mapping[tuple[str, int], int]
    concerns: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class Outcome:
    """What became of a batch's records, and how many messages it put into the outbox.

    Each record is in one of the lists. `refusals` holds rule and reason of each refused event;
    `conflicts` are dead letters too (R1), among `dead` once they are written: a ban among them
    is applied as well, and counts as dead.
    """

    applied: list[Arrived] = field(default_factory=list)
    duplicates: list[Arrived] = field(default_factory=list)
    refused: list[Arrived] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[Unread] = field(default_factory=list)
    dead: list[Unread] = field(default_factory=list)
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What every batch of a worker is written by."""

    digester: Digester
    settings: RuleSettings
    prefix: str


async def write_batch(connection: Connection, batch: Batch, rules: Rules, now: datetime) -> Outcome:
    """Apply a batch in one transaction; after it returned, everything is committed.

    Raises the driver's errors; `pool.CONFLICT` and `pool.LOST_CONNECTION` tell which of them
    ask for another try with the same batch, `Contended` with what it `concerns`. Nothing of a
    failed try remains.
    """
    async with connection.transaction():
        outcome = Outcome()
        outgoing = await _write_arrived(connection, batch, rules, now, outcome)
        outbound = Outbound(rules.prefix, now)
        for unread in await _new_dead_letters(connection, [*batch.unread, *outcome.conflicts]):
            outcome.dead.append(unread)
            outgoing.append(outbound.dead_letter(unread.record, unread.reason))
        awaited = any(one.is_awaited for one in batch.arrived)
        outcome.messages = await write_outbox(connection, outgoing, batch.offsets, hurry=awaited)
        return outcome


async def rehearse(
    connection: Connection, batches: Iterable[Batch], rules: Rules, now: datetime
) -> None:
    """Write batches and take them back: raises what would have kept them from being written.

    Commits a line that nobody reads, with a word to the relay, since what is taken back has not
    shown whether the disk, a standby and the channel of notifications let a commit through.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        for batch in batches:
            await write_batch(connection, batch, rules, now)
    finally:
        await transaction.rollback()
    async with connection.transaction():
        await connection.execute(queries.save_rehearsal)
        await connection.execute(queries.wake_relay)


async def decide_anew(
    connection: Connection,
    persons: Collection[uuid.UUID],
    rules: Rules,
    now: datetime,
    *,
    arrivals: Sequence[Intake] = (),
    cause: Intake | None = None,
    entries: Sequence[Entry] = (),
) -> Changes:
    """Decide persons again, in the caller's transaction: something that concerns them changed.

    `arrivals` are events of the register's own (R26); `entries` were put into the ban register
    just now: who is bound by them is decided too. Returns what changed, already written.
    """
    await begin_to_decide(connection)
    reach, snapshot = await lock_and_read(connection, arrivals, rules.digester, persons)
    if beyond := reach.beyond(Changes(entries=list(entries))):
        reach = await widen(connection, arrivals, reach, beyond)
        snapshot = await read_snapshot(connection, arrivals, reach, rules.digester, snapshot)
    changes, outgoing = await _decide(connection, arrivals, reach, snapshot, rules, now, cause)
    await write_outbox(connection, outgoing)
    return changes


async def _write_arrived(
    connection: Connection,
    batch: Batch,
    rules: Rules,
    now: datetime,
    outcome: Outcome,
) -> list[OutboxMessage]:
    arrived = batch.arrived
    if not arrived:
        return []
    changing = any(one.intake.fact.type in _AGREEMENTS for one in arrived)
    await begin_to_decide(connection, changes_agreements=changing)
    # Before any lock on persons: who waits for another batch's keys holds none.
    fresh = await _sort_out(connection, arrived, outcome)
    if not fresh:
        return []
    reach, snapshot = await lock_and_read(
        connection, [one.intake for one in fresh], rules.digester, (), batch.concerns
    )
    agreements = [one.intake for one in fresh if one.intake.fact.type in _AGREEMENTS]
    if agreements:
        active = await write_agreements(connection, agreements)
        snapshot = replace(snapshot, agreements=active)
    about_persons = [one.intake for one in fresh if one.intake.event is None]
    changes, outgoing = await _decide(connection, about_persons, reach, snapshot, rules, now, None)
    for one in fresh:
        outgoing.extend(await _answer(connection, one.intake, rules, now))
    refused = {refusal.intake.fact.fact_id for refusal in changes.refusals}
    dead = {conflict.record.place for conflict in outcome.conflicts}
    alive = [one for one in fresh if one.record.place not in dead]
    outcome.applied = [one for one in alive if one.intake.fact.fact_id not in refused]
    outcome.refused = [one for one in alive if one.intake.fact.fact_id in refused]
    outcome.refusals = [(one.refused.rule, one.refused.reason) for one in changes.refusals]
    return outgoing


async def _decide(
    connection: Connection,
    arrivals: Sequence[Intake],
    reach: Reach,
    snapshot: Snapshot,
    rules: Rules,
    now: datetime,
    cause: Intake | None,
) -> tuple[Changes, list[OutboxMessage]]:
    """Apply the rules, write. What the changes concern besides is read then, and all of it
    decided once more: seldom, since most events change no ban that others are bound by."""
    outbound = Outbound(rules.prefix, now)

    def think(snapshot: Snapshot) -> _Thought:
        changes = apply(snapshot, arrivals, rules.digester, rules.settings, cause)
        return changes, list(outbound.messages(changes))

    while True:
        # Beside the loop where it takes long: meanwhile a ban of the other lane goes its way.
        long = len(arrivals) + len(reach.persons) > _FEW
        changes, outgoing = await _beside(connection, think, snapshot) if long else think(snapshot)
        if not (beyond := reach.beyond(changes)):
            break
        reach = await widen(connection, arrivals, reach, beyond)
        snapshot = await read_snapshot(connection, arrivals, reach, rules.digester, snapshot)
    await write_changes(connection, changes, now)
    await write_answered(connection, changes.answers, now)
    recalled = await recall(connection, changes, now)
    return changes, [*outgoing, *outbound.recalls(recalled)]


async def _beside(
    connection: Connection, think: Callable[[Snapshot], _Thought], snapshot: Snapshot
) -> _Thought:
    """Think in a thread. Meanwhile the session says something now and then: PostgreSQL ends one
    that is silent within a transaction, and the same batch would be tried again without end."""
    thinking = asyncio.create_task(asyncio.to_thread(think, snapshot))
    try:
        while not (await asyncio.wait({thinking}, timeout=_SILENT_S))[0]:
            await connection.execute(queries.still_here)
        return await thinking
    finally:
        thinking.cancel()


async def _answer(
    connection: Connection, intake: Intake, rules: Rules, now: datetime
) -> list[OutboxMessage]:
    """What is asked of the register as a whole: answered from the state after the batch."""
    outbound = Outbound(rules.prefix, now)
    event = intake.event
    if isinstance(event, ScreeningRequested):
        decisions = await screen(connection, event.data, rules.digester)
        return [outbound.screening(intake, event.data, decisions)]
    if isinstance(event, DisclosureRequested):
        reason = await start_disclosure(connection, intake, event.data, rules.digester)
        if reason is None:
            await write_open(connection, intake)
            return []
        answer = Answer(intake, reason)
        await write_answered(connection, [answer], now)
        return list(outbound.answer(answer))
    return []


_AGREEMENTS = frozenset({SIGNED, ENDED})


async def _sort_out(
    connection: Connection, arrived: Sequence[Arrived], outcome: Outcome
) -> list[Arrived]:
    """R1: tell new events from duplicates and from conflicts.

    Returns the events to apply, in order; a conflicting ban or withdrawal is among them.
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
    for one in arrived:
        conflict = (one.key, one.intake.body_digest)
        if one.key in new and first[one.key] is one:
            fresh.append(one)
        elif conflict in new_conflicts:
            new_conflicts.remove(conflict)
            outcome.conflicts.append(Unread(one.record, ID_CONFLICT))
            if one.intake.fact.type in PROTECTIVE:
                fresh.append(one)
        else:
            outcome.duplicates.append(one)
    return fresh


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
    return [one for one in unread if one.record.place in new]
