"""`register verify --topics`: the compacted topics against the register's last word."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from register.cli.connecting import connected
from register.cli.environment import topic_prefix
from register.cli.errors import CliError
from register.cli.topic_reader import EVER, read_topic
from register.outbound import Outbound
from register.published import last_said
from register.store.pool import Connection
from register.store.reconcile import Said
from register.store.restored import read_hold
from register.store.topic_state import TopicDifferences, begin, judge, mend, note, suspect
from topics import BANS, ELIGIBILITY

_AT_A_TIME = 1_000
_MARGIN = timedelta(minutes=10)
"""So far the clocks of workers may be apart, by whose time records are dated."""
_NOT_OURS = (ValueError, KeyError, TypeError, AttributeError)
"""What reading a record raises that the register did not write."""


async def compare(*, repair: bool) -> TopicDifferences:
    """Compare, and with `repair` put into the outbox what a topic lacks or says otherwise."""
    prefix = topic_prefix()
    async with connected("register verify") as connection:
        if (await read_hold(connection)).held:
            raise CliError("output waits after a restore: see `register restored --status`")
        await begin(connection)
        newest = {topic.name: await _note(connection, topic.name, EVER) for topic in _TOPICS}
        await suspect(connection, prefix)
        for name, since in newest.items():
            await _note(connection, name, max(EVER, since - _MARGIN))
        differences = await judge(connection, prefix)
        if repair and differences.found:
            await mend(connection, Outbound(prefix, datetime.now(UTC)), differences)
        return differences


_TOPICS = (ELIGIBILITY, BANS)


async def _note(connection: Connection, name: str, since: datetime) -> datetime:
    """Note what a topic holds since then; returns when its newest record was written."""
    newest = since
    waiting: list[Any] = []
    async for record in read_topic(name, since):
        newest = max(newest, datetime.fromtimestamp(record.timestamp / 1000, UTC))
        waiting.append(record)
        if len(waiting) >= _AT_A_TIME:
            await _note_records(connection, name, waiting)
            waiting = []
    await _note_records(connection, name, waiting)
    return newest


async def _note_records(connection: Connection, name: str, records: Sequence[Any]) -> None:
    """Note the last of the records of each key, and the highest version. What the register cannot
    have written says something else than it, under an old version."""
    topic = topic_prefix() + name
    said: dict[str, Said] = {}
    highest: dict[str, int] = {}
    for record in records:
        key = (record.key or b"").decode(errors="replace").replace("\0", "")
        try:
            (one,) = last_said(name, topic, [record])
        except _NOT_OURS:
            one = Said(topic, key, 0, b"")
        said[key] = one
        highest[key] = max(one.version or 0, highest.get(key, 0))
    await note(connection, topic, list(said.values()), highest)
