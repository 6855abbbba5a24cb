"""How long a thread that computes keeps the event loop waiting.

Large batches and sweeps are decided in threads. Each time that a ban's way goes through the event
loop meanwhile, and it does so some twenty times, it waits for a thread's turn to end: with Python's
own 5 ms, a tenth of a second. With turns always short, a tenth of the processor time goes into
changing them. So they are short only while a batch is on its way that is not full: in a full one,
of a backlog, everybody waits for all that comes before.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SHORT_S = 0.0005
_USUAL_S = 0.005
_PUBLISHED_S = 0.1
"""Seconds that a batch's messages need to be published."""


class Turns:
    """The interpreter's switch interval, of which a process has one."""

    def __init__(self) -> None:
        self._hurried = 0
        self._lengthening: asyncio.TimerHandle | None = None

    @contextmanager
    def short(self) -> Iterator[None]:
        """Short turns meanwhile, and until what was decided is published."""
        if self._lengthening is not None:
            self._lengthening.cancel()
            self._lengthening = None
        self._hurried += 1
        sys.setswitchinterval(_SHORT_S)
        try:
            yield
        finally:
            self._hurried -= 1
            if not self._hurried:
                loop = asyncio.get_running_loop()
                self._lengthening = loop.call_later(_PUBLISHED_S, sys.setswitchinterval, _USUAL_S)


turns = Turns()
