"""After a restore: output waits until what is newer than the backup is taken in (R66).

A restored database is known by its server's history (`cluster_now`), or by being told. The
relay notes how far the inbound topics went; until then nobody reads them, so that it is still
known which records the backup lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from register.store.offsets import Partition
from register.store.pool import Connection
from register.store.sql import queries


@dataclass(frozen=True, slots=True)
class Hold:
    """Whether output waits; `has_targets`: it is known for what; `gone`: Kafka no longer has
    some of the records, and nobody has decided to go on without them."""

    held: bool
    has_targets: bool
    gone: bool


@dataclass(frozen=True, slots=True)
class Span:
    """The first offset of a partition and the one after its last."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """A partition that is not taken in as far as its target."""

    partition: Partition
    next_offset: int
    end_offset: int


async def read_hold(connection: Connection) -> Hold:
    """Whether the database was restored and has not caught up."""
    row = await connection.fetchrow(queries.output_hold)
    assert row is not None
    return Hold(row["held"], row["has_targets"], row["gone"])


async def read_cluster(connection: Connection) -> str:
    """Which server this is, and which of its histories."""
    return str(await connection.fetchval(queries.cluster_now))


async def ask_for_hold(connection: Connection) -> None:
    """The database was restored: output waits, for all that the topics hold by then."""
    async with connection.transaction():
        await connection.execute(queries.ask_output_hold)
        await connection.execute(queries.forget_targets)


async def set_targets(connection: Connection, spans: Mapping[Partition, Span]) -> None:
    """Remember how far the replay has to come, unless somebody has done so."""
    topics = [topic for topic, _ in spans]
    numbers = [number for _, number in spans]
    ends = [span.end for span in spans.values()]
    firsts = [span.first for span in spans.values()]
    async with connection.transaction():
        await connection.execute(queries.lock_output_hold)
        if (await read_hold(connection)).has_targets:
            return
        await connection.execute(queries.forget_offsets_past_the_end, topics, numbers, ends)
        await connection.execute(queries.insert_targets, topics, numbers, firsts, ends)


async def accept_gaps(connection: Connection) -> None:
    """Go on without the records that Kafka no longer has."""
    await connection.execute(queries.accept_gaps)


async def still_ahead(connection: Connection) -> list[Ahead]:
    """The partitions that the replay has not come to the end of."""
    return [
        Ahead((row["topic"], row["partition"]), row["next_offset"], row["end_offset"])
        for row in await connection.fetch(queries.targets_ahead)
    ]


async def end_hold(connection: Connection) -> None:
    """Output is written from here, in the caller's transaction."""
    await connection.execute(queries.end_output_hold)
    await connection.execute(queries.forget_targets)
