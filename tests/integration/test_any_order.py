"""R2 with real servers: every order of delivery ends in the same register.

Two crowds of events go through Kafka and PostgreSQL, each in several orders. One is believable:
which events these are, and which had to be left out because R21 to R23 judge them by what had
arrived before them, is told at `believable`. The other are the small worlds of the property
tests, where everything collides, each told of other people (`elsewhere`), with the requests and
agreements that have no order either:

- merges by hand, access requests, agreements, and channel events that erase nothing;
- erasures that name the reference and all contact points: what they erase either came before,
  or is refused after them. So refusals differ from order to order, and what is held does not;
- rectifications, disclosures and screenings find whom they find when they arrive: they come
  last, in an order of their own.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from register.rules.digest import Digester
from tests.conftest import RunningStack
from tests.integration.store import said
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import Registered, connected, read_register
from tests.integration.support.deployment import SECRET, Deployment, deployed
from tests.integration.support.events import believable, structured
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until
from tests.properties.strategies import (
    agreements,
    calm_requests,
    corrections,
    told_apart,
    worlds,
)
from tests.support.compare import View, message_view, model_view
from tests.support.elsewhere import elsewhere
from tests.support.events import Json, day
from tests.support.naive import NaiveModel, Who
from tests.support.register import read
from topics import TOPICS

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVENTS: Sequence[Outgoing] = believable(3_000, seed=11)
WORKERS = (1, 1, 2)
"""How many share the work in each of the orders."""


async def test_every_order_ends_in_the_same_register(
    stack: RunningStack, template_database: str, tmp_path: Path
) -> None:
    """Facts, identities, ban register and last messages are the same, but for versions."""
    first: Registered | None = None
    for seed, workers in enumerate(WORKERS):
        events = list(EVENTS)
        random.Random(seed).shuffle(events)
        async with deployed(stack, template_database, tmp_path / f"order-{seed}") as deployment:
            running = [deployment.launch() for _ in range(workers)]
            for worker in running:
                await deployment.await_ready(worker)
            await deployment.publish(events)
            await deployment.drained()
            register = await assert_nothing_lost(deployment)
            for worker in running:
                assert worker.metric("register_batch_records_sum") > 0, worker.log_end()
        first = first or register
        for table, rows in first.rows.items():
            differing = sorted(rows ^ register.rows[table])
            assert not differing, f"{len(differing)} rows of {table} differ: {differing[:4]}"
    assert first is not None
    erased = [row for row in first.rows["ban_entry"] if '"derived_by": null' not in row]
    assert erased, "among them are prospects whose data went, and whose ban stayed (R22)"


WORLDS = 40
"""How many small worlds of each kind there are."""


def drawn(strategy: st.SearchStrategy[list[Json]], count: int) -> list[list[Json]]:
    """The same worlds each time."""
    found: list[list[Json]] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def keep(world: list[Json]) -> None:
        found.append(world)

    keep()
    return found


def small_worlds() -> tuple[list[Json], list[Json]]:
    """What is said in any order, and what comes last; some of it twice (R1)."""
    first: list[Json] = []
    last: list[Json] = []
    crowd = [*drawn(worlds(calm_requests, 12), WORLDS), *drawn(told_apart, WORLDS)]
    for number, world in enumerate(crowd):
        about_persons = [one for one in world if not one["type"].startswith("agreement.")]
        first += elsewhere(about_persons, number)
    for number, world in enumerate(drawn(st.lists(corrections, max_size=3), WORLDS)):
        numbered = [{**one, "id": f"r{at}"} for at, one in enumerate(world)]
        last += elsewhere(numbered, number)
    first += elsewhere(drawn(worlds(agreements, 6), 4)[-1], len(crowd))
    last += [
        {**said.disclosure(day(8), {}, partner_id="p-1"), "id": "d1"},
        {**said.screening(day(8), "offers", "email", {"email": "aino.1@example.fi"}), "id": "s1"},
    ]
    return first + first[::7], last + last[::7]


@pytest.mark.timeout(300)
async def test_every_order_of_requests_ends_in_the_same_register(
    stack: RunningStack, template_database: str, tmp_path: Path
) -> None:
    """R2, R25, R33, R52, R62: rows are the same, and each person's message is the naive model's."""
    first: Registered | None = None
    anything, later = small_worlds()
    digester = Digester(SECRET.encode())
    model = NaiveModel(lambda event: read(event, digester=digester).fact.fact_id.bytes)
    model.deliver(*anything)
    model.deliver(*later)
    for seed, workers in enumerate(WORKERS):
        random.Random(seed).shuffle(anything)
        random.Random(seed).shuffle(later)
        async with deployed(stack, template_database, tmp_path / f"order-{seed}") as deployment:
            running = [deployment.launch() for _ in range(workers)]
            for worker in running:
                await deployment.await_ready(worker)
            for wave in (anything, later):
                await deployment.publish(records(wave))
                await deployment.drained()
                await _swept(deployment)
            register = await read_register(deployment.database_url)
            views = await _views(deployment)
            assert not await deployment.dead_letters()
        assert len(views) > WORLDS
        wanted = model_view(model, views)
        assert not [(who, view, wanted[who]) for who, view in views.items() if view != wanted[who]]
        first = first or register
        for table, rows in first.rows.items():
            differing = sorted(rows ^ register.rows[table])
            assert not differing, f"{len(differing)} rows of {table} differ: {differing[:4]}"


def records(events: Iterable[Json]) -> Iterator[Outgoing]:
    """The events, each on its topic; what a partner agreed to has the partner for a key."""
    topics = {kind: topic.name for topic in TOPICS.values() for kind in topic.types}
    for event in events:
        record = structured(topics[event["type"]], event)
        partner = event["data"].get("partner_id")
        yield replace(record, key=partner.encode()) if partner else record


async def _swept(deployment: Deployment) -> None:
    """Wait for what the register does of its own accord (R33, R63)."""

    async def nothing_left() -> bool:
        async with connected(deployment.database_url) as connection:
            waiting = "select (select count(*) from sweep) + (select count(*) from disclosure_job)"
            return not await connection.fetchval(waiting)

    await until("sweeps to end", nothing_left)
    await deployment.drained()


async def _views(deployment: Deployment) -> dict[Who, View]:
    """What the last messages say, by channel identity."""
    async with connected(deployment.database_url) as connection:
        rows = await connection.fetch("select message from customer where content is not null")
    messages = [orjson.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]
    return {
        (one["source"], one["subject"]): message_view(message)
        for message in messages
        for one in message["identities"]
    }
