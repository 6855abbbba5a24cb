"""Writes events into a register as a worker does, and reads what it puts into the outbox."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from register.inbound import Decoder
from register.records import Record
from register.rules.digest import Digester
from register.rules.settings import RuleSettings
from register.store.batch import Arrived, Batch, Outcome, Rules, Unread, write_batch
from register.store.outbox import forget, next_messages
from register.store.pool import Connection
from register.store.sweeps import disclosure_step, retention_step, sweep_step
from register.store.verify import Differences, verify_step
from topics import TOPICS

Json = dict[str, Any]

SECRET = b"a secret of the tests alone"


class StoreDriver:
    """One register; `received` is the broker's timestamp of what is written next."""

    def __init__(self, connection: Connection, *, digester: Digester | None = None) -> None:
        self.connection = connection
        self.rules = Rules(digester or Digester(SECRET), RuleSettings(), "")
        self.received = datetime(2026, 12, 1, tzinfo=UTC)
        self._decoder = Decoder(self.rules.digester, "")
        self._offsets = itertools.count()

    def choose(self, **settings: Any) -> None:
        """Change settings of the rules."""
        self.rules = replace(self.rules, settings=replace(self.rules.settings, **settings))

    async def write(self, *events: Json, concerns: frozenset[bytes] = frozenset()) -> Outcome:
        """Write events as one batch."""
        read = [self._decoder.read(self._record(event)) for event in events]
        batch = Batch(
            [one for one in read if isinstance(one, Arrived)],
            [one for one in read if isinstance(one, Unread)],
            {},
            concerns,
        )
        return await write_batch(self.connection, batch, self.rules, self.received)

    async def decide_all(self) -> None:
        """Decide everybody anew where an agreement opened or closed a purpose (R33, R34)."""
        while await sweep_step(self.connection, self.rules, self.received):
            continue

    async def sweep(self) -> None:
        """Do what waits to be done: sweeps, retention and disclosures, to the end."""
        while (
            await sweep_step(self.connection, self.rules, self.received)
            or await disclosure_step(self.connection, self.rules, self.received)
            or await retention_step(self.connection, self.rules, self.received)
        ):
            continue

    async def verify(self, *, repair: bool = False) -> Differences:
        """`register verify`: the register against its facts."""
        differences, after = Differences(), None
        while True:
            after = await verify_step(
                self.connection, self.rules, self.received, after, differences, repair=repair
            )
            if after is None:
                return differences

    async def said(self, kind: str | None = None) -> list[Json]:
        """Take everything out of the outbox, oldest first; `data` of one type if one is named.

        A tombstone shows as `{"key": …, "topic": …}`, and only where no type is named.
        """
        waiting = await next_messages(self.connection, 10_000)
        await forget(self.connection, [one.seq for one in waiting])
        shown: list[Json] = []
        for one in waiting:
            message = one.message
            if message.value is None:
                if kind is None:
                    key = message.key.decode() if message.key else None
                    shown.append({"key": key, "topic": message.topic})
                continue
            event = orjson.loads(message.value)
            if kind is None:
                shown.append(event)
            elif event["type"] == kind:
                shown.append(event["data"])
        return shown

    async def one(self, kind: str) -> Json:
        """The only message of a type in the outbox, which is emptied."""
        said = await self.said(kind)
        assert len(said) == 1, [sorted(one) for one in said]
        return said[0]

    async def rows(self, query: str, *arguments: Any) -> Sequence[Any]:
        """Rows of a query of the test's own."""
        return await self.connection.fetch(query, *arguments)

    def _record(self, event: Json) -> Record:
        return Record(
            topic=_topic_of(event["type"]),
            partition=0,
            offset=next(self._offsets),
            key=None,
            value=orjson.dumps(event),
            headers=[("content-type", b"application/cloudevents+json")],
            received=self.received,
        )


def _topic_of(kind: str) -> str:
    return next(topic.name for topic in TOPICS.values() if kind in topic.types)
