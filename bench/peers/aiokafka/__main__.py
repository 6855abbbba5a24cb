"""Read an event, write it in a transaction, publish the answer, commit the offset now and then."""

import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.peers.core import decode
from bench.peers.store import apply, connect


async def main() -> None:
    """Run until terminated."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    consumer = AIOKafkaConsumer(
        *os.environ["TOPICS"].split(","),
        bootstrap_servers=servers,
        group_id=os.environ["GROUP"],
        auto_offset_reset="earliest",
        auto_commit_interval_ms=1000,
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
    pool = await connect()
    async with consumer, producer:
        async for record in consumer:
            event = decode(record.value, record.headers)
            if event is not None:
                for key, value in await apply(pool, [event]):
                    await producer.send(os.environ["ELIGIBILITY"], key=key, value=value)


asyncio.run(main())
