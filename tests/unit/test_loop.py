"""How often what gets slower with the register may be done, and sessions that end by themselves."""

import asyncio
import time

from workers.loop import LoopService, at_most_often


def test_what_takes_long_is_done_seldom() -> None:
    assert at_most_often(2.0, time.monotonic()) == 2.0
    assert at_most_often(2.0, time.monotonic() - 1.0) >= 50.0


class _Leaky(LoopService):
    """Its first session ends as a client's does that lets a cancellation of its own out."""

    def __init__(self) -> None:
        super().__init__("leaky")
        self.sessions = 0
        self.again = asyncio.Event()

    async def session(self) -> None:
        self.sessions += 1
        if self.sessions == 1:
            inner = asyncio.create_task(asyncio.sleep(60))
            inner.cancel()
            await inner
        self.again.set()
        await self.stopping.wait()


async def test_a_cancellation_that_nobody_asked_for_ends_one_session_only() -> None:
    service = _Leaky()
    await service.on_start()
    await asyncio.wait_for(service.again.wait(), 5)
    await service.on_stop()
    assert service.sessions == 2
