"""What a backup folder holds, and which of it is too old to keep."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.stack import StackError

_NAME = "%Y%m%dT%H%M%SZ"
_STARTS_IN = re.compile(r"^START WAL LOCATION: .* \(file ([0-9A-F]{24})\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Base:
    """A finished base backup, by the moment at which it began."""

    path: Path
    began: datetime

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.path.name

    @property
    def first_wal(self) -> str:
        """The first file of the archived log that it needs."""
        label = (self.path / "backup_label").read_text(encoding="utf-8")
        found = _STARTS_IN.search(label)
        if found is None:
            raise StackError(f"{self.path}/backup_label does not say where the backup starts")
        return found[1]


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that backups of one register go to."""

    path: Path

    @property
    def wal(self) -> Path:
        """The archived log."""
        return self.path / "wal"

    def bases(self) -> list[Base]:
        """The finished base backups, the oldest first."""
        return sorted(
            (
                Base(path, datetime.strptime(path.name, _NAME).replace(tzinfo=UTC))
                for path in (self.path / "base").glob("????????T??????Z")
            ),
            key=lambda base: base.began,
        )

    def new(self, now: datetime) -> Path:
        """Where a base backup that begins now goes."""
        return self.path / "base" / now.astimezone(UTC).strftime(_NAME)

    def choose(self, name: str | None, until: datetime | None) -> Base:
        """The named base backup, or the newest that began before `until`.

        Raises StackError where there is none.
        """
        fitting = [
            base
            for base in self.bases()
            if (name is None or base.name == name) and (until is None or base.began < until)
        ]
        if not fitting:
            raise StackError(f"{self.path} holds no such base backup; it holds {self._names()}")
        return fitting[-1]

    def remove_old(self, keep: timedelta, now: datetime) -> Sequence[Base]:
        """Remove the base backups that are older than `keep`, but never the newest."""
        old = [base for base in self.bases()[:-1] if now - base.began > keep]
        for base in old:
            shutil.rmtree(base.path)
        return old

    def _names(self) -> str:
        return ", ".join(base.name for base in self.bases()) or "none"
