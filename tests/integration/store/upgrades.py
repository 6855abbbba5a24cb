"""`python -m tests.integration.store.upgrades`: keep what this version writes, for later ones.

Makes tests/data/upgrades/<newest revision>.sql: the rows of a register that took believable
events in. Run it with each new migration, before the next one, so that every revision has data
that its own version wrote.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from ops.generate import Generator, Options, Published
from ops.stack.postgres import Postgres
from register.inbound import Decoder
from register.records import Record
from register.store import dead_letters
from register.store.batch import Arrived, Batch, Outcome, Unread, write_batch
from register.store.counts import CUSTOMERS, Counter
from register.store.migrate import migrate_async
from register.store.pool import Connection, connect
from tests.integration.store.driver import StoreDriver
from tests.integration.store.said import access, disclosure, ended, screening, signed
from tests.integration.support.deployment import READ
from tests.support.events import consumer

FOLDER = Path(__file__).parents[2] / "data" / "upgrades"
BATCH = 20
FIRST = 60
"""Events that the committed data is made of; the tests write the ones after them."""
# Messages that the relay has not published yet.
_WAITING = 8

_EVERYTHING = Options(poison=True, agreements=True, screenings=True, requests=True)
# Those that refer to others come last.
_TABLES = """
select table_name from information_schema.tables
where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'alembic_version'
order by table_name in (
    select conrelid::regclass::text from pg_constraint where contype = 'f'
), table_name
"""
# Identity columns go on after what was written.
_SERIAL = """
select pg_get_serial_sequence(quote_ident(table_name), column_name) as sequence, table_name,
    column_name
from information_schema.columns where table_schema = 'public' and is_identity = 'YES'
order by table_name
"""


def events() -> Iterator[Published]:
    """The same events for every version, without end."""
    start = datetime(2026, 11, 1, tzinfo=UTC)
    return iter(Generator(seed=4, start=start, customers=40, rate=0.01, options=_EVERYTHING))


async def take_in(register: StoreDriver, stream: Sequence[Published], first: int) -> list[Outcome]:
    """Write events as a worker does, in batches; `first` is the offset of the first one."""
    decoder = Decoder(register.rules.digester, "")
    outcomes = []
    numbered = list(enumerate(stream, first))
    for start in range(0, len(numbered), BATCH):
        read = [
            decoder.read(_record(published, offset, register.received))
            for offset, published in numbered[start : start + BATCH]
        ]
        batch = Batch(
            [one for one in read if isinstance(one, Arrived)],
            [one for one in read if isinstance(one, Unread)],
            {(one.record.topic, 0): one.record.offset + 1 for one in read},
        )
        outcomes.append(
            await write_batch(register.connection, batch, register.rules, register.received)
        )
    return outcomes


def _record(published: Published, offset: int, received: datetime) -> Record:
    headers = list(published.headers)
    return Record(published.topic, 0, offset, published.key, published.value, headers, received)


async def _ask(register: StoreDriver) -> None:
    """What partners, persons and campaign tools want: some of it is done, some waits."""
    day, who = register.received, consumer(email="aino@example.fi")
    await register.write(signed(day), access(day, who, signed=False))
    await register.sweep()
    await register.write(disclosure(day), screening(day, "newsletter", "email", who))
    await register.sweep()
    await register.write(disclosure(day), ended(day, "p-2"))
    wanted = dead_letters.Wanted(READ, list(dead_letters.State))
    letters, _ = await dead_letters.find(register.connection, wanted, day, 1)
    by = dead_letters.Handling("operator", "sent again by its channel")
    places = dict.fromkeys((one.place for one in letters), None)
    await dead_letters.note(register.connection, dead_letters.Action.DISCARDED, places, by)
    await Counter(CUSTOMERS).look(register.connection)


async def dump(connection: Connection, empty: Sequence[str]) -> str:
    """The rows of the tables named, as statements that put them back."""
    lines = []
    for table in empty:
        columns = await _columns(connection, table)
        names = ", ".join(f'"{name}"' for name in columns)
        values = " || ', ' || ".join(f'quote_nullable("{name}"::text)' for name in columns)
        rows = await connection.fetch(f"select {values} as said from {table} order by said")
        if rows:
            told = ",\n".join(f"({row['said']})" for row in rows)
            lines.append(f"insert into {table} ({names}) overriding system value values\n{told};\n")
    for row in await connection.fetch(_SERIAL):
        newest = f"(select max({row['column_name']}) from {row['table_name']})"
        lines.append(f"select setval('{row['sequence']}', coalesce({newest}, 1));\n")
    return "\n".join(lines)


async def _columns(connection: Connection, table: str) -> list[str]:
    rows = await connection.fetch(
        "select column_name from information_schema.columns"
        " where table_name = $1 and is_generated = 'NEVER' order by ordinal_position",
        table,
    )
    return [row["column_name"] for row in rows]


async def empty_tables(connection: Connection) -> list[str]:
    """The tables without rows: what a migration fills belongs to the server, not to the data."""
    names = [row["table_name"] for row in await connection.fetch(_TABLES)]
    return [name for name in names if not await connection.fetchval(f"select count(*) from {name}")]


async def _make(url: str) -> Path:
    await migrate_async(url)
    connection = await connect(url, "upgrades")
    try:
        empty = await empty_tables(connection)
        register = StoreDriver(connection)
        await take_in(register, list(itertools.islice(events(), FIRST)), 0)
        await _ask(register)
        newest = "select seq from outbox order by seq desc limit $1"
        await connection.execute(f"delete from outbox where seq not in ({newest})", _WAITING)
        revision = await connection.fetchval("select version_num from alembic_version")
        path = FOLDER / f"{revision}.sql"
        path.write_text(await dump(connection, empty), encoding="utf-8")
    finally:
        await connection.close()
    return path


def main() -> None:
    """Write the file with a server of its own."""
    with TemporaryDirectory() as folder:
        server = Postgres(Path(folder))
        try:
            server.start()
            path = asyncio.run(_make(server.url))
        finally:
            server.stop()
            server.remove()
    sys.stdout.write(f"wrote {path.name}: {path.stat().st_size // 1000} kB; commit it\n")


if __name__ == "__main__":
    main()
