"""A run from start to end: load, faults, quiet points, and the report."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.faults.harness.actions import strike
from tests.faults.harness.compare import Compared, compare, settled
from tests.faults.harness.load import CARELESS, Load
from tests.faults.harness.plan import DECK, Card, Fault, plan
from tests.faults.harness.site import Missed, Site, built
from tests.faults.harness.steps import make_gates
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected
from tests.integration.support.polling import until
from tests.integration.support.stream import streaming

Say = Callable[[str], None]

_RECOVERS_WITHIN_S = 90.0
_EVENTS_A_FAULT_S = 12.0
"""About how long a fault and its recovery take, to know how many events to prepare."""
_READ_AGAIN = 300
"""Groups of persons that are decided by a second reading of the rules, at the end."""
_MOST_EVENTS = 60_000
"""What a machine easily holds; after that, all is said again."""


@dataclass(frozen=True, slots=True)
class Options:
    """`quiet_every` so many faults, everything is compared."""

    seed: int
    faults: int
    deck: Sequence[Card] = DECK
    per_second: float = 60.0
    quiet_every: int = 20


@dataclass(slots=True)
class Report:
    """What a run came to."""

    options: Options
    struck: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    compared: Compared = field(default_factory=lambda: Compared(0, 0, 0, 0, ()))
    comparisons: int = 0
    differences: list[str] = field(default_factory=list)
    restarts: int = 0
    ended: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    longest_after: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        seed = self.options.seed
        lines = [
            f"seed {seed}: {self.struck.total()} faults in {self.seconds / 60:.1f} min",
            *(f"  {count:4d}  {kind}" for kind, count in sorted(self.struck.items())),
            f"events        {self.compared.records} records on the inbound topics",
            f"compared      {self.compared.persons} persons and {self.compared.digests} digests"
            f" of the ban register at the end, {self.comparisons} comparisons",
            f"read again    {self.compared.read_again} references by a second reading of the rules",
            f"restarts      {self.restarts} workers started in place of others",
            f"recovery      {self.longest_s:.1f} s at most, after {self.longest_after}",
            *(f"by itself     {one}" for one in self.ended),
            *(f"missed        {one}" for one in self.missed),
            f"differences   {len(self.differences)}",
            *(f"  {one}" for one in self.differences),
        ]
        if self.differences:
            lines.append(f"again: make faults SEED={seed} FAULTS={self.options.faults}")
        return "\n".join(lines)


async def run(options: Options, say: Say) -> Report:
    """Break a register of this run's own, so many times, and report."""
    report = Report(options)
    say(f"faults: seed {options.seed}, {options.faults} faults; preparing events")
    events = min(_MOST_EVENTS, int(options.faults * _EVENTS_A_FAULT_S * options.per_second))
    load = await asyncio.to_thread(Load, options.seed, events)
    say("faults: starting three Kafka nodes, PostgreSQL and two workers")
    async with built() as site:
        try:
            await make_gates(site.deployment)
            await _Run(site, load, report, say).all()
        finally:
            report.restarts, report.ended = site.restarts, site.ended
            site.keeps_logs = site.keeps_logs or bool(report.differences)
        if site.keeps_logs:
            say(f"faults: the logs stay in {site.folder.relative_to(site.folder.parents[2])}")
    return report


class _Run:
    def __init__(self, site: Site, load: Load, report: Report, say: Say) -> None:
        self._site = site
        self._load = load
        self._report = report
        self._options = report.options
        self._tell = say
        self._started = time.monotonic()
        self._faults = plan(report.options.seed, report.options.deck)

    async def all(self) -> None:
        try:
            while not self._over:
                await self._phase()
                await self._quiet_point()
        except AssertionError as error:
            # Something that was waited for never came: a register that stands still is wrong too.
            self._report.differences.append(f"it does not go on: {error}")
        self._report.seconds = time.monotonic() - self._started

    @property
    def _over(self) -> bool:
        done = self._report.struck.total() >= self._options.faults
        return done or bool(self._report.differences)

    async def _phase(self) -> None:
        """Faults under load, until the next quiet point."""
        site, load = self._site, self._load
        await self._publish(load.agreements())
        goal = min(self._report.struck.total() + self._options.quiet_every, self._options.faults)
        waiting = load.begin()
        async with streaming(
            site.deployment,
            waiting,
            per_second=self._options.per_second,
            settings=CARELESS,
        ) as stream:
            await stream.reaches(min(1.0, 200 / len(waiting)))
            while self._report.struck.total() < goal:
                await self._strike(next(self._faults))
            stream.end()
        load.end(stream)

    async def _publish(self, records: Sequence[Outgoing]) -> None:
        places = await self._site.deployment.publish(records)
        self._load.published(records, places)

    async def _strike(self, fault: Fault) -> None:
        await self._site.keep()
        began = time.monotonic()
        try:
            struck = await strike(self._site, self._load, fault)
        except Missed as reason:
            self._report.missed.append(f"#{fault.number} {fault}: {reason}")
            self._say(f"#{fault.number:<4d}{fault}: missed, {reason}")
            return
        self._report.struck[fault.card.kind.value] += 1
        took = time.monotonic() - began
        line = f"#{fault.number:<4d}{fault}: {struck}, {took:.1f} s"
        if not fault.alone:
            self._say(f"{line}; the next at once")
            return
        async with self._site.kept():
            recovery = await self._recovered()
        if recovery > self._report.longest_s:
            self._report.longest_s = recovery
            self._report.longest_after = f"#{fault.number} {fault}"
        self._say(f"{line}; recovered in {recovery:.1f} s")

    async def _recovered(self) -> float:
        """Wait until all that was said by now is taken in and told; returns the seconds."""
        began = time.monotonic()
        deployment = self._site.deployment
        await deployment.taken_in(seconds=_RECOVERS_WITHIN_S)
        async with connected(deployment.database_url) as connection:
            newest = await connection.fetchval("select coalesce(max(seq), 0) from outbox")

            async def told() -> bool:
                oldest = await connection.fetchval("select min(seq) from outbox")
                return oldest is None or oldest > newest

            await until("the outbox to be told", told, seconds=_RECOVERS_WITHIN_S)
        return time.monotonic() - began

    async def _quiet_point(self) -> None:
        """Nothing is said and nothing breaks: all must be as the model says."""
        report, load, deployment = self._report, self._load, self._site.deployment
        async with self._site.kept():
            await settled(deployment)
            await self._publish(load.requests())
            began = time.monotonic()
            last = report.struck.total() >= self._options.faults
            groups = _READ_AGAIN if last else 0  # slow, and at the end it sees all
            report.compared = await compare(deployment, load.said, groups=groups)
        report.comparisons += 1
        report.differences += report.compared.differences
        self._say(
            f"quiet: {report.compared.records} records, {report.compared.persons} persons,"
            f" {report.compared.digests} digests, {len(report.differences)} differences;"
            f" compared in {time.monotonic() - began:.1f} s"
        )

    def _say(self, line: str) -> None:
        self._tell(f"{time.monotonic() - self._started:7.1f} s  {line}")
