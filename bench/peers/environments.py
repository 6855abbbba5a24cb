"""The peers' virtual environments, made when they are asked for, exactly as locked."""

import hashlib
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from ops.stack import DEFAULT_DIR

HERE = Path(__file__).parent
ENVIRONMENTS = DEFAULT_DIR / "bench" / "peers"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to compare with; `module` is the folder's name."""

    module: str
    name: str


PEERS = (
    Peer("faust_streaming", "faust-streaming, a transaction per event"),
    Peer("faststream", "FastStream, a transaction per batch"),
    Peer("quixstreams", "Quix Streams, PostgreSQL sink"),
    Peer("aiokafka", "aiokafka, a transaction per event"),
)
FAUST = PEERS[0]


class NotInstalledError(Exception):
    """The environment could not be made; the message says why."""


def python_of(peer: Peer) -> Path:
    """The interpreter of the peer's environment, made now unless it is there as locked.

    Raises `NotInstalledError`.
    """
    lock = HERE / peer.module / "requirements.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    folder = ENVIRONMENTS / peer.module
    stamp, python = folder / ".locked", folder / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return python
    print(f"bench: installing {peer.name}", file=sys.stderr)
    venv.create(folder, clear=True, with_pip=True)
    command = [
        *(str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--quiet", "--require-hashes", "--only-binary", ":all:", "-r", str(lock)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.splitlines()
        told = next((line for line in lines if line.startswith("ERROR")), "pip told no error")
        raise NotInstalledError(told)
    stamp.write_text(digest, encoding="ascii")
    return python
