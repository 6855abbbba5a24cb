"""Many events at once, until all are in the register and everything they cause is published.

The yardstick writes as many rows with asyncpg, in batches, and does nothing else.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median

import asyncpg
import orjson
from aiokafka.errors import KafkaError

from bench.arrivals import Arrivals, cause_id
from bench.figures import Figure, value_under
from bench.service import Service, unread
from ops.demo.metrics import Samples
from ops.generate import Generator, Published
from ops.generate.progress import Meter
from ops.generate.publish import Publisher
from topics import ELIGIBILITY

BAR_S = 20.0
BATCH = 500
TIMEOUT_S = 300.0
POLL_S = 0.05
YARDSTICK_ROUNDS = 3

_HANDLED, _DEAD = "register_events_total", "register_dead_letters_total"
_WAITING = "SELECT count(*) FROM outbox"
_TABLE = """
    CREATE TABLE IF NOT EXISTS bench_rows (
        source text NOT NULL, id text NOT NULL, body jsonb NOT NULL, PRIMARY KEY (source, id)
    )
"""
_ROWS = """
    INSERT INTO bench_rows (source, id, body)
    SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[])
"""


async def measure(service: Service, count: int) -> Figure:
    """Send `count` events and wait until nothing is left to do; then write as many rows."""
    generated = Generator(
        seed=20_000, start=datetime.now(UTC), customers=count, rate=100_000.0
    ).take(count)
    before = await service.samples()
    async with (
        Publisher(service.target) as publisher,
        Arrivals(service.servers, ELIGIBILITY.name, cause_id) as eligibility,
    ):
        begun = time.perf_counter()
        for published in generated:
            await publisher.send(published)
        await publisher.flush()
        produced = time.perf_counter() - begun
        seconds = await _until_done(service, before, count) - begun
        published_by = eligibility.last - begun
    rows = [await _write(service.database_url, generated) for _ in range(YARDSTICK_ROUNDS)]
    return Figure(
        name=f"{count} events at once",
        unit="s",
        value=round(seconds, 2),
        target=value_under(BAR_S),
        yardstick_name=f"{count} rows by {BATCH}",
        yardstick=round(median(rows), 3),
        detail={
            "events_per_s": round(count / seconds),
            "rows_per_s": round(count / median(rows)),
            "produced_after_s": round(produced, 2),
            "last_eligibility_after_s": round(published_by, 2),
            "eligibility_records": eligibility.records,
        },
    )


async def _until_done(service: Service, before: Samples, count: int) -> float:
    """Wait until all are counted and published; gives that moment (`time.perf_counter`).

    The workers' gauges and the committed offsets follow a second or two later. They must
    confirm it, but what they take to do so is not the service's time.
    Raises TimeoutError with what was still missing, and RuntimeError where events became dead
    letters: none of these is poison.
    """
    deadline = time.monotonic() + TIMEOUT_S
    database = await asyncpg.connect(service.database_url)
    done: float | None = None
    try:
        with Meter("burst", total=count) as meter:
            while True:
                samples = await service.samples()
                _check_none_died(before, samples)
                handled = round(samples.total(_HANDLED) - before.total(_HANDLED))
                waiting: int = await database.fetchval(_WAITING)
                meter.show(handled)
                if handled < count or waiting:
                    done = None
                else:
                    done = done or time.perf_counter()
                    if await _confirmed(samples, service.servers):
                        return done
                if time.monotonic() > deadline:
                    state = "unconfirmed" if done else "unfinished"
                    raise TimeoutError(
                        f"{state}: {handled} of {count} handled, {waiting} in the outbox"
                    )
                await asyncio.sleep(POLL_S)
    finally:
        await database.close()


def _check_none_died(before: Samples, now: Samples) -> None:
    reasons = now.by("reason", _DEAD)
    old = before.by("reason", _DEAD)
    if died := {reason: n for reason, n in reasons.items() if n > old.get(reason, 0.0)}:
        raise RuntimeError(f"healthy events became dead letters: {', '.join(sorted(died))}")


async def _confirmed(samples: Samples, servers: str) -> bool:
    gauges = samples.total("register_outbox_depth") + samples.total("register_consumer_lag")
    try:
        return gauges == 0 and await unread(servers) == 0
    except KafkaError:  # a busy broker's answer may be late; the next look asks again
        return False


async def _write(database_url: str, events: Sequence[Published]) -> float:
    """Seconds to write a row for each event, a transaction per batch."""
    # Numbered, since some deliveries are repeated.
    rows = [
        (event["source"], str(number), orjson.dumps(event).decode())
        for number, published in enumerate(events)
        if (event := published.event) is not None
    ]
    database = await asyncpg.connect(database_url)
    try:
        await database.execute(_TABLE)
        await database.execute("TRUNCATE bench_rows")
        begun = time.perf_counter()
        for first in range(0, len(rows), BATCH):
            sources, ids, bodies = zip(*rows[first : first + BATCH], strict=True)
            await database.execute(_ROWS, sources, ids, bodies)
        return time.perf_counter() - begun
    finally:
        await database.execute("DROP TABLE IF EXISTS bench_rows")
        await database.close()
