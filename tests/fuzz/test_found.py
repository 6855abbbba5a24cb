"""What the fuzzer found, each as a plain test."""

import orjson
import pytest

from schemas.cloudevents import CONTENT_TYPE, decode
from schemas.problems import Unreadable
from tests.integration.store.said import erasure
from tests.support.events import WEBSHOP, Json, consumer, day, order
from tests.support.register import MemoryRegister, read

AINO = consumer(email="aino@example.fi")
CODE = "010594Y9032"
"""A personal identity code that is never given out."""


def reason(event: Json) -> str:
    """Why an event is a dead letter."""
    with pytest.raises(Unreadable) as caught:
        read(event)
    return caught.value.reason


def nested(depth: int) -> Json:
    """An order with a field that nobody knows, in it so many lists in each other."""
    sent = order(day(1), AINO)
    sent["data"]["unknown"] = orjson.Fragment(b"[" * depth + b"]" * depth)
    return sent


def in_binary(sent: Json) -> tuple[bytes, list[tuple[str, bytes | None]]]:
    """Value and headers of binary mode."""
    attributes = {name: value for name, value in sent.items() if name != "data"}
    headers = [(f"ce_{name}", str(value).encode()) for name, value in attributes.items()]
    return orjson.dumps(sent["data"]), list(headers)


def test_deep_nesting_is_malformed_in_either_mode() -> None:
    """In binary mode, data of 254 levels and more was read, and could not be written again."""
    for depth in (200, 253, 254, 300, 1_000, 1_100, 100_000):
        sent = nested(depth)
        for value, headers in (in_binary(sent), (orjson.dumps(sent), [CONTENT_TYPE])):
            with pytest.raises(Unreadable) as caught:
                decode(value, headers)
            assert caught.value.reason == "malformed_json: value", depth
    for value, headers in (in_binary(nested(150)), (orjson.dumps(nested(150)), [CONTENT_TYPE])):
        assert decode(value, headers).event.subject == "c-1"


def test_r28_a_code_beside_the_attributes_names_no_field() -> None:
    """The reason ended in an empty path."""
    sent = order(day(1), AINO) | {f"x {CODE}": CODE}
    assert reason(sent) == "personal_identity_code"


def test_r28_a_reason_quotes_no_key_that_a_sender_made_up() -> None:
    """Any small letters were taken for a field's name, however many and however deep."""
    for made_up in ("x" * 300, "äiti", "aino virtanen", "virtanen_aino"):
        sent = order(day(1), {**AINO, made_up: CODE})
        assert reason(sent) == "personal_identity_code: data.party", made_up
    sent = order(day(1), AINO)
    sent["data"]["a"] = orjson.Fragment(b'{"a":' * 100 + f'"{CODE}"'.encode() + b"}" * 100)
    assert reason(sent) == "personal_identity_code: data"


def test_r25_an_erasure_dated_before_1970_erases() -> None:
    """The id of who comes back after it is made of the moment, which was below zero."""
    register = MemoryRegister()
    long_ago = day(1).replace(year=1900)
    register.deliver(erasure(long_ago, AINO, subject="c-1", source=WEBSHOP))
    register.deliver(order(day(1), AINO))
    person = register.person("c-1", WEBSHOP)
    assert person is not None
    assert person["deny"]["newsletter"]["email"] == "banned"
