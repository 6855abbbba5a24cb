"""Records that are unusual in themselves, whatever they say: none may stop what comes after.

A consumer that cannot get past a record is the worst that a sender can do to all others, so
each of these has a register of its own, and neighbours who must get through.
"""

from dataclasses import replace

import pytest

from tests.integration.support.broker import Outgoing
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ago, ban, order, signup, structured
from tests.integration.support.model import assert_nothing_lost, data_of
from topics import CONSENTS, ELIGIBILITY, ORDERS, SIGNUPS

pytestmark = pytest.mark.integration

LONG = 3_000_000
"""Bytes; they compress to next to nothing, so that the broker takes them in all the same."""


async def publish_among_neighbours(
    deployment: Deployment, record: Outgoing, settings: dict[str, str] | None = None
) -> None:
    """Publish the record between two healthy ones of its partition, and start a worker."""
    before, after = (
        replace(structured(ORDERS.name, order(name)), key=record.key)
        for name in ("before", "after")
    )
    await deployment.publish([before])
    await deployment.publish([record], settings)
    await deployment.publish([after])
    await deployment.start_worker()
    await deployment.drained(seconds=20)


async def customers(deployment: Deployment) -> set[str]:
    """Subjects of everybody who was ever told of."""
    return {
        identity["subject"]
        for record in await deployment.read(ELIGIBILITY.name)
        if record.value is not None
        for identity in data_of(record)["identities"]
    }


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_compression_is_read(deployment: Deployment, codec: str) -> None:
    """Senders choose how they compress."""
    record = structured(ORDERS.name, order("compressed"))
    assert record.value is not None
    # Long enough to be worth compressing: librdkafka sends it as it is otherwise.
    padded = replace(record, value=record.value + b" " * 10_000)
    await publish_among_neighbours(deployment, padded, {"compression.codec": codec})
    assert await customers(deployment) == {"before", "compressed", "after"}


@pytest.mark.parametrize(
    "header",
    [("none", None), ("", b"no name"), ("nul", b"a\0b"), ("latin-1", b"\xe4"), (b"\xff", b"name")],
    ids=["null", "nameless", "nul", "no-utf-8", "name-no-utf-8"],
)
@pytest.mark.parametrize("readable", [True, False])
async def test_any_header_is_let_through(
    deployment: Deployment, header: tuple[str, bytes | None], readable: bool
) -> None:
    """Headers are bytes; tracing agents put numbers and nothing at all into them."""
    healthy = structured(ORDERS.name, order("odd"))
    record = replace(healthy, headers=[*healthy.headers, header])
    if not readable:
        record = replace(record, value=b"{")
    await publish_among_neighbours(deployment, record)
    assert await customers(deployment) == {"before", "after"} | ({"odd"} if readable else set())
    letters = await deployment.dead_letters()
    assert [letter.value for letter in letters] == ([] if readable else [b"{"])
    for letter in letters:
        name = header[0].encode() if isinstance(header[0], str) else header[0]
        found = {given.encode(errors="surrogateescape"): value for given, value in letter.headers}
        assert found.get(name, b"lost") == header[1] or name == b"\xff"


async def test_a_long_value_that_came_compressed_becomes_a_dead_letter(
    deployment: Deployment,
) -> None:
    """The broker weighs it as it came; the dead letter must fit its topic all the same."""
    record = replace(structured(ORDERS.name, order("long")), value=b" " * LONG)
    await publish_among_neighbours(deployment, record, {"compression.codec": "gzip"})
    assert await customers(deployment) == {"before", "after"}
    (letter,) = await deployment.dead_letters()
    reason = dict(letter.headers)["dlq-reason"]
    assert reason == b"too_large: value"


async def test_a_long_header_that_came_compressed_stops_nobody(deployment: Deployment) -> None:
    record = Outgoing(ORDERS.name, b"long", b"{", [("long", b" " * LONG)])
    await publish_among_neighbours(deployment, record, {"compression.codec": "gzip"})
    assert await customers(deployment) == {"before", "after"}
    (letter,) = await deployment.dead_letters()
    assert dict(letter.headers)["dlq-reason"] == b"malformed_json: value"


async def test_a_ban_of_very_many_products_stops_nobody(deployment: Deployment) -> None:
    """What it leads to is longer than what it says, and must still be published."""
    await deployment.publish([structured(ORDERS.name, order("many"))])
    scope = {
        "products": [f"p{number}" for number in range(60_000)],
        "purposes": ["offers", "campaign"],
        "channels": ["email", "sms", "post"],
    }
    await publish_among_neighbours(deployment, structured(CONSENTS.name, ban("many", scope)))
    assert await customers(deployment) >= {"before", "after"}


async def test_an_empty_and_a_long_key_are_only_keys(deployment: Deployment) -> None:
    """An event without a usable key is processed all the same (contract, "Envelope")."""
    records = [
        replace(structured(ORDERS.name, order("keyless")), key=None),
        replace(structured(ORDERS.name, order("empty-key")), key=b""),
        replace(structured(SIGNUPS.name, signup("odd-key")), key=b"\xff\0" * 10_000),
        replace(structured(ORDERS.name, order("bad")), key=b"\xff\0", value=b"{"),
    ]
    await deployment.publish(records)
    await deployment.start_worker()
    await deployment.drained(seconds=20)
    assert await customers(deployment) == {"keyless", "empty-key", "odd-key"}
    (letter,) = await deployment.dead_letters()
    assert letter.key == b"\xff\0"
    await assert_nothing_lost(deployment)


async def test_a_time_that_counts_is_told_in_one_way(deployment: Deployment) -> None:
    """The ban register says a moment in UTC, whatever offset the sender wrote: at the next
    touch the same ban must not look like another one."""
    placed = ban("offset", {"channels": ["sms"]}, time="2026-03-01T12:00:00+02:00")
    await deployment.publish([structured(CONSENTS.name, placed)])
    await deployment.start_worker()
    await deployment.drained()
    later = ban("offset", {"channels": ["post"]}, time=ago(hours=2))
    await deployment.publish([structured(CONSENTS.name, later)])
    await deployment.drained()
    await assert_nothing_lost(deployment)
