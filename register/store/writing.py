"""Writes what a batch changed, a fixed number of statements per batch."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from register.outbound import cause_of
from register.records import OutboxMessage
from register.rules.bans import Entry
from register.rules.facts import ORDER, Fact
from register.rules.snapshot import Changes
from register.store.headers import pack_headers
from register.store.pool import Connection
from register.store.rows import array_of_digests, array_of_terms, columns
from register.store.sql import queries


async def write_changes(connection: Connection, changes: Changes, now: datetime) -> None:
    """Write facts, persons, ban register and last messages; runs in the batch's transaction."""
    await _erase(connection, changes)
    await _write_facts(connection, changes.stored)
    if changes.links:
        await connection.execute(queries.insert_match_keys, *columns(sorted(set(changes.links))))
    if changes.erased_parties:
        await connection.execute(queries.delete_parties, changes.erased_parties)
    if changes.identities:
        rows = [(one.digest, one.person_id, one.source, one.subject) for one in changes.identities]
        await connection.execute(queries.upsert_identities, *columns(rows))
    await _write_entries(connection, changes)
    if changes.bans:
        bans = [(ban.digest, ban.kind, ban.version, ban.content, ban.data) for ban in changes.bans]
        await connection.execute(queries.upsert_ban_digests, *columns(bans))
    await _write_customers(connection, changes, now)


async def _erase(connection: Connection, changes: Changes) -> None:
    """R25, R26: what goes altogether, before anything new is written."""
    if changes.erased_facts:
        await connection.execute(queries.delete_facts, changes.erased_facts)
    if changes.forgotten:
        await connection.execute(queries.forget_match_keys, changes.forgotten)
        await connection.execute(queries.forget_identity_points, changes.forgotten)


async def _write_customers(connection: Connection, changes: Changes, now: datetime) -> None:
    if changes.eligibility:
        customers = [
            (
                change.person_id,
                change.version,
                change.content,
                change.data["audience"] if change.data else None,
                change.data,
                cause_of(change, now),
            )
            for change in changes.eligibility
        ]
        await connection.execute(queries.upsert_customers, *columns(customers))
        gone = [change.person_id for change in changes.eligibility if change.data is None]
        if gone:
            await connection.execute(queries.clear_customers, gone)
    if changes.persons:
        finders = [
            (
                row.person_id,
                row.found_by,
                row.exact_email,
                dict(row.consented_products) or None,
                row.former_since,
                row.disclosure_denial is None,
                " ".join(point.hex() for point in row.points),
            )
            for row in changes.persons
            if row.changed
        ]
        if finders:
            await connection.execute(queries.update_finders, *columns(finders))
    if changes.aliases:
        aliases = columns(list(changes.aliases.items()))
        await connection.execute(queries.set_aliases, *aliases)
        await connection.execute(queries.move_ledger, *aliases)


async def _write_facts(connection: Connection, stored: Sequence[Fact]) -> None:
    if not stored:
        return
    rows = [
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
    await connection.execute(queries.insert_facts, *columns(rows))
    parties = [
        (fact.fact_id, fact.subject, fact.party) for fact in stored if fact.party is not None
    ]
    if parties:
        await connection.execute(queries.insert_parties, *columns(parties))
    products = {
        (line["product"], line["category"])
        for fact in stored
        if fact.type == ORDER
        for line in fact.body["lines"]
    }
    if products:
        await connection.execute(queries.insert_catalogue, *columns(sorted(products)))
    points = {
        (point.digest, fact.identity, point.kind.value)
        for fact in stored
        if fact.identity and fact.brings_data
        for point in fact.points
    }
    if points:
        await connection.execute(queries.insert_identity_points, *columns(sorted(points)))


async def _write_entries(connection: Connection, changes: Changes) -> None:
    if changes.removed_entries:
        gone = [(entry.digest, entry.fact_id) for entry in changes.removed_entries]
        await connection.execute(queries.delete_ban_entries, *columns(gone))
    if changes.entries:
        await write_entries(connection, changes.entries)


async def write_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write bans and lifts under digests; what stands there already is left alone."""
    rows = [
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
    await connection.execute(queries.insert_ban_entries, *columns(rows))


async def write_outbox(connection: Connection, outgoing: Iterable[OutboxMessage]) -> int:
    """Put messages into the outbox, in order; returns how many. The relay is woken at commit."""
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
    if rows:
        await connection.execute(queries.insert_outbox, *columns(rows))
    return len(rows)


async def save_offsets(connection: Connection, offsets: Mapping[tuple[str, int], int]) -> None:
    """Remember where each (topic, partition) goes on."""
    rows = sorted((topic, partition, offset) for (topic, partition), offset in offsets.items())
    if rows:
        await connection.execute(queries.save_offsets, *columns(rows))
