"""A server that stands still for longer than a statement may take, and goes on."""

import os
import signal

import pytest

from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS = believable(400, seed=61)


async def test_a_session_that_a_statement_timed_out_in_is_not_used_again(
    deployment: Deployment,
) -> None:
    """What timed out was the beginning of a transaction; the server begins it when it goes on. A
    batch written there as a transaction of its own would be a part of that one, which nobody
    commits."""
    worker = await deployment.start_worker()
    await deployment.publish(EVENTS[:200])
    await deployment.drained()
    sessions = await lanes(deployment)
    for pid in sessions:
        os.kill(pid, signal.SIGSTOP)
    try:
        await deployment.publish(EVENTS[200:])

        async def gave_up() -> bool:
            return worker.log.count('"database-lost"') >= len(sessions)

        await until("both lanes to give their statements up", gave_up, seconds=60)
    finally:
        for pid in sessions:
            os.kill(pid, signal.SIGCONT)
    await deployment.drained()
    assert not sessions & await lanes(deployment)
    await assert_nothing_lost(deployment)


async def lanes(deployment: Deployment) -> set[int]:
    """The server's processes for the lanes."""
    async with connected(deployment.database_url) as connection:
        rows = await connection.fetch(
            "select pid from pg_stat_activity where datname = current_database()"
            " and application_name in ('register-urgent', 'register-bulk')"
        )
    return {row["pid"] for row in rows}
