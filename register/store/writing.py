"""Writes what a batch changed, in few statements."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from register.outbound import cause_of
from register.records import OutboxMessage
from register.rules.bans import Entry
from register.rules.facts import ORDER, Fact
from register.rules.snapshot import Changes, PersonRow
from register.store.headers import pack_headers
from register.store.pool import Connection
from register.store.rows import Row, array_of_digests, array_of_terms, columns
from register.store.sql import queries
from register.store.together import write_together

Offsets = Mapping[tuple[str, int], int]
_NO_OFFSETS: Offsets = MappingProxyType({})


async def write_changes(connection: Connection, changes: Changes, now: datetime) -> None:
    """Write facts, persons, ban register and last messages; runs in the batch's transaction."""
    await _take_away(connection, changes)
    found = {row.person_id: row for row in changes.persons}
    written = (
        *_about_facts(changes.stored, changes.used_still),
        (queries.insert_match_keys, sorted(set(changes.links))),
        (queries.upsert_identities, _identities(changes)),
        (queries.insert_ban_entries, _entries(changes.entries)),
        (queries.upsert_ban_digests, _digests(changes)),
        (queries.upsert_customers, _customers(changes, found, now)),
    )
    if any(rows for _, rows in written):
        await write_together(connection, *written)
    if changes.erased_parties:  # some of them may have been written just now
        await connection.execute(queries.delete_parties, changes.erased_parties)
    for change in changes.eligibility:
        found.pop(change.person_id, None)
    if finders := [_finder(row) for row in found.values() if row.changed]:
        await connection.execute(queries.update_finders, *columns(finders))
    if changes.aliases:
        aliases = columns(list(changes.aliases.items()))
        await connection.execute(queries.set_aliases, *aliases)
        await connection.execute(queries.move_ledger, *aliases)


async def _take_away(connection: Connection, changes: Changes) -> None:
    """What goes altogether (R25, R26), and bans that follow no more (R22): before anything new
    is written."""
    if changes.erased_facts:
        await connection.execute(queries.delete_facts, changes.erased_facts)
    if changes.forgotten:
        await connection.execute(queries.forget_match_keys, changes.forgotten)
        await connection.execute(queries.forget_identity_points, changes.forgotten)
    if changes.removed_entries:
        gone = [(entry.digest, entry.fact_id) for entry in changes.removed_entries]
        await connection.execute(queries.delete_ban_entries, *columns(gone))


def _about_facts(
    stored: Sequence[Fact], used_still: Sequence[Fact]
) -> Iterator[tuple[str, Sequence[Row]]]:
    facts = [
        (
            fact.fact_id,
            fact.identity,
            fact.source,
            fact.event_id,
            fact.type,
            fact.time,
            fact.received,
            fact.body,
            array_of_digests([point.digest for point in fact.points]),
            array_of_terms([point.kind.value for point in fact.points]),
            array_of_digests(fact.names),
            array_of_digests(fact.contacts),
        )
        for fact in stored
    ]
    parties = [
        (fact.fact_id, fact.subject, fact.party) for fact in stored if fact.party is not None
    ]
    products = {
        (line["product"], line["category"])
        for fact in stored
        if fact.type == ORDER
        for line in fact.body["lines"]
    }
    points = {
        (point.digest, fact.identity, point.kind.value)
        for fact in (*stored, *used_still)
        if fact.identity and fact.brings_data
        for point in fact.points
    }
    yield queries.insert_facts, facts
    yield queries.insert_parties, parties
    yield queries.insert_catalogue, sorted(products)
    yield queries.insert_identity_points, sorted(points)


def _identities(changes: Changes) -> list[Row]:
    return [(one.digest, one.person_id, one.source, one.subject) for one in changes.identities]


def _digests(changes: Changes) -> list[Row]:
    return [(ban.digest, ban.kind, ban.version, ban.content, ban.data) for ban in changes.bans]


def _customers(changes: Changes, found: Mapping[uuid.UUID, PersonRow], now: datetime) -> list[Row]:
    """Last messages, with what who has one is found by."""
    return [
        (
            change.person_id,
            change.version,
            change.content,
            change.data["audience"] if change.data else None,
            change.data,
            cause_of(change, now),
            *(_finder(found[change.person_id])[1:] if change.data else _NOT_FOUND),
        )
        for change in changes.eligibility
    ]


def _finder(row: PersonRow) -> tuple[object, ...]:
    return (
        row.person_id,
        row.found_by,
        row.exact_email,
        dict(row.consented_products) or None,
        row.former_since,
        row.disclosure_denial is None,
        " ".join(point.hex() for point in row.points),
    )


_NOT_FOUND = (None, None, None, None, False, None)
"""A tombstone leaves nothing to find the person by."""


async def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write bans and lifts under digests; what stands there already is left alone."""
    await connection.execute(queries.insert_ban_entries, *columns(_entries(entries)))


def _entries(entries: Sequence[Entry]) -> list[Row]:
    return [
        (
            entry.digest,
            entry.kind,
            entry.fact_id,
            entry.is_lift,
            entry.reason,
            entry.collection,
            entry.since,
            entry.placed_by,
            entry.scope_data,
            entry.derived_by,
        )
        for entry in entries
    ]


async def write_outbox(
    connection: Connection,
    outgoing: Iterable[OutboxMessage],
    offsets: Offsets = _NO_OFFSETS,
    *,
    hurry: bool = False,
) -> int:
    """Put messages into the outbox, in order, and remember where each (topic, partition) goes
    on; returns how many messages. The relay is woken at commit, and with `hurry` publishes at
    once."""
    rows = [
        (
            message.topic,
            message.key,
            message.value,
            pack_headers(message.headers),
            message.caused_received,
            message.caused_by_no,
        )
        for message in outgoing
    ]
    read = sorted((topic, partition, offset) for (topic, partition), offset in offsets.items())
    if rows:
        await write_together(
            connection,
            (queries.insert_outbox, rows),
            (queries.save_offsets, read),
            then=queries.hurry_relay if hurry else queries.wake_relay,
        )
    elif read:
        await connection.execute(queries.save_offsets, *columns(read))
    return len(rows)
