"""The official AsyncAPI parser reads `docs/asyncapi.yaml` without an error.

The parser is Node's. It is installed once per lock file into the user's cache; a machine
without node fails here and is told how to get it: it does not skip.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "asyncapi"
INSTALL_WITHIN_S = 900

pytestmark = pytest.mark.timeout(INSTALL_WITHIN_S + 100)


def run(*command: str, within: int, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of node's, both outputs together as text."""
    program = shutil.which(command[0])
    if program is None:
        pytest.fail(f"{command[0]} is not installed; run: bash ops/bootstrap/node.sh")
    return subprocess.run(
        [program, *command[1:]],
        cwd=cwd,
        timeout=within,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


@pytest.fixture(scope="module")
def parser() -> Path:
    """The folder with the parser installed as locked; made at the first use."""
    files = ("package.json", "package-lock.json")
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in files))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "asiakasrekisteri" / f"asyncapi-{digest.hexdigest()[:16]}"
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            shutil.copyfile(SOURCES / name, folder / name)
        # No package's install script is needed, and one of them would call home.
        options = ("--ignore-scripts", "--no-audit", "--no-fund")
        result = run("npm", "ci", *options, within=INSTALL_WITHIN_S, cwd=folder)
        assert result.returncode == 0, f"npm ci failed in {folder}:\n{result.stdout}"
        done.touch()
    shutil.copyfile(SOURCES / "validate.mjs", folder / "validate.mjs")
    return folder


def validate(parser: Path, document: Path) -> subprocess.CompletedProcess[str]:
    """Let the parser read a document."""
    return run("node", "validate.mjs", str(document), within=60, cwd=parser)


def test_the_document_has_no_error(parser: Path) -> None:
    result = validate(parser, ROOT / "docs" / "asyncapi.yaml")
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1] == "0 errors"
    assert "read: 15 channels, 15 operations, 31 messages" in result.stdout


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("asyncapi: 3.0.0", "asyncapi: 3.0.0\nbogus: 1"),
        ("partitions: 12", "partitions: a dozen"),
        ("#/components/messages/order.placed", "#/components/messages/order.lost"),
    ],
)
def test_a_broken_document_has_errors(parser: Path, tmp_path: Path, right: str, wrong: str) -> None:
    text = (ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "broken.yaml"
    broken.write_text(text.replace(right, wrong), encoding="utf-8")
    result = validate(parser, broken)
    assert result.returncode == 1
    assert "error: " in result.stdout
