"""A faust agent: one event, one transaction, one answer."""

import os
from tempfile import mkdtemp
from typing import Any

import faust

from bench.peers.core import decode
from bench.peers.store import apply, connect

app = faust.App(
    os.environ["GROUP"],
    broker=f"kafka://{os.environ['KAFKA_BOOTSTRAP_SERVERS']}",
    datadir=mkdtemp(),
    store="memory://",
    web_enabled=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    producer_acks=-1,
)
inbound = app.topic(*os.environ["TOPICS"].split(","), value_serializer="raw")
eligibility = app.topic(os.environ["ELIGIBILITY"], key_serializer="raw", value_serializer="raw")


async def take_in(stream: Any) -> None:
    """Apply every event of the stream."""
    pool = await connect()
    async for event in stream.events():
        read = decode(event.value, event.headers.items())
        if read is not None:
            for key, value in await apply(pool, [read]):
                await eligibility.send(key=key, value=value)


app.agent(inbound)(take_in)
faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()
