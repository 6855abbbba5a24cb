"""The machine a benchmark ran on, described without naming it."""

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ops.stack import kafka_version

_PACKAGES = ("aiokafka", "asyncpg", "faust-streaming", "pydantic", "uvloop")


@dataclass(frozen=True, slots=True)
class Machine:
    """Cores this process may use, memory in GB, and the versions of what was measured.

    `load` is the one-minute load average before the measurements: what else the machine was doing.
    """

    cores: int
    load: float
    memory_gb: float
    cpu: str
    system: str
    python: str
    kafka: str
    postgresql: str
    packages: dict[str, str]
    commit: str

    def line(self) -> str:
        """All of it in a sentence."""
        packages = ", ".join(f"{name} {number}" for name, number in self.packages.items())
        return (
            f"{self.cores} cores ({self.cpu}, load {self.load}), {self.memory_gb} GB, "
            f"{self.system}; "
            f"Kafka {self.kafka}, PostgreSQL {self.postgresql}, Python {self.python}, {packages}; "
            f"commit {self.commit}"
        )


def describe(postgresql: str) -> Machine:
    """Describe this machine; the database's version is told by its own connection."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 1),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        cpu=_cpu(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        kafka=kafka_version(),
        postgresql=postgresql,
        packages={name: version(name) for name in _PACKAGES},
        commit=_commit(),
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def _commit() -> str:
    """The checkout's commit, marked where files differ from it; unknown outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    answer = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() or "unknown"
