"""A register on a database server of its own, which a test backs up, destroys and restores."""

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from typer.testing import CliRunner

from ops.backup.__main__ import app
from ops.stack.postgres import Postgres
from ops.stack.postgres.binaries import choose_user
from register.store.migrate import migrate_async
from tests.conftest import RunningStack
from tests.integration.support import broker
from tests.integration.support.deployment import PARTITIONS, Deployment
from tests.integration.support.polling import until
from topics import provision

_prefixes = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Restorable:
    """The deployment, its database server, and the folder of its backups."""

    deployment: Deployment
    postgres: Postgres
    backups: Path

    async def backup(self, *arguments: str) -> str:
        """Run a command of `python -m ops.backup`; returns what it said."""
        environment = {
            "BACKUP_DIR": str(self.backups),
            "BACKUP_DATABASE_URL": self.postgres.admin_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.deployment.kafka,
            "TOPIC_PREFIX": self.deployment.prefix,
        }
        # In a thread: a command runs an event loop of its own.
        done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)
        assert done.exit_code == 0, f"{arguments}: {done.output}{done.exception!r}"
        return done.stdout

    async def archived(self) -> None:
        """Wait until all that is committed is in the archived log."""
        connection = await asyncpg.connect(self.postgres.admin_url)
        try:
            last: str = await connection.fetchval("select pg_walfile_name(pg_switch_wal())")
        finally:
            await connection.close()

        async def there() -> bool:
            return (self.backups / "wal" / last).exists()

        await until(f"{last} to be archived", there)

    def log_files(self) -> set[Path]:
        """The files of the archived log."""
        return set((self.backups / "wal").iterdir())

    async def destroy(self) -> None:
        """The server dies, and its disk with it."""
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.to_thread(shutil.rmtree, self.postgres.data_dir)

    async def restore(self, *arguments: str) -> None:
        """Bring a backup back and start the server on it."""
        self.postgres.data_dir.mkdir(mode=0o700)
        _give_away(self.postgres.data_dir)
        await self.backup("restore", f"--to={self.postgres.data_dir}", *arguments)
        await asyncio.to_thread(self.postgres.start)


@asynccontextmanager
async def restorable(stack: RunningStack, folder: Path) -> AsyncIterator[Restorable]:
    """A migrated register whose server archives its log; no worker runs yet."""
    postgres = Postgres(folder / "postgres")
    prefix = f"restorable-{next(_prefixes)}."
    deployment: Deployment | None = None
    try:
        await asyncio.to_thread(postgres.start)
        backups = postgres.data_dir.with_name(f"{postgres.data_dir.name}-backups")
        for path in (backups, backups / "wal"):
            path.mkdir(mode=0o755)
            _give_away(path)
        await migrate_async(postgres.url)
        await provision(stack.kafka, prefix=prefix, partitions=PARTITIONS)
        deployment = Deployment(stack, stack.kafka, postgres.url, prefix, folder)
        own = Restorable(deployment, postgres, backups)
        await own.backup("archive")
        await asyncio.to_thread(postgres.restart)
        yield own
    finally:
        print((folder / "postgres" / "postgres.log").read_text(encoding="utf-8")[-4000:])
        if deployment is not None:
            deployment.end()
            await asyncio.to_thread(broker.delete_topics, stack.kafka, prefix)
            shutil.rmtree(backups)
        await asyncio.to_thread(postgres.stop)
        postgres.remove()


def _give_away(path: Path) -> None:
    """Make the server's user the owner."""
    user = choose_user()
    os.chown(path, user.uid, user.gid)
