"""R2 with real servers: every order of delivery ends in the same register.

Which events these are, and which had to be left out because R21 to R23 judge them by what had
arrived before them, is told at `believable`.
"""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import RunningStack
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import Registered
from tests.integration.support.deployment import deployed
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost

pytestmark = [pytest.mark.integration, pytest.mark.slow]

EVENTS: Sequence[Outgoing] = believable(5_000, seed=11)
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
