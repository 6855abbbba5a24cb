"""Which revision of the schema this version of the code needs, and which a database has.

Revisions are numbered (`0001`, `0002`, …) and only ever added to, so a database that is ahead
has all that an older worker uses: that is what lets both run during a rolling restart.
"""

from pathlib import Path

import asyncpg

from register.store.pool import Connection
from register.store.sql import queries

VERSIONS = Path(__file__).parent / "migrations" / "versions"
MIGRATE = "python -m register.store migrate"
"""What an operator runs."""


def newest(folder: Path) -> str:
    """The newest revision in a folder, by the numbers that the files' names begin with."""
    return max(path.name[:4] for path in folder.glob("[0-9]*.py"))


NEEDED = newest(VERSIONS)


class SchemaBehind(ConnectionError):
    """The database lacks revisions: nothing can be done before somebody migrates it.

    To be waited out like an outage, hence the base.
    """

    def __init__(self, found: str | None) -> None:
        super().__init__(f"the database has {found}, {NEEDED} is needed; run: {MIGRATE}")
        self.found = found


async def assert_not_behind(connection: Connection) -> None:
    """Raise `SchemaBehind` unless the database is at the needed revision or ahead of it."""
    found = await read_revision(connection)
    if found is None or found < NEEDED:
        raise SchemaBehind(found)


async def read_revision(connection: Connection) -> str | None:
    """The database's revision; None before the first migration."""
    try:
        revision: str | None = await connection.fetchval(queries.schema_revision)
    except asyncpg.UndefinedTableError:
        return None
    return revision
