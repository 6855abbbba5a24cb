"""A steady stream of records, so that things can happen in the midst of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from tests.integration.support.broker import Outgoing, Sender
from tests.integration.support.deployment import Deployment
from tests.integration.support.polling import until

_STEP_S = 0.05


class Stream:
    """How far the stream is; `places` are those of what was sent, once it has ended."""

    def __init__(self, records: Sequence[Outgoing]) -> None:
        self._records = records
        self.sent = 0
        self.places: list[tuple[str, int, int]] = []
        self.ended = False

    def end(self) -> None:
        """Send no more of the records."""
        self.ended = True

    async def reaches(self, share: float) -> None:
        """Wait until that share of the records is on its way."""
        wanted = int(len(self._records) * share)

        async def there() -> bool:
            return self.sent >= wanted

        await until(f"{wanted} records to be sent", there)


@asynccontextmanager
async def streaming(
    deployment: Deployment,
    records: Sequence[Outgoing],
    *,
    per_second: float,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Stream]:
    """Send records evenly while the body runs; in the end all of them are acknowledged, or all
    that were sent until the body ended the stream.

    An outage of Kafka delays them, and loses none: the sender waits for it.
    """
    stream = Stream(records)
    sender = Sender(deployment.kafka, deployment.prefix, settings)

    async def send() -> None:
        step = max(1, round(per_second * _STEP_S))
        while stream.sent < len(records) and not stream.ended:
            part = records[stream.sent : stream.sent + step]
            await asyncio.to_thread(sender.send, part)
            stream.sent += len(part)
            await asyncio.sleep(_STEP_S)

    task = asyncio.create_task(send())
    try:
        yield stream
        await task
        stream.places = await asyncio.to_thread(sender.flush)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(sender.close)
