"""Reads what customer service was answered, from `register.responses` itself: no copy is kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from register.cli.topic_reader import read_topic
from topics import RESPONSES

# An access report is one record, however long (topics.RESPONSES).
_REPORT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """A message on the topic: its id names it for good, however often it was delivered."""

    event_id: str
    type: str
    time: datetime
    data: dict[str, Any]


async def responses_to(request_id: str) -> list[Response]:
    """Every answer to a request that the topic still holds, each once, the oldest first.

    Reads the whole topic, with a progress bar. Raises `CliError` where Kafka does not answer or
    has no such topic.
    """
    found: dict[str, Response] = {}
    async for record in read_topic(RESPONSES.name, record_bytes=_REPORT_BYTES):
        if record.key == request_id.encode() and record.value is not None:
            response = _response(record.value)
            found.setdefault(response.event_id, response)
    return sorted(found.values(), key=lambda response: response.time)


def _response(value: bytes) -> Response:
    event = orjson.loads(value)
    return Response(
        event["id"], event["type"], datetime.fromisoformat(event["time"]), event["data"]
    )
