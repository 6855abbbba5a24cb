"""Bringing a backup back: the files of a server that recovers when it is started."""

import os
import shutil
from datetime import datetime
from pathlib import Path

from ops.backup.folder import Base, Folder
from ops.backup.server import restore_command
from ops.stack import StackError
from ops.stack.system import is_root


def restore(folder: Folder, base: Base, data: Path, until: datetime | None) -> None:
    """Fill the empty folder `data` with a base backup that, once started, recovers to the end
    of the archived log or until a moment, and then takes up work with a history of its own.

    As root, everything is given to the owner of `data`. Raises StackError where it holds files.
    """
    data.mkdir(mode=0o700, exist_ok=True)
    if any(data.iterdir()):
        raise StackError(f"{data} holds files: a backup is restored into an empty folder only")
    owner = data.stat()
    shutil.copytree(base.path, data, dirs_exist_ok=True, symlinks=True)
    data.chmod(0o700)
    settings = {
        "restore_command": restore_command(folder.wal),
        # Said even if empty: an earlier restore may have left another one.
        "recovery_target_time": until.isoformat(sep=" ") if until else "",
        "recovery_target_action": "promote",
        "recovery_target_timeline": "latest",
        # Nobody is let in before the recovery is over: until then it is no register.
        "hot_standby": "off",
    }
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
    (data / "recovery.signal").touch(mode=0o600)
    if is_root():
        for path in (data, *data.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _quoted(value: str) -> str:
    """A value as configuration files have it."""
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
