"""What the generator yields, and how an event becomes a record of either CloudEvents mode."""

from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

import orjson

from schemas.cloudevents import CONTENT_TYPE

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Published:
    """One record to send; `topic` is the contract's name, without a deployment's prefix.

    `event` is the event as JSON in structured form, or None where the bytes hold none.
    `dead_letter` is the reason that the service must dead-letter this record with (`code` or
    `code: field`), or None for a record that is fit to read.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    event: dict[str, Any] | None
    dead_letter: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A channel system: its URI reference, how it numbers people, how it writes events."""

    uri: str
    prefix: str
    binary: bool = False
    # Systems write local or universal time; R4 asks for an offset, not for a certain one.
    zone: timezone = UTC


_EAST = timezone(timedelta(hours=2))

WEBSHOP = Source("/channels/webshop", "cust")
APP = Source("/channels/app", "app", binary=True, zone=_EAST)
SHOPS = Source("/channels/shops", "pos")
CUSTOMER_SERVICE = Source("/channels/customer-service", "cs", binary=True)
SITE = Source("/channels/site", "web", zone=_EAST)
DIRECTORY = Source("/directories/asiakastieto", "at")
PUBLIC_REGISTER = Source("/directories/business-register", "br", binary=True)
CONTRACTS = Source("/controller/contracts", "agreement")
CAMPAIGN_TOOL = Source("/campaign-tools/listmonk", "list", binary=True)

ORDERING = (WEBSHOP, APP, SHOPS, CUSTOMER_SERVICE)
"""Channels that take orders."""
SIGNING_UP = (SITE, APP)
"""Channels with sign-up forms."""
LISTING = (DIRECTORY, PUBLIC_REGISTER)
"""Where prospects are listed."""


def record(topic: str, source: Source, event: dict[str, Any], key: str | None) -> Published:
    """Write an event in the mode of its source."""
    value, headers = in_binary(event) if source.binary else in_structured(event)
    return Published(topic, key.encode() if key is not None else None, value, headers, event)


def in_structured(event: dict[str, Any]) -> tuple[bytes, Headers]:
    """Value and headers of structured mode."""
    return orjson.dumps(event), (CONTENT_TYPE,)


def in_binary(event: dict[str, Any]) -> tuple[bytes, Headers]:
    """Value and headers of binary mode."""
    attributes = tuple(
        (f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"
    )
    return orjson.dumps(event["data"]), (("content-type", b"application/json"), *attributes)
