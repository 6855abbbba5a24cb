"""Waiting an outage out: capped exponential backoff with jitter."""

import asyncio
import random

_FIRST = 0.1
_CAP = 5.0


class Backoff:
    """Delays of about 0.1, 0.2, 0.4 … 5 seconds; `reset` after a success."""

    def __init__(self) -> None:
        self._delay = _FIRST

    def reset(self) -> None:
        """Start over."""
        self._delay = _FIRST

    async def wait(self, stopping: asyncio.Event) -> None:
        """Sleep the next delay, or until the worker stops."""
        delay = self._delay * random.uniform(0.5, 1.0)
        self._delay = min(self._delay * 2, _CAP)
        try:
            await asyncio.wait_for(stopping.wait(), delay)
        except TimeoutError:
            return
