"""Sustained rates: ours, the ceilings', the peers'."""

import sys
from dataclasses import dataclass, field

from bench import bare, ceilings
from bench.bare import Bare
from bench.ceilings import WriteCeiling
from bench.crew import Drained, drain, working
from bench.feeds import Feed, feeds, publish
from bench.figures import Figure, ratio_over
from bench.peers.environments import FAUST, PEERS, NotInstalledError, Peer, python_of
from bench.peers.run import Lane, Taken
from bench.service import Service
from bench.usage import peak_mb

OF_CEILING, OF_FAUST, OF_BEST_PEER = 0.7, 10.0, 2.0

_FOR_COSTS = "mixed, 0% duplicates"
"""The feed whose events are also told the price of."""


@dataclass(slots=True)
class Sustained:
    """What was found: figures, the rate at saturation, and the peers that are missing."""

    figures: list[Figure] = field(default_factory=list)
    saturation: float = 0.0
    missing: list[str] = field(default_factory=list)


async def measure(service: Service, count: int, peer_limit_s: float) -> Sustained:
    """Take six feeds of `count` deliveries in; a peer gets `peer_limit_s` for each."""
    found = Sustained()
    register = await service.another("sustained")
    ceiling = await WriteCeiling.make(service)
    lanes = await _lanes(service, found)
    for feed in feeds(count):
        start = await publish(register, feed.deliveries)
        ours, peak = await _ours(register, feed)
        written = await ceiling.measure(feed)
        read = await ceilings.read_rate(register, start, len(feed.deliveries))
        least = await bare.measure(register, feed, written, read)
        taken: dict[Peer, Taken] = {}
        for lane in list(lanes):
            try:
                taken[lane.peer] = await lane.take_in(register, feed, start, peer_limit_s)
            except (TimeoutError, RuntimeError) as error:
                lanes.remove(lane)
                found.missing.append(f"{lane.peer.name}: {error}")
        found.figures += _figures(feed, ours, peak, written, read, least, taken)
        if feed.name == _FOR_COSTS:
            found.saturation = ours.per_second
            found.figures += _costs(feed, ours, peak, written, taken)
    return found


async def _lanes(service: Service, found: Sustained) -> list[Lane]:
    lanes = []
    for peer in PEERS:
        try:
            lanes.append(await Lane.make(service, peer, python_of(peer)))
        except NotInstalledError as error:
            found.missing.append(f"{peer.name}: not installed: {error}")
            print(f"bench: without {peer.name}: {error}", file=sys.stderr)
    return lanes


async def _ours(register: Service, feed: Feed) -> tuple[Drained, float]:
    async with working(register) as crew:
        drained = await drain(crew, len(feed.deliveries), name=feed.name)
        return drained, peak_mb(crew.pids)


def _figures(
    feed: Feed,
    ours: Drained,
    peak: float,
    written: ceilings.Written,
    read: float,
    least: Bare,
    taken: dict[Peer, Taken],
) -> list[Figure]:
    which, lower = min(("rows written", written.per_second), ("bytes read", read), key=_second)
    figures = [
        Figure(
            name=feed.name,
            unit="/s",
            value=ours.per_second,
            yardstick_name=f"ceiling: {which}",
            yardstick=lower,
            target=ratio_over(OF_CEILING),
            detail={
                "events": ours.events,
                **ours.usage.per(ours.events),
                "peak_mb": round(peak),
                "write_ceiling_per_s": round(written.per_second),
                "write_ceiling_batch": written.batch,
                "write_ceiling": written.detail,
                "read_ceiling_per_s": round(read),
            },
        )
    ]
    best = max(taken, key=lambda peer: taken[peer].per_second, default=None)
    if best is not None:
        figures.append(least.figure(feed, best.name, taken[best].per_second))
    for peer, one in taken.items():
        target = None
        if peer is best:
            target = ratio_over(OF_BEST_PEER)
        if peer is FAUST:
            target = ratio_over(OF_FAUST)
        figures.append(
            Figure(
                name=f"{feed.name}, against {peer.module}" + (" (best)" if peer is best else ""),
                unit="/s",
                value=ours.per_second,
                yardstick_name=peer.name,
                yardstick=one.per_second,
                target=target,
                detail={**one.detail, "per_cpu_second_ratio": _per_cpu_second(ours, one)},
            )
        )
    return figures


def _costs(
    feed: Feed,
    ours: Drained,
    peak: float,
    written: ceilings.Written,
    taken: dict[Peer, Taken],
) -> list[Figure]:
    def of_one(what: str, unit: str, value: float, yardstick: float) -> Figure:
        return Figure(
            f"{what} of an event, {feed.name}", unit, value, "its rows, written", yardstick
        )

    usage = ours.usage
    costs = [
        of_one(
            "processor time", "µs", usage.cpu_s / ours.events * 1e6, 1e6 / written.per_cpu_second
        ),
        of_one(
            "WAL", "bytes", usage.wal_bytes / ours.events, written.detail["wal_bytes_per_event"]
        ),
    ]
    if taken:
        best = max(taken, key=lambda peer: taken[peer].per_second)
        memory = Figure(
            f"memory, {feed.name}", "MB", peak, best.name, taken[best].detail["peak_mb"]
        )
        costs.append(memory)
    return costs


def _per_cpu_second(ours: Drained, peer: Taken) -> float:
    """How many times the peer's events we take in with the same processor time: what the
    comparison would be on a machine that does nothing else and never waits for its disk."""
    mine = ours.usage.cpu_s / ours.events
    return round(peer.cpu_s / mine, 2)


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
