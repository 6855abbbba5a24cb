"""Records that are unusual in themselves, whatever they say: none may stop what comes after.

A consumer that cannot get past a record is the worst that a sender can do to all others, so
each of these has a register of its own, and neighbours who must get through.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from register.records import OutboxMessage
from register.store.outbox import next_messages
from register.store.writing import write_outbox
from tests.integration.support.broker import Outgoing
from tests.integration.support.database import connected
from tests.integration.support.deployment import Deployment
from tests.integration.support.events import ban, order, structured
from tests.integration.support.model import assert_nothing_lost, data_of
from tests.integration.support.polling import until
from tests.integration.support.raw import NoText, publish_together
from topics import BANS, CONSENTS, ELIGIBILITY, ORDERS

pytestmark = pytest.mark.integration

LONG = 3_000_000
"""Bytes; they compress to next to nothing, so that the broker takes them in all the same."""


def neighbour(name: str, key: bytes | None) -> Outgoing:
    """A healthy order on the partition of another record."""
    return replace(structured(ORDERS.name, order(name)), key=key)


async def customers(deployment: Deployment) -> set[str]:
    """Subjects of everybody who was ever told of."""
    return {
        identity["subject"]
        for record in await deployment.read(ELIGIBILITY.name)
        if record.value is not None
        for identity in data_of(record)["identities"]
    }


async def test_every_compression_is_read(deployment: Deployment) -> None:
    """Senders choose how they compress."""
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    for codec in codecs:
        record = structured(ORDERS.name, order(codec))
        assert record.value is not None
        # Long enough to be worth it: librdkafka sends it as it is otherwise.
        padded = replace(record, value=record.value + b" " * 10_000)
        await deployment.publish([padded], {"compression.codec": codec})
    await deployment.start_worker()
    await deployment.drained(seconds=20)
    assert await customers(deployment) == set(codecs)


async def test_any_header_is_let_through(deployment: Deployment) -> None:
    """Headers are bytes; tracing agents put numbers and nothing at all into them."""
    headers = {
        "null": ("null", None),
        "nameless": ("", b"value"),
        "nul": ("nul", b"a\0b"),
        "latin-1": ("latin-1", b"\xe4\xff"),
        "twice": ("content-type", b"application/cloudevents+json"),
    }
    for name, header in headers.items():
        healthy = structured(ORDERS.name, order(name))
        odd = replace(healthy, headers=[*healthy.headers, header])
        await deployment.publish([odd, replace(odd, value=b"{" + name.encode())])
    await deployment.start_worker()
    await deployment.drained(seconds=20)
    assert await customers(deployment) == set(headers)
    letters = {letter.value: letter.headers for letter in await deployment.dead_letters()}
    assert set(letters) == {b"{" + name.encode() for name in headers}
    for name, header in headers.items():
        assert letters[b"{" + name.encode()][1] == header


def long_value() -> Outgoing:
    """A value of spaces."""
    return Outgoing(ORDERS.name, b"long", b" " * LONG)


def long_header() -> Outgoing:
    """No event, with a header of spaces."""
    return Outgoing(ORDERS.name, b"long", b"{", [("long", b" " * LONG)])


def long_ban() -> Outgoing:
    """A ban of so many products that the eligibility it leads to is too long for its topic."""
    products = [f"p{number}" for number in range(60_000)]
    return structured(CONSENTS.name, ban("long", {"products": products}))


@pytest.mark.parametrize("make", [long_value, long_header, long_ban])
async def test_what_is_too_long_to_publish_stops_nobody(
    deployment: Deployment, make: Callable[[], Outgoing]
) -> None:
    """The broker weighs a record as it came, compressed; what is made of it is longer."""
    record = make()
    await deployment.publish([structured(ORDERS.name, order("long"))])
    await deployment.start_worker()
    await deployment.publish([neighbour("before", record.key)])
    await deployment.publish([record], {"compression.codec": "gzip"})
    # Of one key, so that they are published one after another.
    after = [neighbour("after", record.key), structured(ORDERS.name, order("after", id="second"))]
    await deployment.publish(after)
    await deployment.drained(seconds=20)
    assert await customers(deployment) == {"long", "before", "after"}


async def test_a_message_too_long_for_its_topic_holds_up_its_key_alone(
    deployment: Deployment,
) -> None:
    """It stays, with what is newer of its key; however little the relay takes at a time, what it
    has to leave is not all that it sees."""
    worker = await deployment.start_worker({"OUTBOX_BATCH": "1"})
    topic = deployment.prefix + ELIGIBILITY.name
    stay = [
        OutboxMessage(topic, b"stuck", value, [], None, caused_by_no=False)
        for value in (bytes(9_000_000), b"{}")
    ]
    async with connected(deployment.database_url) as connection:
        await write_outbox(connection, stay)
        await deployment.says(worker, '"too-long"')
        await deployment.publish([neighbour("beside", b"k")])

        async def told() -> bool:
            return await customers(deployment) == {"beside"}

        await until("the other customer to be told of", told)
        left = await next_messages(connection, 10)
    assert [one.message.value for one in left] == [one.value for one in stay]


async def test_any_key_is_only_a_key(deployment: Deployment) -> None:
    """An event without a usable key is processed all the same (contract, "Envelope")."""
    records = [
        neighbour("keyless", None),
        neighbour("empty-key", b""),
        neighbour("bytes", b"\xff\0" * 10_000),
        Outgoing(ORDERS.name, b"\xff\0", b"{"),
    ]
    await deployment.publish(records)
    await deployment.start_worker()
    await deployment.drained(seconds=20)
    assert await customers(deployment) == {"keyless", "empty-key", "bytes"}
    (letter,) = await deployment.dead_letters()
    assert letter.key == b"\xff\0"
    await assert_nothing_lost(deployment)


async def test_a_header_name_that_is_no_text_stops_nothing_else(deployment: Deployment) -> None:
    """Also not what its sender put into the same batch, which the client gives up with it."""
    odd = neighbour("odd", b"k")
    odd = replace(odd, headers=[*odd.headers, (NoText("n"), b"1")])
    names = ("before", "after", "later")
    before, after, later = (neighbour(name, b"k") for name in names)
    topic = deployment.prefix + ORDERS.name
    together = [replace(one, topic=topic) for one in (before, odd, after, odd, later)]
    await publish_together(deployment.kafka, 0, together)
    worker = await deployment.start_worker()
    await deployment.says(worker, '"header-name"')
    await deployment.publish([neighbour("last", b"k")])
    await deployment.drained(seconds=20)
    assert await customers(deployment) == {*names, "last"}
    letters = await deployment.dead_letters()
    told = [dict(letter.headers) for letter in letters]
    assert [one["dlq-reason"] for one in told] == [b"malformed_header: name"] * 2
    assert [one["dlq-offset"] for one in told] == [b"1", b"3"]
    assert [one["na\\xefve"] for one in told] == [b"1", b"1"]
    assert [letter.value for letter in letters] == [odd.value, odd.value]


async def test_a_record_of_nothing_stops_nobody(deployment: Deployment) -> None:
    """Neither key nor value: Kafka takes it in, and our client would not send its like."""
    await deployment.publish([Outgoing(ORDERS.name, None, None), neighbour("beside", b"k")])
    worker = await deployment.start_worker()
    await deployment.drained(seconds=20)
    worker.assert_running()
    assert await customers(deployment) == {"beside"}
    (letter,) = await deployment.dead_letters()
    assert dict(letter.headers)["dlq-reason"] == b"null_value: value"
    assert (letter.key, letter.value) == (b"", None)


async def test_a_moment_is_told_in_one_way(deployment: Deployment) -> None:
    """Whatever offset the sender wrote: when the register says the same ban again, it must not
    look like another one, and count as a change."""
    written = ban("offset", {"channels": ["sms"]}, time="2026-03-01T12:00:00+02:00")
    await deployment.publish([structured(CONSENTS.name, written)])
    await deployment.start_worker()
    await deployment.drained()
    await deployment.publish([structured(CONSENTS.name, ban("offset", {"channels": ["post"]}))])
    await deployment.drained()
    first, second = [data_of(record) for record in await deployment.read(BANS.name)]
    assert first["bans"][0] == second["bans"][0]
    await assert_nothing_lost(deployment)
