"""`python -m bench.profile`: where a worker's processor time goes, by py-spy, part by part."""

import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from bench.crew import Drained, drain, working
from bench.feeds import mixed, publish
from bench.figures import append
from bench.machine import Machine, describe
from bench.service import Service, servers, service_of
from ops.stack import StackError

RATE_HZ = 200

PARTS: tuple[tuple[str, str], ...] = (
    ("decode and check", "register/inbound.py"),
    ("decode and check", "workers/ahead.py"),
    ("apply: fold", "_person (register/rules/apply.py"),
    ("apply: arrivals", "register/rules/arrivals.py"),
    ("apply: decide", "_decide (register/rules/apply.py"),
    ("apply: ids, messages, the rest", "apply (register/rules/apply.py"),
    ("lock and read", "register/store/reach.py"),
    ("lock and read", "register/store/reading.py"),
    ("make messages", "register/outbound.py"),
    ("write rows", "register/store/writing.py"),
    ("the rest of the batch", "register/store/batch.py"),
    ("publish", "workers/relay.py"),
    ("count and report", "workers/ingest.py"),
    ("pages for Prometheus", "workers/web.py"),
    ("pages for Prometheus", "aiohttp/"),
    ("drivers: PostgreSQL", "asyncpg/"),
    ("drivers: Kafka", "aiokafka/"),
)
"""A sample belongs to the first of its frames, from within, that holds one of these texts."""
REST = "event loop, sockets, everything else"
_IDLE = "_worker (concurrent/futures/thread.py"
"""A thread that waits for work: py-spy cannot tell that it sleeps."""


def shares(samples: Iterable[str]) -> dict[str, float]:
    """Each part's share of the samples, the largest first.

    A sample is a line of py-spy's raw format: frames from without to within, and how often.
    """
    counted: Counter[str] = Counter()
    for line in samples:
        stack, _, times = line.rpartition(" ")
        frames = stack.split(";")
        if _IDLE not in frames[-1]:
            counted[_part(frames)] += int(times)
    return {part: times / counted.total() for part, times in counted.most_common()}


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for part, text in PARTS:
            if text in frame:
                return part
    return REST


def main(
    *,
    events: Annotated[int, typer.Option(min=5_000, help="To take in meanwhile.")] = 30_000,
) -> None:
    """Profile one worker while it works a mixed backlog off.

    Starts servers and a worker of its own and removes them. Exit code 2: it could not be done.
    """
    console = Console(width=None if sys.stdout.isatty() else 160)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with servers(console) as stack:
            machine, drained, found = asyncio.run(_measure(service_of(stack), events))
    except (StackError, KafkaError, TimeoutError, OSError, RuntimeError) as error:
        print(f"profile: {type(error).__name__}: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    each = drained.usage.own_s / drained.events * 1e6
    shown = Table("part", "share", "µs per event")
    for part, share in found.items():
        shown.add_row(part, f"{share:.1%}", f"{share * each:.0f}")
    shown.add_row("all of it", "100.0%", f"{each:.0f}")
    console.print(f"{drained.per_second:,.0f} events/s under py-spy; {machine.line()}")
    console.print(shown)
    told = {part: round(share, 4) for part, share in found.items()}
    path = append("profile", machine, [], us_per_event=round(each), shares=told)
    console.print(f"appended to bench/results/{path.name}", highlight=False)


async def _measure(service: Service, events: int) -> tuple[Machine, Drained, dict[str, float]]:
    machine = describe(await service.postgresql_version())
    register = await service.another("profiled")
    feed = mixed(events, 0.0)
    await publish(register, feed.deliveries)
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        async with working(register) as crew:
            await crew.ready()
            async with _sampled(crew.pids[0], raw):
                drained = await drain(crew, len(feed.deliveries))
        return machine, drained, shares(raw.read_text(encoding="utf-8").splitlines())


@asynccontextmanager
async def _sampled(pid: int, raw: Path) -> AsyncIterator[None]:
    """Have py-spy look at a process meanwhile; raises RuntimeError where it may not."""
    options = ["--rate", str(RATE_HZ), "--format", "raw", "--output", str(raw), "--pid", str(pid)]
    spy = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("py-spy"),
        "record",
        *options,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield
    finally:
        if spy.returncode is None:
            spy.send_signal(signal.SIGINT)
        _, told = await spy.communicate()
    if not raw.exists():
        raise RuntimeError(f"py-spy: {told.decode(errors='replace').strip()[-300:]}")


if __name__ == "__main__":
    typer.run(main)
