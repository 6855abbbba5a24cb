"""Where each partition goes on, as committed with what came before."""

from collections.abc import Sequence

from register.store.pool import Connection
from register.store.sql import queries

Partition = tuple[str, int]
"""A topic's name and a partition number."""


async def read_offsets(
    connection: Connection, partitions: Sequence[Partition]
) -> dict[Partition, int]:
    """The next offset of each partition that was ever read."""
    rows = await connection.fetch(
        queries.offsets, [topic for topic, _ in partitions], [number for _, number in partitions]
    )
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def forget_offsets(connection: Connection, partitions: Sequence[Partition]) -> None:
    """Start partitions over: their topic was made anew."""
    await connection.execute(
        queries.forget_offsets,
        [topic for topic, _ in partitions],
        [number for _, number in partitions],
    )
