"""What the machine has, and installing what it lacks."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.progress import Detail, Progress


def is_root() -> bool:
    """Whether this process may install packages and must not run PostgreSQL itself."""
    return os.geteuid() == 0


def cache_dir() -> Path:
    """Where downloaded things are kept, once per user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "asiakasrekisteri"


def have_apt() -> bool:
    """Whether this is a Debian-like machine."""
    return shutil.which("apt-get") is not None


def apt_install(package: str, why: str, progress: Progress) -> None:
    """Install a Debian package.

    Raises StackError that names the command to run when we are not root.
    """
    if not have_apt():
        raise StackError(f"{why} is missing: install it (on Debian the package is {package})")
    if not is_root():
        raise StackError(
            f"{why} is missing; run: sudo apt-get update && sudo apt-get install -y {package}"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress.step(f"{why}: apt-get update") as tell:
        run(["apt-get", "update"], tell=tell, env=env)
    with progress.step(f"{why}: apt-get install -y {package}") as tell:
        run(
            ["apt-get", "install", "-y", "--no-install-recommends", package],
            tell=tell,
            env=env,
        )


def run(
    command: Sequence[str],
    *,
    tell: Detail,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a command to its end, telling each line, and return its output.

    Raises StackError with the last lines of output when it fails.
    """
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                tell(line.strip()[:60])
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        tail = "\n".join(f"  {line}" for line in lines[-15:])
        raise StackError(
            f"`{' '.join(command)}` failed with exit code {process.returncode}:\n{tail}"
        )
    return "\n".join(lines)


def ensure_java(progress: Progress) -> str:
    """The path of a Java 17 or newer, installed when missing."""
    java = shutil.which("java")
    if java is None or _java_major(java) < 17:
        apt_install("openjdk-17-jre-headless", "Java 17", progress)
        java = shutil.which("java")
    if java is None or _java_major(java) < 17:
        raise StackError(
            f"Kafka needs Java 17 or newer, and `java` is {java or 'not found'}: put it on PATH"
        )
    return java


def ensure_maven(progress: Progress) -> str:
    """The path of Maven, installed when missing."""
    if (maven := shutil.which("mvn")) is None:
        apt_install("maven", "Maven", progress)
        maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Maven was installed, but `mvn` is not on PATH")
    return maven


def _java_major(java: str) -> int:
    """17 for `openjdk version "17.0.15"`; 0 when it cannot be told."""
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    _, _, rest = answer.stderr.partition('version "')
    number = rest.partition('"')[0].split(".")[0]
    return int(number) if number.isdigit() else 0
