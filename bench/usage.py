"""What processes have used: processor seconds, memory, and what PostgreSQL wrote to its log."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.service import Service

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Since the processes began: processor seconds of theirs and of PostgreSQL, WAL bytes."""

    own_s: float
    postgres_s: float
    wal_bytes: int

    @property
    def cpu_s(self) -> float:
        """Processor seconds of both."""
        return self.own_s + self.postgres_s

    def since(self, before: "Usage") -> "Usage":
        """What was used between two moments."""
        return Usage(
            self.own_s - before.own_s,
            self.postgres_s - before.postgres_s,
            self.wal_bytes - before.wal_bytes,
        )

    def per(self, events: float) -> dict[str, Any]:
        """Of one event, as a figure's detail."""
        return {
            "cpu_us_per_event": round(self.own_s / events * 1e6),
            "postgres_cpu_us_per_event": round(self.postgres_s / events * 1e6),
            "wal_bytes_per_event": round(self.wal_bytes / events),
        }


async def used(service: Service, pids: Iterable[int]) -> Usage:
    """Read all of it now."""
    database = await asyncpg.connect(service.admin_url)
    try:
        wal: int = await database.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    finally:
        await database.close()
    own = sum(cpu_seconds(pid) for pid in pids)
    return Usage(own, _with_children(service.postgres_pid), int(wal))


def cpu_seconds(pid: int, *, ended_children: bool = False) -> float:
    """Of one process, with its children that have ended if wanted; 0 if it is gone."""
    fields = _stat(pid)
    if not fields:
        return 0.0
    # From the state (field 3 of proc(5)): utime, stime, cutime, cstime are 14 to 17.
    return sum(map(int, fields[11 : 15 if ended_children else 13])) / _TICKS


def peak_mb(pids: Iterable[int]) -> float:
    """The most memory that the largest of the processes ever held, in MB."""
    return max(_status_kb(pid, "VmHWM") for pid in pids) / 1024


def _with_children(pid: int) -> float:
    living = [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (fields := _stat(int(folder.name))) and int(fields[1]) == pid
    ]
    ended = cpu_seconds(pid, ended_children=True)
    return ended + sum(cpu_seconds(one) for one in living)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _status_kb(pid: int, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith(f"{name}:")), "0 0 kB")
    return int(line.split()[1])
