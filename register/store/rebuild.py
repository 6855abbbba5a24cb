"""Builds an equal register from the facts, beside the one in use, and swaps it in.

Facts, requests, the disclosure ledger, the outbox and offsets stay where they are; what follows
from the facts (identities' persons, match keys, the ban register, messages, what customers are
found by) is built in the schema `register_rebuild`. Workers go on meanwhile: whom they touch is
decided again, in rounds, the last of them while no batch runs. That one and the swap are one
transaction, so whatever ends a rebuild before leaves the register as it was. A copy that it left
behind holds names and messages that no erasure reaches: the workers drop it (`drop_abandoned`).

Not recomputed but taken from the register in use, since no fact tells it any more:
- versions, and what caused a message whose content is the same: what was said was said;
- ids used before, merged or not: they lead on to who they meant;
- of who was erased or is past the time (R25, R26): match keys, contact points, and who was one
  person with whom, since the facts that joined them are gone;
- whom a correction found by a contact point (R62).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from register.outbound import Outbound
from register.rules.apply import apply
from register.rules.facts import RECTIFICATION, TAKE_AWAY
from register.rules.snapshot import Changes, EligibilityChange, PersonRow
from register.store.agreements import let_nobody_decide
from register.store.batch import Rules
from register.store.disclosures import recall
from register.store.pool import Connection
from register.store.reach import Reach
from register.store.reading import read_snapshot
from register.store.rebuilding import COMPARISONS, Building
from register.store.republish import republish_only
from register.store.rows import columns, uuid_of
from register.store.sql import queries
from register.store.writing import write_outbox

CHUNK = 500
_LOCK = 0x52454255  # "REBU"
_LONG_S = 600.0
"""A statement about the whole register may take so long, in seconds."""
_FEW = CHUNK
"""So many identities may be left for the round that holds batches off."""
_ROUNDS = 10
"""Where workers touch more than that all the time, enough is enough."""
_TRIES = 5
"""So often the swap waits for who reads the old tables."""
_DROPPED_S = 2.0
_LOOK_S = 0.1
"""A worker that drops an abandoned copy has the lock for a moment: so long, and so often."""

Tell = Callable[[str, int], None]
"""Is told what is being done, and how much of it is."""


class RebuildRunsError(Exception):
    """Somebody else rebuilds this register."""


@dataclass(slots=True)
class Rebuilt:
    """How many identities were placed; what differed from the register in use, by kind
    (`difference` in queries.sql); whether it was swapped in."""

    identities: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    swapped: bool = False


async def rebuild(
    connection: Connection, rules: Rules, now: datetime, tell: Tell, *, swap: bool
) -> Rebuilt:
    """Build the register from its facts; with `swap` it takes the old one's place.

    The connection is for nothing else, then or later. Raises `RebuildRunsError`.
    """
    await _begin(connection)
    run = _Rebuild(connection, rules, now, tell)
    try:
        await run.build()
        await run.catch_up()
        await run.finish(swap=swap)
    finally:
        if not run.done.swapped and not connection.is_closed():
            await connection.execute(queries.drop_rebuild)
    return run.done


async def drop_abandoned(connection: Connection) -> bool:
    """R25: drop what a rebuild that was killed has left, since no erasure takes anything out of
    it; False where there is nothing, or a rebuild runs.

    Raises `LockNotAvailableError` where somebody reads the copy, as a dump does.
    """
    if not await connection.fetchval(queries.rebuild_exists):
        return False
    async with connection.transaction():
        if not await connection.fetchval(queries.try_lock, [_LOCK]):
            return False
        # Only now: another worker may have dropped it, or a rebuild have ended.
        if not await connection.fetchval(queries.rebuild_exists):
            return False
        await connection.execute(queries.drop_abandoned)
        return True


async def _begin(connection: Connection) -> None:
    """Be the only one who rebuilds, until the connection ends; raises `RebuildRunsError`."""
    for _ in range(round(_DROPPED_S / _LOOK_S)):
        if await connection.fetchval(queries.try_rebuild, _LOCK):
            return
        await asyncio.sleep(_LOOK_S)
    raise RebuildRunsError


class _Rebuild:
    def __init__(self, connection: Connection, rules: Rules, now: datetime, tell: Tell) -> None:
        self.done = Rebuilt()
        self._connection = connection
        self._rules = rules
        self._now = now
        self._tell = tell
        self._building = Building(connection, rules, now)
        self._horizon = ""

    # All persons, once

    async def build(self) -> None:
        """Build everything as of now, or a little later."""
        await self._long(queries.drop_rebuild)
        await self._long(queries.make_rebuild)
        self._horizon = await self._connection.fetchval(queries.rebuild_horizon)
        self._tell("what was said", 0)
        await self._long(queries.rebuild_seed_customers)
        await self._long(queries.rebuild_seed_bans)
        await self._note_facts()
        await self._long(queries.rebuild_analyze)
        await self._place_all()
        await self._redo()
        await self._say_all()
        await self._long(queries.rebuild_forget_todo)
        self._tell("comparing", 0)
        for query in (*COMPARISONS, queries.rebuild_compare_customers):
            await self._long(query, None)

    async def _note_facts(self) -> None:
        await self._long(queries.rebuild_tied, sorted(TAKE_AWAY), [RECTIFICATION], None)
        count = 0
        async for tied in self._pages(queries.rebuild_tied_after):
            async with self._apart():
                await self._building.note_ties(tied)
        await self._long(queries.rebuild_copy_keys, None)
        await self._long(queries.rebuild_copy_points, None)
        async for identities in self._pages(queries.rebuild_after):
            async with self._apart():
                await self._building.note_facts(identities)
            count += len(identities)
            self._tell("facts", count)
        await self._note_anonymous()

    async def _note_anonymous(self) -> None:
        after: uuid.UUID | None = uuid.UUID(int=0)
        while after is not None:
            async with self._apart():
                after = await self._building.note_anonymous(after, CHUNK)

    async def _place_all(self) -> None:
        async for identities in self._pages(queries.rebuild_after):
            rows = await self._connection.fetch(queries.rebuild_placed, identities)
            placed = {row["identity"] for row in rows}
            new = [identity for identity in identities if identity not in placed]
            if new:
                async with self._apart():
                    self.done.identities += len(await self._building.place(new))
            self._tell("persons", self.done.identities)

    async def _say_all(self) -> None:
        async for digests in self._pages(queries.rebuild_digests_after):
            async with self._apart():
                await self._building.say_digests(digests)

    async def _pages(self, query: str) -> AsyncIterator[list[bytes]]:
        """Pages of keys, in order."""
        after = b""
        while True:
            rows = await self._connection.fetch(query, after, CHUNK, timeout=_LONG_S)
            if not rows:
                return
            yield [row[0] for row in rows]
            after = rows[-1][0]

    # Whom workers touched meanwhile

    async def catch_up(self) -> None:
        """Decide again whom workers touched, until few are left."""
        for _ in range(_ROUNDS):
            if await self._round() <= _FEW:
                break
        await self._long(queries.rebuild_analyze)

    async def _round(self) -> int:
        """Returns how many identities were touched since the round before."""
        horizon = await self._connection.fetchval(queries.rebuild_horizon)
        async with self._apart():
            await self._long(queries.rebuild_touched, self._horizon)
            await self._long(queries.rebuild_seed_new_bans)
            await self._long(queries.rebuild_unseed_all)
            await self._long(queries.rebuild_seed_again)
        self._horizon = horizon
        touched: int = await self._connection.fetchval(queries.rebuild_todo_count)
        self._tell("touched meanwhile", touched)
        async for identities in self._pages(queries.rebuild_todo_after):
            async with self._apart():
                await self._note_again(identities)
        await self._note_anonymous()
        await self._redo()
        await self._compare_again()
        return touched

    async def _note_again(self, identities: list[bytes]) -> None:
        await self._long(queries.rebuild_tied, sorted(TAKE_AWAY), [RECTIFICATION], identities)
        rows = await self._connection.fetch(queries.rebuild_tied_among, identities)
        if rows:
            await self._building.note_ties([row["identity"] for row in rows])
        gone = [row["identity"] for row in rows if row["gone"]]
        if gone:
            await self._connection.execute(queries.rebuild_clear_gone, gone)
            await self._long(queries.rebuild_copy_keys, gone)
            await self._connection.execute(queries.rebuild_copy_points, gone)
        await self._building.note_facts(identities)

    async def _redo(self) -> None:
        """Place whom something else changed for, until nothing does."""
        while True:
            async with self._apart():
                rows = await self._connection.fetch(queries.rebuild_todo, CHUNK)
                identities = [row["identity"] for row in rows]
                if not identities:
                    return
                await self._connection.execute(queries.rebuild_done, identities)
                members = await self._building.place(identities, again=True)
                await self._building.compare(members)

    async def _compare_again(self) -> None:
        """What stands under digests that were touched, and all that differs by now."""
        while True:
            async with self._apart():
                rows = await self._connection.fetch(queries.rebuild_todo_digests, CHUNK)
                digests = [row["digest"] for row in rows]
                if not digests:
                    break
                await self._building.say_digests(digests)
                await self._building.compare(digests)
                await self._connection.execute(queries.rebuild_done_digests, digests)
        while True:
            async with self._apart():
                rows = await self._connection.fetch(queries.rebuild_todo_persons, CHUNK)
                ids = [uuid_of(row["person_id"]) for row in rows]
                if not ids:
                    break
                await self._building.compare_customers(ids)
                await self._connection.execute(queries.rebuild_done_persons, ids)

    # The swap

    async def finish(self, *, swap: bool) -> None:
        """The last round, while no batch runs, and the swap: one transaction."""
        horizon = self._horizon
        for tries_left in reversed(range(_TRIES)):
            self._horizon = horizon
            try:
                async with self._connection.transaction():
                    await let_nobody_decide(self._connection)
                    await self._round()
                    rows = await self._connection.fetch(queries.rebuild_differences)
                    self.done.differences = {row["kind"]: row["count"] for row in rows}
                    if swap:
                        self._tell("swapping", 0)
                        await self._swap()
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                if not tries_left:
                    raise
            else:
                self.done.swapped = swap
                return

    async def _swap(self) -> None:
        await self._long(queries.rebuild_hold_tables)
        await self._long(queries.rebuild_swap)
        for kind, query in (("party", queries.delete_parties), ("fact", queries.delete_facts)):
            rows = await self._connection.fetch(queries.rebuild_to_take, kind)
            await self._long(query, [row["fact_id"] for row in rows])
        outbound = Outbound(self._rules.prefix, self._now)
        async for digests in self._differing("ban"):
            await republish_only(self._connection, outbound, [], digests)
        async for keys in self._differing("eligibility"):
            ids = [uuid.UUID(bytes=key) for key in keys]
            await republish_only(self._connection, outbound, ids, [])
            merged = await self._merged(ids)
            await self._connection.execute(queries.move_ledger, *columns(list(merged.items()), 2))
        async for keys in self._differing("eligibility"):
            await self._recall(outbound, [uuid.UUID(bytes=key) for key in keys])
        await self._long(queries.drop_rebuild)

    async def _differing(self, kind: str) -> AsyncIterator[list[bytes]]:
        after = b""
        while True:
            rows = await self._connection.fetch(queries.rebuild_to_say, kind, after, CHUNK)
            if not rows:
                return
            yield [row["key"] for row in rows]
            after = rows[-1]["key"]

    async def _merged(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
        rows = await self._connection.fetch(queries.rebuild_merged, ids)
        return {uuid_of(row["person_id"]): uuid_of(row["alias_of"]) for row in rows}

    async def _recall(self, outbound: Outbound, ids: Sequence[uuid.UUID]) -> None:
        """R65: of whom something else is decided now, partners may have to let go. R25: of who is
        gone no line of the ledger keeps the name, whoever it was handed to."""
        merged = await self._merged(ids)
        people = {merged.get(one, one) for one in ids}
        rows = await self._connection.fetch(queries.rebuild_held, list(people))
        held = {uuid_of(row["person_id"]) for row in rows}
        gone = [EligibilityChange(one, 0, None, None, None) for one in people - held]
        changes = Changes(persons=await self._disclosed(held), eligibility=gone)
        recalled = await recall(self._connection, changes, self._now)
        await write_outbox(self._connection, outbound.recalls(recalled))

    async def _disclosed(self, held: Collection[uuid.UUID]) -> list[PersonRow]:
        """Those of whom partners have something, as decided now."""
        lines = await self._connection.fetch(queries.ledger_lines, list(held))
        if not lines:
            return []
        # No batch runs, so that the persons' locks are not needed.
        reach = Reach(persons={uuid_of(row["person_id"]) for row in lines})
        snapshot = await read_snapshot(self._connection, [], reach, self._rules.digester)
        return apply(snapshot, [], self._rules.digester, self._rules.settings).persons

    # Transactions

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[None]:
        """A look at one moment, and what is made of it; part of the swap's transaction there."""
        if self._connection.is_in_transaction():
            yield
        else:
            async with self._connection.transaction(isolation="repeatable_read"):
                yield

    async def _long(self, query: str, *arguments: Any) -> None:
        await self._connection.execute(query, *arguments, timeout=_LONG_S)
