"""The least a service could do with an event: read it, commit one row, say something.

`python -m bench.echo` runs as a process of its own, as the workers do, and answers every
record of `bench.ping` with one on `bench.pong`. KAFKA_BOOTSTRAP_SERVERS, DATABASE_URL and
TOPIC_PREFIX say where. It prints a line once it is ready.
"""

import os

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from ops.demo.watch import stand_at_end

PING, PONG = "bench.ping", "bench.pong"
READY = "echo: ready"

_TABLE = "CREATE TABLE IF NOT EXISTS bench_ping (id bytea PRIMARY KEY, body bytea NOT NULL)"
_ROW = "INSERT INTO bench_ping (id, body) VALUES ($1, $2)"


async def echo(servers: str, database_url: str, prefix: str) -> None:
    """Answer until cancelled; one record, one transaction, one answer at a time."""
    database = await asyncpg.connect(database_url)
    await database.execute(_TABLE)
    consumer = AIOKafkaConsumer(
        prefix + PING, bootstrap_servers=servers, auto_offset_reset="latest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
    async with consumer, producer:
        await stand_at_end(consumer)
        print(READY, flush=True)
        async for record in consumer:
            await database.execute(_ROW, record.key, record.value)
            await producer.send_and_wait(prefix + PONG, key=record.key, value=record.value)


def main() -> None:
    """Run until terminated."""
    servers, url = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["DATABASE_URL"]
    uvloop.run(echo(servers, url, os.environ.get("TOPIC_PREFIX", "")))


if __name__ == "__main__":
    main()
