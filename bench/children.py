"""Processes of a benchmark's own, ended by it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

STOP_S = 10.0


@asynccontextmanager
async def child(
    arguments: list[str], env: Mapping[str, str], ready: str | None = None
) -> AsyncIterator[None]:
    """Run `python ARGUMENTS` meanwhile; wait for the line `ready` on its stdout first.

    Raises RuntimeError if the process ends by itself.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        if ready is not None and process.stdout is not None:
            line = (await process.stdout.readline()).decode().strip()
            if line != ready:
                raise RuntimeError(f"python {' '.join(arguments)} did not start: {line!r}")
        yield
        if process.returncode is not None:
            raise RuntimeError(f"python {' '.join(arguments)} ended with {process.returncode}")
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
