"""Records that must become dead letters, each with the code it must get."""

import random
from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime, timedelta

import orjson

from ops.generate.people import Json
from ops.generate.published import WEBSHOP, Published, in_binary, in_structured
from schemas.cloudevents import CONTENT_TYPE, MAX_BYTES
from topics import ORDERS

CONFLICT_SHARE = 0.2
"""Share of the spoilt orders that come again with another body (R1)."""

_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"


class Poisoner:
    """Makes unreadable records, from random streams of its own."""

    def __init__(self, seed: int, run: str) -> None:
        self._rng = random.Random(f"{seed}:poison")
        self._run = run
        self._numbers = 0

    def spoil(self, healthy: Published, now: datetime) -> Published:
        """An unreadable record; some kinds are a spoilt copy of an order that was delivered."""
        order = healthy.event if healthy.topic == ORDERS.name else None
        if order and "lines" in order["data"] and self._rng.random() < CONFLICT_SHARE:
            return _conflict(healthy, order)
        code, spoil = self._rng.choice(POISONS)
        self._numbers += 1
        event = _order(f"{self._run}.p{self._numbers}", now)
        value, headers = spoil(event, self._rng)
        # Where the event as a whole is spoilt, nobody can say what it was.
        readable = event if code in INTAKE_CODES else None
        return Published(ORDERS.name, b"poison", value, headers, readable, code)


Spoilt = tuple[bytes | None, tuple[tuple[str, bytes], ...]]
Spoil = Callable[[Json, random.Random], Spoilt]


def identity_code(rng: random.Random) -> str:
    """A personal identity code of the temporary range 900–999, which no register gives out."""
    born = date(1950, 1, 1) + timedelta(days=rng.randrange(18_000))
    digits = f"{born:%d%m%y}{rng.randrange(900, 1000)}"
    return f"{digits[:6]}-{digits[6:]}{_CHECK_CHARACTERS[int(digits) % 31]}"


def _order(number: str, now: datetime) -> Json:
    return {
        "specversion": "1.0",
        "id": f"evt-{number}",
        "source": WEBSHOP.uri,
        "type": "order.placed",
        "time": now.isoformat(timespec="milliseconds"),
        "subject": f"poison-{number}",
        "data": {
            "order_id": f"order-{number}",
            "party": {
                "kind": "consumer",
                "name": {"given": "Myrkky", "family": "Sieni"},
                "email": f"myrkky.sieni-{number}@example.fi",
                "phone": "+358401234567",
            },
            "lines": [{"product": "tv-basic", "category": "tv", "quantity": 1, "price_cents": 990}],
        },
    }


def _malformed_json(event: Json, rng: random.Random) -> Spoilt:
    value, headers = in_structured(event)
    return value[: rng.randrange(1, len(value))], headers


def _no_object(event: Json, _: random.Random) -> Spoilt:
    return orjson.dumps([event]), (CONTENT_TYPE,)


def _null_value(_event: Json, _: random.Random) -> Spoilt:
    return None, (CONTENT_TYPE,)


def _wrong_type(event: Json, rng: random.Random) -> Spoilt:
    if rng.random() < 0.5:
        event["data"]["lines"][0]["quantity"] = "1"
    else:
        event["data"]["party"]["email"] = {"address": event["data"]["party"]["email"]}
    return in_structured(event)


def _invalid_value(event: Json, rng: random.Random) -> Spoilt:
    if rng.random() < 0.5:
        event["data"]["party"]["kind"] = "robot"
    else:
        event["data"]["party"]["name"]["given"] = "Myrk\0ky"  # no text of PostgreSQL holds a NUL
    return in_structured(event)


def _missing_field(event: Json, rng: random.Random) -> Spoilt:
    part, field = rng.choice(
        (
            (event, "id"),
            (event, "time"),
            (event, "type"),
            (event["data"], "order_id"),
            (event["data"]["party"], "kind"),
        )
    )
    del part[field]
    return in_structured(event)


def _unknown_type(event: Json, _: random.Random) -> Spoilt:
    event["type"] = "order.teleported"
    return in_structured(event)


def _malformed_header(event: Json, _: random.Random) -> Spoilt:
    value, headers = in_binary(event)
    return value, (*(header for header in headers if header[0] != "ce_id"), ("ce_id", b"evt-\xff"))


def _too_large(event: Json, _: random.Random) -> Spoilt:
    event["data"]["lines"][0]["product"] = "x" * MAX_BYTES
    return in_structured(event)


def _no_subject(event: Json, _: random.Random) -> Spoilt:
    del event["subject"]
    return in_structured(event)


def _no_offset(event: Json, _: random.Random) -> Spoilt:
    event["time"] = event["time"].removesuffix("+00:00")
    return in_structured(event)


def _clock_skew(event: Json, rng: random.Random) -> Spoilt:
    # Days, not minutes: a test may deliver an event long after the moment it is dated from.
    ahead = timedelta(days=rng.randint(400, 800))
    event["time"] = (datetime.fromisoformat(event["time"]) + ahead).isoformat()
    return in_structured(event)


def _email(event: Json, rng: random.Random) -> Spoilt:
    event["data"]["party"]["email"] = rng.choice(
        ("myrkky.example.fi", "myrkky@@example.fi", "myrkky sieni@example.fi", "@example.fi")
    )
    return in_structured(event)


def _phone(event: Json, rng: random.Random) -> Spoilt:
    event["data"]["party"]["phone"] = rng.choice(
        ("+35840", "040-HELLO", "0401234567 / 0501234567", "+358 40 123 4567 890 12")
    )
    return in_structured(event)


def _business_id(event: Json, _: random.Random) -> Spoilt:
    event["data"]["party"] |= {
        "kind": "business",
        "company": {"business_id": "9000004-1", "name": "Myrkky Oy", "role": "CEO"},
    }
    return in_structured(event)


def _identity_code(event: Json, rng: random.Random) -> Spoilt:
    code = identity_code(rng)
    part, field = rng.choice(
        (
            (event["data"]["party"]["name"], "given"),
            (event["data"]["lines"][0], "product"),
            (event["data"], "order_id"),
            (event, "subject"),
        )
    )
    part[field] = code
    return in_structured(event)


def _conflict(healthy: Published, order: Json) -> Published:
    changed = deepcopy(order)
    changed["data"]["lines"][0]["quantity"] += 1
    binary = any(name == "ce_type" for name, _ in healthy.headers)
    value, headers = in_binary(changed) if binary else in_structured(changed)
    return Published(healthy.topic, healthy.key, value, headers, changed, "id_conflict")


POISONS: tuple[tuple[str, Spoil], ...] = (
    ("malformed_json", _malformed_json),
    ("wrong_type", _no_object),
    ("wrong_type", _wrong_type),
    ("null_value", _null_value),
    ("invalid_value", _invalid_value),
    ("missing_field", _missing_field),
    ("unknown_type", _unknown_type),
    ("malformed_header", _malformed_header),
    ("too_large", _too_large),
    ("missing_subject", _no_subject),
    ("time_without_offset", _no_offset),
    ("clock_skew", _clock_skew),
    ("invalid_email", _email),
    ("invalid_phone", _phone),
    ("invalid_business_id", _business_id),
    ("personal_identity_code", _identity_code),
)
"""(code of the dead letter, how the order is spoilt)."""

INTAKE_CODES = frozenset(
    {
        "clock_skew",
        "id_conflict",
        "invalid_business_id",
        "invalid_email",
        "invalid_phone",
        "missing_subject",
        "personal_identity_code",
    }
)
"""Codes that the register's intake finds; the others are found while decoding."""
