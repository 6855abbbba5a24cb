"""Saying everything again, building everything anew, and the gate before a campaign."""

import asyncio
import time

import asyncpg
import orjson
from aiokafka import ConsumerRecord

from bench import bare, ceilings, growth
from bench.arrivals import Arrivals
from bench.children import run
from bench.crew import POLL_S, working
from bench.events import email, screening
from bench.figures import Figure
from bench.service import Service
from ops.generate.publish import Publisher
from register.rules import normalise
from register.store.pool import connect
from register.store.sql import queries
from topics import DECISIONS

SCREENED = 500
"""Recipients of one screening."""
ANSWER_S = 120.0

_REGISTER = ["-c", "from register.cli import main; main()"]
_WAITING = "SELECT EXISTS (SELECT FROM outbox)"
_MESSAGES = "SELECT person_id::text, message::text FROM customer WHERE content IS NOT NULL"


async def republish(service: Service) -> Figure:
    """Persons a second that are said again, next to a producer that only sends the messages."""
    async with working(service) as crew:
        await crew.ready()
        begun = time.perf_counter()
        await run([*_REGISTER, "republish"], service.env)
        await _empty(service)
        seconds = time.perf_counter() - begun
    messages = await _messages(service)
    return Figure(
        name=f"republish of {len(messages):,} persons",
        unit="/s",
        value=len(messages) / seconds,
        yardstick_name="the same bytes, produced",
        yardstick=len(messages) / (await bare.produce(service, messages)).seconds,
    )


async def rebuild(service: Service) -> Figure:
    """Persons a second that are built anew, next to copying the rows that come out."""
    begun = time.perf_counter()
    await run([*_REGISTER, "rebuild"], service.env)
    seconds = time.perf_counter() - begun
    database = await connect(service.database_url, "bench")
    try:
        rows = await ceilings.read_rows(database, ceilings.DERIVED)
    finally:
        await database.close()
    persons = len(rows["customer"])
    empty = await service.another("rebuilt")
    copied = await ceilings.write(service, empty.database_url, rows, persons, max(ceilings.BATCHES))
    return Figure(
        name=f"rebuild of {persons:,} persons",
        unit="/s",
        value=persons / seconds,
        yardstick_name="the same rows, copied",
        yardstick=copied.per_second,
    )


async def screen(service: Service, persons: int, screenings: int) -> Figure:
    """Recipients a second that are screened, next to looking up who uses their addresses."""
    run_name = f"screen-{time.time_ns()}"
    asked = [
        [(number * SCREENED + one) % persons for one in range(SCREENED)]
        for number in range(screenings)
    ]
    async with (
        working(service) as crew,
        Publisher(service.target) as publisher,
        Arrivals(service.servers, service.prefix + DECISIONS.name, _screening_id) as decisions,
    ):
        await crew.ready()
        begun = time.perf_counter()
        for number, recipients in enumerate(asked):
            name = f"{run_name}.{number}"
            decisions.start(name.encode())
            await publisher.send(
                screening(
                    run_name,
                    name,
                    [
                        {"ref": f"r{one}", "email": email(growth.RUN, one)}
                        for one in dict.fromkeys(recipients)
                    ],
                )
            )
        await decisions.settle(ANSWER_S)
        seconds = decisions.last - begun
    count = sum(len(set(recipients)) for recipients in asked)
    return Figure(
        name=f"screening, {SCREENED} recipients each",
        unit="/s",
        value=count / seconds,
        yardstick_name="who uses the addresses, looked up",
        yardstick=await _looked_up(service, asked),
        detail={"screenings": screenings},
    )


async def _empty(service: Service) -> None:
    database = await asyncpg.connect(service.database_url)
    try:
        while await database.fetchval(_WAITING):  # noqa: ASYNC110 - a worker empties it
            await asyncio.sleep(POLL_S)
    finally:
        await database.close()


async def _messages(service: Service) -> list[tuple[bytes, bytes]]:
    database = await asyncpg.connect(service.database_url)
    try:
        rows = await database.fetch(_MESSAGES)
    finally:
        await database.close()
    return [(row[0].encode(), row[1].encode()) for row in rows]


async def _looked_up(service: Service, asked: list[list[int]]) -> float:
    digester = service.rules().digester
    database = await connect(service.database_url, "bench")
    try:
        begun = time.perf_counter()
        for recipients in asked:
            digests = [
                digester.email(normalise.email(email(growth.RUN, one))).digest for one in recipients
            ]
            await database.fetch(queries.screened_points, digests)
        seconds = time.perf_counter() - begun
    finally:
        await database.close()
    return sum(map(len, asked)) / seconds


def _screening_id(record: ConsumerRecord) -> bytes | None:
    name: str = orjson.loads(record.value)["data"]["screening_id"]
    return name.encode()
