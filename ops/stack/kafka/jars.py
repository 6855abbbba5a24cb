"""Kafka's jars: fetched once per user, checked at every use."""

import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ops.stack.errors import StackError
from ops.stack.progress import Progress
from ops.stack.system import cache_dir, ensure_maven, run

_HERE = Path(__file__).parent
_POM = _HERE / "pom.xml"
_SUMS = _HERE / "SHA256SUMS"
_OPTIONS = ("--batch-mode", "-Dstyle.color=never")
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def kafka_version() -> str:
    """The Kafka version of the local stack, such as "4.4.0"; pom.xml is where it is said."""
    found = re.search(r"<kafka\.version>([^<]+)<", _POM.read_text(encoding="utf-8"))
    if found is None:
        raise StackError(f"{_POM} has no <kafka.version>")
    return found.group(1)


def ensure_jars(progress: Progress) -> tuple[Path, ...]:
    """The jars to put on the class path, fetched when missing or changed.

    Raises StackError that names the jar when what was fetched is not what SHA256SUMS says.
    """
    expected = expected_sums()
    folder = cache_dir() / f"kafka-{kafka_version()}"
    problem = find_problem(folder, expected)
    if problem is not None:
        if folder.exists():
            progress.say(f"Kafka's jars: {problem}; fetching them anew")
        fetch(folder, progress)
        problem = find_problem(folder, expected)
    if problem is not None:
        raise StackError(
            f"Kafka's jars: {problem}, even when fetched anew. If a version in {_POM} was "
            "changed, run `python -m ops.stack kafka-sums` and review the difference; "
            "if not, do not use these jars and find out what your Maven mirror serves"
        )
    return tuple(folder / name for name in expected)


def expected_sums() -> dict[str, str]:
    """The committed checksums: jar name to SHA-256 in hex."""
    lines = _SUMS.read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def find_problem(folder: Path, expected: Mapping[str, str]) -> str | None:
    """What is wrong with the jars in `folder`, or None when all are as expected."""
    for name, digest in expected.items():
        jar = folder / name
        if not jar.is_file():
            return f"{name} is missing in {folder}"
        if (found := _sha256(jar)) != digest:
            return f"{name} in {folder} has SHA-256 {found}, not {digest}"
    return None


def fetch(folder: Path, progress: Progress) -> None:
    """Fetch all jars with Maven and put them in place of `folder` in one step."""
    maven = ensure_maven(progress)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix="kafka-fetch-") as scratch,
        progress.step(f"Kafka {kafka_version()}: fetching its jars with Maven") as tell,
    ):
        # Maven writes beside the pom: give it a copy outside the checkout.
        shutil.copy(_POM, scratch)
        fetched = Path(scratch) / "libs"
        run(
            [maven, *_OPTIONS, _COPY, "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"],
            tell=tell,
            cwd=Path(scratch),
        )
        if folder.exists():
            shutil.rmtree(folder)
        fetched.rename(folder)


def write_sums(progress: Progress) -> Path:
    """Fetch what pom.xml names and write SHA256SUMS from it, for a person to review."""
    folder = cache_dir() / f"kafka-{kafka_version()}"
    fetch(folder, progress)
    lines = [f"{_sha256(jar)}  {jar.name}\n" for jar in sorted(folder.glob("*.jar"))]
    _SUMS.write_text("".join(lines), encoding="ascii")
    return _SUMS


def _sha256(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
