"""A server that stands still for longer than a statement may take, and goes on."""

import os
import signal

import pytest

from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.locks import sessions
from tests.integration.support.model import assert_nothing_lost

pytestmark = [pytest.mark.integration, pytest.mark.faults]

EVENTS = believable(400, seed=61)
LANES = ("register-urgent", "register-bulk")


async def test_a_session_that_a_statement_timed_out_in_is_not_used_again(
    deployment: Deployment,
) -> None:
    """What timed out was the beginning of a transaction; the server begins it when it goes on. A
    batch written there as a transaction of its own would be a part of that one, which nobody
    commits."""
    worker = await deployment.start_worker()
    await deployment.publish(EVENTS[:200])
    await deployment.drained()
    frozen = await sessions(deployment, *LANES)
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        await deployment.publish(EVENTS[200:])
        await deployment.says(worker, '"database-lost"', times=len(frozen), seconds=60)
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    await deployment.drained()
    assert not frozen & await sessions(deployment, *LANES)
    await assert_nothing_lost(deployment)
