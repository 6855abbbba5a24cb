"""`register rebuild` on the real stack, while a worker goes on, and stopped half way."""

import asyncio
import os
import signal
import subprocess
import sysconfig
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.support.database import connected, read_register
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import believable
from tests.integration.support.model import assert_nothing_lost
from tests.integration.support.polling import until
from tests.integration.support.shell import Answer, Shell

pytestmark = pytest.mark.integration

COMMAND = Path(sysconfig.get_path("scripts"), "register")
EVENTS = believable(2_400, seed=23)


async def rebuild(deployment: Deployment, *options: str) -> Answer:
    """The command on the deployment."""
    return await Shell({**deployment.settings(), "COLUMNS": "160"})("rebuild", *options)


def counts(answer: Answer) -> list[str]:
    """How much differed, by kind."""
    return [line.rsplit(" ", 1)[1] for line in answer.stdout.splitlines() if line[:2] == "  "]


async def test_a_rebuild_while_a_worker_goes_on(deployment: Deployment) -> None:
    """R2: what the register ends in equals the model, version by version."""
    worker = await deployment.start_worker()
    await deployment.publish(EVENTS[:1_200])
    await deployment.drained()

    async def say() -> None:
        for start in range(1_200, len(EVENTS), 60):
            await deployment.publish(EVENTS[start : start + 60])

    saying = asyncio.create_task(say())
    answers = [await rebuild(deployment)]
    while not saying.done():
        answers.append(await rebuild(deployment))
    await saying
    for answer in answers:
        assert answer.exit_code == 0, answer.stderr
        assert "the new register is in use" in answer.stdout
        assert set(counts(answer)) == {"0"}, answer.stdout
        assert "example.fi" not in answer.stdout
    await deployment.drained()
    worker.assert_running()
    await assert_nothing_lost(deployment)


async def test_a_look_alone(deployment: Deployment) -> None:
    """Exit code 1 where something differs, and everything is as it was."""
    await deployment.start_worker()
    await deployment.publish(EVENTS[:600])
    await deployment.drained()
    assert (await rebuild(deployment, "--check")).exit_code == 0
    async with connected(deployment.database_url) as connection:
        await connection.execute("delete from ban_entry where kind = 'identity'")
    before = await read_register(deployment.database_url)
    looked = await rebuild(deployment, "--check")
    assert looked.exit_code == 1
    assert "run: register rebuild" in looked.stdout
    assert await read_register(deployment.database_url) == before
    done = await rebuild(deployment)
    assert (done.exit_code, counts(done)) == (0, counts(looked))
    assert (await rebuild(deployment, "--check")).exit_code == 0
    await deployment.drained()
    await assert_nothing_lost(deployment)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_a_rebuild_that_is_stopped(deployment: Deployment, how: signal.Signals) -> None:
    """The register is as it was, nobody else may begin meanwhile, and the next one starts over."""
    await deployment.start_worker()
    await deployment.publish(EVENTS[:600])
    await deployment.drained()
    before = await read_register(deployment.database_url)
    async with reading(deployment):
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            "rebuild",
            env={**os.environ, **deployment.settings()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            await until("the swap to wait", lambda: waits(deployment))
            other = await rebuild(deployment)
            assert (other.exit_code, other.stdout) == (1, "")
            assert "somebody else rebuilds this register" in other.stderr
        finally:
            process.send_signal(how)
            _, told = await process.communicate()
    if how is signal.SIGINT:
        assert (process.returncode, told.decode().strip()[-7:]) == (130, "stopped")
    assert await read_register(deployment.database_url) == before
    again = await rebuild(deployment)
    assert (again.exit_code, set(counts(again))) == (0, {"0"})
    assert await read_register(deployment.database_url) == before
    async with connected(deployment.database_url) as connection:
        left = await connection.fetchval("select to_regnamespace('register_rebuild')")
    assert left is None


@asynccontextmanager
async def reading(deployment: Deployment) -> AsyncIterator[None]:
    """Somebody who reads for long, for whom the swap waits."""
    async with connected(deployment.database_url) as connection, connection.transaction():
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        await connection.execute("select from customer limit 1")
        yield


async def waits(deployment: Deployment) -> bool:
    """Whether a rebuild waits for whoever reads."""
    async with connected(deployment.database_url) as connection:
        return bool(
            await connection.fetchval(
                "select exists (select from pg_stat_activity a join pg_locks l using (pid)"
                " where a.application_name = 'register rebuild' and not l.granted"
                " and a.datname = current_database())"
            )
        )
