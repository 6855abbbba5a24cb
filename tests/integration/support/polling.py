"""Waiting for something to become true, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_S = 0.05


async def until(what: str, ask: Callable[[], Awaitable[T]], *, seconds: float = 30.0) -> T:
    """Ask again and again until the answer is true, and return it.

    Fails after `seconds`, with `what` was waited for and the last answer.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}; the last answer: {answer!r}")
        await asyncio.sleep(_POLL_S)
