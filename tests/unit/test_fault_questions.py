"""The fault harness sees a question that nobody answered, or that was answered in two ways."""

import random
from datetime import UTC, datetime

import orjson
import pytest

from ops.generate import Generator, Options
from schemas.cloudevents import CONTENT_TYPE
from tests.faults.harness.questions import interspersed, not_answered_once
from tests.integration.support.broker import Incoming, Outgoing
from topics import REQUESTS, RESPONSES, SCREENINGS


def received(record: Outgoing, offset: int = 0) -> Incoming:
    """The record as it stands on its topic."""
    return Incoming(
        record.topic, 0, offset, record.key, record.value, record.headers, datetime.now(UTC)
    )


def answer(topic: str, kind: str, **data: object) -> Outgoing:
    """An answer of the register's."""
    said = {
        "specversion": "1.0",
        "id": "one",
        "source": "/register",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Outgoing(topic, None, orjson.dumps(said), (CONTENT_TYPE,))


COMPLETED = answer(
    RESPONSES.name,
    "request.completed",
    request_id="access-1",
    request_type="access.requested",
    reason=None,
)


def asked() -> dict[str, list[Incoming]]:
    """What is put among generated records, by topic."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    told = Generator(1, start=start, customers=100, options=Options()).take(400)
    records = [Outgoing(one.topic, one.key, one.value, one.headers) for one in told]
    among = [one for one in interspersed(records, random.Random(1)) if one not in records]
    return {
        topic: [received(one) for one in among if one.topic == topic]
        for topic in (REQUESTS.name, SCREENINGS.name)
    }


def test_screenings_and_access_requests_are_put_among_what_channels_say() -> None:
    questions = asked()
    assert questions[REQUESTS.name]
    assert questions[SCREENINGS.name]


def test_a_question_without_an_answer_is_a_difference() -> None:
    access = asked()[REQUESTS.name][:1]
    name = orjson.loads(access[0].value or b"")["data"]["request_id"]
    (difference,) = not_answered_once(access, [])
    assert name in difference
    told = answer(
        RESPONSES.name,
        "request.completed",
        request_id=name,
        request_type="access.requested",
        reason=None,
    )
    assert list(not_answered_once(access, [received(told), received(told, 1)])) == []


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"request_id": "access-2"}, id="to no question"),
        pytest.param({"reason": "person_not_found"}, id="of two contents"),
    ],
)
def test_an_answer_too_many_is_a_difference(second: dict[str, str]) -> None:
    data = orjson.loads(COMPLETED.value or b"")["data"] | second
    other = answer(RESPONSES.name, "request.completed", **data)
    differences = list(not_answered_once([], [received(COMPLETED), received(other, 1)]))
    assert any("no question" in one for one in differences)
    assert ("reason" in second) == any("several answers" in one for one in differences)
