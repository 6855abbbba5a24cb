"""Making a base backup while the register works, and letting go of old ones."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.backup.folder import Base, Folder
from ops.backup.server import client_environment
from ops.stack import Progress
from ops.stack.postgres.binaries import ensure_binaries
from ops.stack.system import run


def make_base(url: str, folder: Folder, progress: Progress) -> Base:
    """Make a base backup and verify it; it counts only then.

    Raises StackError with what the program said.
    """
    programs = ensure_binaries(progress)
    now = datetime.now(UTC)
    finished = folder.new(now)
    unfinished = finished.with_name(f"{finished.name}.part")
    finished.parent.mkdir(parents=True, exist_ok=True)
    with progress.step(f"base backup {finished.name}") as tell:
        run(
            [
                *(str(programs / "pg_basebackup"), f"--pgdata={unfinished}", "--format=plain"),
                *("--wal-method=stream", "--checkpoint=fast", "--manifest-checksums=SHA256"),
                *(f"--label={finished.name}", "--no-password"),
            ],
            tell=tell,
            env={**os.environ, **client_environment(url)},
        )
    with progress.step("verifying it") as tell:
        run([str(programs / "pg_verifybackup"), "--quiet", str(unfinished)], tell=tell)
    unfinished.rename(finished)
    return Base(finished, now)


def let_go(folder: Folder, keep: timedelta, progress: Progress) -> list[str]:
    """Remove base backups that are too old, and the log that only they need; returns names."""
    removed = [base.name for base in folder.remove_old(keep, datetime.now(UTC))]
    bases = folder.bases()
    if bases and folder.wal.is_dir():
        program: Path = ensure_binaries(progress) / "pg_archivecleanup"
        with progress.step("letting go of log that no backup needs") as tell:
            run([str(program), str(folder.wal), bases[0].first_wal], tell=tell)
    return removed
