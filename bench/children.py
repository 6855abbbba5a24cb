"""Processes of a benchmark's own, ended by it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from ops.stack.workers import REPOSITORY

STOP_S = 10.0
_TAIL_BYTES = 2_000


@asynccontextmanager
async def child(
    arguments: list[str],
    env: Mapping[str, str],
    ready: str | None = None,
    *,
    python: Path = Path(sys.executable),
) -> AsyncIterator[int]:
    """Run `python ARGUMENTS` meanwhile; wait for the line `ready` on its stdout first.

    Gives its pid. Raises RuntimeError, with the end of what it told on stderr, if it ends by
    itself.
    """
    # Not to the terminal: its progress would be drawn over the benchmark's.
    with TemporaryFile() as told:
        process = await asyncio.create_subprocess_exec(
            python,
            *arguments,
            env=env,
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE if ready is not None else told,
            stderr=told,
        )
        try:
            if ready is not None and process.stdout is not None:
                line = (await process.stdout.readline()).decode().strip()
                if line != ready:
                    raise _failure(arguments, "did not start", told)
            yield process.pid
            if process.returncode is not None:
                raise _failure(arguments, f"ended with {process.returncode}", told)
        finally:
            await _end(process)


def _failure(arguments: list[str], what: str, told: IO[bytes]) -> RuntimeError:
    told.seek(0)
    tail = told.read()[-_TAIL_BYTES:].decode(errors="replace")
    return RuntimeError(f"python {' '.join(arguments)} {what}:\n{tail}")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def run(arguments: list[str], env: Mapping[str, str]) -> None:
    """Run `python ARGUMENTS` to its end; raises RuntimeError as `child` does if it fails."""
    with TemporaryFile() as told:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env=env, cwd=REPOSITORY, stdout=told, stderr=told
        )
        try:
            if await process.wait():
                raise _failure(arguments, f"ended with {process.returncode}", told)
        finally:
            await _end(process)
