"""The lines that `docs/consuming.md` gives for a look at the topics, run as they stand there."""

import asyncio
import os
import re
import shutil
import subprocess

import orjson
import pytest

from schemas.docs.events import DOCS
from schemas.outbound import OUTBOUND_TYPES
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import (
    ago,
    ban,
    event,
    order,
    signup,
    structured,
)
from topics import BANS, CONSENTS, ELIGIBILITY, ORDERS, SIGNUPS

pytestmark = pytest.mark.integration

GUIDE = (DOCS / "consuming.md").read_text("utf-8")


def read_with_kcat(topic: str, deployment: Deployment) -> list[tuple[str, str]]:
    """What the guide's line prints of a topic, as keys and values."""
    (line,) = re.findall(rf"^kcat -C .*-t {re.escape(topic)} .*$", GUIDE, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-ec", line.replace(topic, deployment.prefix + topic)],
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": deployment.kafka},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    pairs = [printed.split(" ", 1) for printed in done.stdout.splitlines()]
    return sorted((key, value) for key, value in pairs)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed here")
async def test_kcat_reads_what_campaign_tools_read(deployment: Deployment) -> None:
    """A key and the message on a line, or the key and NULL for a tombstone."""
    withdrawn = event("consent.withdrawn", "gone", {"scope": {}}, time=ago(minutes=1))
    await deployment.publish(
        [
            structured(ORDERS.name, order("customer")),
            structured(SIGNUPS.name, signup("gone")),
            structured(CONSENTS.name, ban("customer")),
        ]
    )
    await deployment.start_worker()
    await deployment.drained()
    await deployment.publish([structured(CONSENTS.name, withdrawn)])
    await deployment.drained()
    for topic in (ELIGIBILITY.name, BANS.name):
        told = await asyncio.to_thread(read_with_kcat, topic, deployment)
        held = [
            ((record.key or b"").decode(), (record.value or b"NULL").decode())
            for record in await deployment.read(topic)
        ]
        assert told == sorted(held)
        messages = [value for _, value in told if value != "NULL"]
        assert len(messages) >= 2
        for message in messages:
            OUTBOUND_TYPES[orjson.loads(message)["type"]].model_validate_json(message)
        assert (topic == ELIGIBILITY.name) == (len(messages) < len(told)), "one was erased"
