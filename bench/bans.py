"""From a ban to its effect: `ban.placed` produced until `marketing.eligibility` tells it.

The yardstick is a ping through `bench.echo` in the same seconds, under the same load.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.arrivals import Arrivals, cause_id, record_key
from bench.children import child
from bench.echo import PING, PONG, READY
from bench.figures import Figure, Latencies
from bench.service import Service
from ops.generate.progress import Meter
from ops.generate.publish import Publisher, Target
from ops.generate.published import WEBSHOP, Published, record
from topics import CONSENTS, ELIGIBILITY, ORDERS

BAR_MS = 250.0
BACKGROUND_RATE = 200
EVERY_S = 0.1
"""Between two bans; a ping goes out halfway."""
WARM_UP_S = 5.0
SETTLE_S = 30.0
PING_BODY = bytes(300)
"""As long as a ban."""


async def measure(service: Service, count: int) -> Figure:
    """Time `count` bans, each of a customer of its own, and as many pings.

    Raises TimeoutError if one of them has no effect.
    """
    await _make_ping_topics(service.servers)
    run = f"bench.{time.time_ns() // 1_000_000}"
    background = ["-m", "ops.generate", "--rate", str(BACKGROUND_RATE), "--customers", "5000"]
    async with (
        Publisher(Target(service.servers)) as publisher,
        Arrivals(service.servers, ELIGIBILITY.name, cause_id) as bans,
        Arrivals(service.servers, PONG, record_key) as pings,
        child(["-m", "bench.echo"], service.env, READY),
    ):
        await _make_customers(publisher, bans, run, count)
        await _ping(publisher, pings, f"{run}.first")
        await pings.settle(SETTLE_S)
        # Both have opened their connections by now; what that took is not what is measured.
        bans.milliseconds.clear()
        pings.milliseconds.clear()
        async with child(background, service.env):
            await asyncio.sleep(WARM_UP_S)
            await _alternate(publisher, bans, pings, run, count)
            await bans.settle(SETTLE_S)
            await pings.settle(SETTLE_S)
    return _figure(Latencies.of(bans.milliseconds), Latencies.of(pings.milliseconds))


def _figure(bans: Latencies, pings: Latencies) -> Figure:
    return Figure(
        name=f"ban visible on eligibility, p99 of {bans.count}",
        unit="ms",
        value=bans.p99,
        bar=BAR_MS,
        yardstick_name=f"ping, p99 of {pings.count}",
        yardstick=pings.p99,
        detail={
            "p50_ms": bans.p50,
            "max_ms": bans.max,
            "ping_p50_ms": pings.p50,
            "ping_max_ms": pings.max,
            "p50_ratio": round(bans.p50 / pings.p50, 2),
            "background_events_per_s": BACKGROUND_RATE,
        },
    )


async def _make_customers(publisher: Publisher, seen: Arrivals, run: str, count: int) -> None:
    for number in range(count):
        ordered = _order(run, number)
        seen.start(_id(ordered))
        await publisher.send(ordered)
    await seen.settle(SETTLE_S)


async def _alternate(
    publisher: Publisher, bans: Arrivals, pings: Arrivals, run: str, count: int
) -> None:
    begun = time.perf_counter()
    with Meter("bans and pings", total=count) as meter:
        for number in range(count):
            await _until(begun + number * EVERY_S)
            ban = _ban(run, number)
            bans.start(_id(ban))
            await publisher.send(ban)
            await _until(begun + (number + 0.5) * EVERY_S)
            await _ping(publisher, pings, f"{run}.{number}")
            meter.show(number + 1)


async def _ping(publisher: Publisher, pings: Arrivals, key: str) -> None:
    pings.start(key.encode())
    await publisher.send(Published(PING, key.encode(), PING_BODY, (), None))


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.perf_counter()))


def _order(run: str, number: int) -> Published:
    party = {
        "kind": "consumer",
        "name": {"given": "Testi", "family": f"Asiakas {number}"},
        "email": f"asiakas.{number}@example.fi",
        "phone": f"+358449{number:06}",
    }
    line = {"product": "fibre-100", "category": "broadband", "quantity": 1, "price_cents": 2490}
    data = {"order_id": f"order-{run}.{number}", "party": party, "lines": [line]}
    # A minute back, so that the ban is the later of the two by any clock.
    return _event(ORDERS.name, "order.placed", run, number, data, timedelta(minutes=-1))


def _ban(run: str, number: int) -> Published:
    return _event(CONSENTS.name, "ban.placed", run, number, {"scope": {}}, timedelta(0))


def _event(
    topic: str, event_type: str, run: str, number: int, data: dict[str, Any], shift: timedelta
) -> Published:
    subject = f"{run}.{number}"
    event = {
        "specversion": "1.0",
        "id": f"{event_type}-{subject}",
        "source": WEBSHOP.uri,
        "type": event_type,
        "time": (datetime.now(UTC) + shift).isoformat(),
        "subject": subject,
        "data": data,
    }
    return record(topic, WEBSHOP, event, subject)


def _id(published: Published) -> bytes:
    event_id: str = (published.event or {})["id"]
    return event_id.encode()


async def _make_ping_topics(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(PING, 1, 1), NewTopic(PONG, 1, 1)])
    finally:
        await admin.close()
