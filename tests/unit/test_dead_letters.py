"""Dead letters out of their records: what was received, what a retry would do, in which order."""

from datetime import UTC, datetime

import pytest

from register.cli.dead_letter_choice import Asked, in_order, place
from register.cli.dead_letter_prospects import Prospect, taken_in, unreadable
from register.cli.dead_letter_topic import AsReceived, claims, unpack
from register.cli.dead_letter_view import Told, content_data, letter_data, outlook
from register.cli.errors import CliError
from register.outbound import Outbound
from register.records import Record
from register.store.batch import Unread
from register.store.dead_letters import Known, Letter, Place, State
from topics import CONSENTS, ORDERS

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PREFIX = "test."
TRACED = ("trace", b"\xff\x00")


@pytest.fixture(autouse=True)
def _prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC_PREFIX", PREFIX)


def record(
    value: bytes | None = b"{", *headers: tuple[str, bytes | None], offset: int = 7
) -> Record:
    """A record of a person's orders."""
    return Record(PREFIX + ORDERS.name, 3, offset, b"cust-1001", value, headers, NOW)


def letter(offset: int = 7, reason: str = "malformed_json: value", partition: int = 3) -> Letter:
    """A letter that nobody has handled."""
    return Letter(Place(PREFIX + ORDERS.name, partition, offset), reason, NOW, State.OPEN)


def sent_and_unpacked(original: Record) -> AsReceived | None:
    """A record on its way through the topic of dead letters."""
    message = Outbound(PREFIX, NOW).dead_letter(original, "malformed_json: value")
    return unpack(message.key, message.value, message.headers, PREFIX, NOW)


@pytest.mark.parametrize(
    "original",
    [
        record(),
        record(None),
        record(b"{", TRACED, ("null", None), ("", b"")),
        record(b"{", ("dlq-reason", b"mine"), ("dlq-offset", b"mine")),
        record(b"{", ("dlq-headers", b"mine"), TRACED),
    ],
)
def test_what_was_received_comes_out_of_its_letter(original: Record) -> None:
    """Whatever headers the sender had chosen."""
    found = sent_and_unpacked(original)
    assert found is not None
    assert found.whole
    assert found.place == (PREFIX + ORDERS.name, 3, 7)
    assert (found.record.key, found.record.value) == (original.key, original.value)
    assert list(found.record.headers) == list(original.headers)


@pytest.mark.parametrize(
    "original", [record(b" " * 1_300_000, TRACED), record(b"{", TRACED, ("long", b" " * 60_000))]
)
def test_what_was_cut_is_not_whole(original: Record) -> None:
    found = sent_and_unpacked(original)
    assert found is not None
    assert not found.whole
    assert list(found.record.headers) == [TRACED]
    assert "only a part" in str(unreadable(letter(), found, None))


def test_a_record_that_is_no_letter() -> None:
    assert unpack(b"k", b"v", [("dlq-reason", b"x"), TRACED], PREFIX, NOW) is None
    assert unpack(None, None, [], PREFIX, NOW) is None


def test_type_and_source_of_either_mode() -> None:
    event = b'{"type": "order.placed", "source": "/channels/webshop", "id": 5}'
    said = {"type": "order.placed", "source": "/channels/webshop"}
    assert claims(record(event)) == said
    headers = (("CE_TYPE", b"order.placed"), ("ce_source", b"/channels/webshop"))
    assert claims(record(b"{", *headers)) == said
    for value in (None, b"{", b"[1]", b"7", b'{"type": 7, "source": []}'):
        assert claims(record(value)) == {}


def test_letters_go_back_in_the_order_of_their_partition() -> None:
    mixed = [letter(9), letter(10), letter(1, partition=11), letter(2), letter(100)]
    assert [(one.place.partition, one.place.offset) for one in in_order(mixed)] == [
        (3, 2),
        (3, 9),
        (3, 10),
        (3, 100),
        (11, 1),
    ]


def test_an_id_names_a_place() -> None:
    assert place("channel.orders/3/7") == (PREFIX + ORDERS.name, 3, 7)
    for wrong in (
        "",
        "7",
        "channel.orders/3",
        "channel.orders/3/x",
        "channel.orders/-1/7",
        "channel.orders/3/٧",
        "channel.orders/9999999999/7",
        "channel.orders/2147483648/7",
        "register.dead-letters/0/1",
        "test.channel.orders/3/7",
    ):
        with pytest.raises(CliError, match="as `list` shows it"):
            place(wrong)


def test_a_filter_names_topics_as_the_deployment_has_them() -> None:
    everything = Asked().wanted([State.OPEN])
    assert PREFIX + ORDERS.name in everything.topics
    assert everything.since is None
    wanted = Asked(topic=CONSENTS.name, since="2026-03-01T12:00").wanted([State.OPEN])
    assert wanted.topics == [PREFIX + CONSENTS.name]
    assert wanted.since == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_why_a_record_cannot_be_read_today() -> None:
    received = AsReceived(record(), whole=True)
    still = Unread(received.record, "missing_field: id")
    assert unreadable(letter(), received, still) == "it still cannot be read: missing_field: id"
    assert "not on register.dead-letters" in str(unreadable(letter(), None, None))
    nameless = letter(reason="malformed_header: name")
    assert "has no bytes of it" in str(unreadable(nameless, AsReceived(record(None), True), still))


@pytest.mark.parametrize(
    ("kind", "known", "prospect"),
    [
        ("order.placed", Known(), Prospect()),
        ("order.placed", Known(later=2), Prospect(later=2)),
        ("order.placed", Known(has=True, later=2), Prospect(is_there=True, later=2)),
        ("ban.placed", Known(other_body=True), Prospect()),
        ("consent.withdrawn", Known(other_body=True, later=1), Prospect(later=1)),
    ],
)
def test_what_would_come_of_an_event(kind: str, known: Known, prospect: Prospect) -> None:
    """R1, R2."""
    assert taken_in(kind, known) == prospect


def test_r1_another_event_has_the_id() -> None:
    """What says no is taken in once all the same, and only once."""
    for kind, known in (
        ("order.placed", Known(other_body=True)),
        ("order.placed", Known(conflicting=True)),
        ("ban.placed", Known(conflicting=True)),
    ):
        found = taken_in(kind, known)
        assert "another event was taken in under its id" in outlook(found)
        assert not found.is_ready


def test_nothing_that_was_sent_steers_a_terminal() -> None:
    content = content_data(record(b"\x1b[2J\xff\nnext", ("\x1b]0;x", b"\x07")))
    assert content == {
        "key": "cust-1001",
        "headers": [["\\x1b]0;x", "\\x07"]],
        "value": "\\x1b[2J\\xff\nnext",
    }


def test_json_holds_the_content_only_where_it_is_asked_for() -> None:
    told = Told(letter(), record(b"Aino", TRACED), {"type": "order.placed"}, Prospect(), [])
    quiet = letter_data(told, reveal=False)
    assert "Aino" not in str(quiet)
    assert "cust-1001" not in str(quiet)
    assert (quiet["id"], quiet["bytes"], quiet["retry"]) == (
        "channel.orders/3/7",
        4,
        "it would be taken in",
    )
    assert letter_data(told, reveal=True)["content"]["value"] == "Aino"
