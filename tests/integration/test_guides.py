"""The snippets of `docs/publishing.md` publish what the service reads."""

import asyncio
import os
import re
import sys
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaConsumer

from schemas.cloudevents import decode
from schemas.docs.events import DOCS
from tests.conftest import RunningStack
from topics import CONSENTS, provision

pytestmark = pytest.mark.integration

SNIPPETS = re.findall(
    r"```python\n(.*?)```", (DOCS / "publishing.md").read_text(encoding="utf-8"), re.DOTALL
)


async def run(snippet: str, servers: str) -> None:
    """Run a snippet as a user would: a program of its own, told only where the brokers are."""
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", snippet, env=environment)
    async with asyncio.timeout(60):
        assert await process.wait() == 0


async def test_both_modes_reach_the_topic_readable(
    stack: RunningStack, unique_name: Callable[[str], str]
) -> None:
    prefix = unique_name("guides") + "."
    await provision(stack.kafka, prefix=prefix)
    topic = prefix + CONSENTS.name
    for snippet in SNIPPETS:
        await run(snippet.replace(f'"{CONSENTS.name}"', f'"{topic}"'), stack.kafka)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=stack.kafka, auto_offset_reset="earliest"
    ) as consumer:
        async with asyncio.timeout(30):
            records = [await consumer.getone() for _ in SNIPPETS]
    events = [decode(record.value, record.headers).event for record in records]
    assert [(event.id, event.type, event.subject) for event in events] == [
        ("evt-41", "consent.granted", "cust-1001"),
        ("evt-42", "ban.placed", "cust-1001"),
    ]
    assert {record.key for record in records} == {b"cust-1001"}
    assert len({record.partition for record in records}) == 1
