"""One look at everything: processes, metrics, database."""

import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from bench.soak.growth import Tolerance
from bench.soak.site import WORKERS, Site
from ops.demo.metrics import Samples, scrape
from ops.stack import StackError
from register.store.pool import Connection

MB = 2**20
TOLERANCES = {
    **{f"worker {number}, MB": Tolerance(8, 0.05) for number in range(1, WORKERS + 1)},
    "lag, records": Tolerance(500, 0.10),
    "outbox, messages": Tolerance(500, 0.10),
    "disclosures, parts": Tolerance(400, 0.0),
    "connections": Tolerance(1, 0.0),
}
"""What must not grow, however long it goes on. Tables grow with what is in them."""

_DATABASE = """
select (select count(*) from outbox) as outbox,
    (select count(*) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()) as connections,
    (select coalesce(sum(parts - next_part + 1), 0) from disclosure_job) as parts
"""
_TABLES = """
select relname, pg_table_size(relid) as in_table, pg_indexes_size(relid) as in_indexes,
    n_dead_tup as dead
from pg_stat_user_tables order by pg_total_relation_size(relid) desc, relname
"""


async def look(site: Site, database: Connection) -> list[tuple[str, float]]:
    """Every series' value now.

    Raises StackError where a worker has ended. A worker that is too busy to tell its metrics is
    left out for once.
    """
    found = list(_memory(site))
    try:
        samples = [await scrape(worker.metrics_url) for worker in site.workers]
    except OSError:
        samples = []
    if samples:
        found.append(("lag, records", _total(samples, "register_consumer_lag")))
        found.append(("taken in, records", _total(samples, "register_events_total")))
        if bans := _total(samples, "register_ban_latency_seconds_count"):
            seconds = _total(samples, "register_ban_latency_seconds_sum")
            found.append(("bans so far, mean seconds", seconds / bans))
    row = await database.fetchrow(_DATABASE)
    assert row is not None
    found += [
        ("outbox, messages", row["outbox"]),
        ("disclosures, parts", row["parts"]),
        ("connections", row["connections"]),
    ]
    return found + list(_sizes(await database.fetch(_TABLES)))


def _memory(site: Site) -> Iterator[tuple[str, float]]:
    for number, worker in enumerate(site.workers, 1):
        pid = worker.process.pid()
        if pid is None:
            raise StackError(f"worker {number} has ended by itself; its log tells why")
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        yield f"worker {number}, MB", pages * os.sysconf("SC_PAGE_SIZE") / MB


def _total(samples: list[Samples], name: str) -> float:
    return sum(one.total(name) for one in samples)


def _sizes(tables: list[asyncpg.Record]) -> Iterator[tuple[str, float]]:
    yield "all tables, MB", sum(row["in_table"] for row in tables) / MB
    yield "all indexes, MB", sum(row["in_indexes"] for row in tables) / MB
    yield "dead rows", sum(row["dead"] for row in tables)
    for row in tables:
        yield f"{row['relname']}: table, MB", row["in_table"] / MB
        yield f"{row['relname']}: indexes, MB", row["in_indexes"] / MB
        yield f"{row['relname']}: dead rows", row["dead"]
