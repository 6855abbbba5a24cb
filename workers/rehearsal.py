"""An order that nobody placed: written and taken back, it tells whether the register works."""

from datetime import datetime

import orjson

from register.records import Record
from schemas.cloudevents import CONTENT_TYPE
from topics import ORDERS

_SOURCE = "/register/rehearsal"


def rehearsal(now: datetime, prefix: str) -> Record:
    """The order as a record; it names nobody, and is never committed."""
    line = {"product": "none", "category": "none", "quantity": 1, "price_cents": 0}
    event = {
        "specversion": "1.0",
        "id": now.isoformat(),
        "source": _SOURCE,
        "subject": "nobody",
        "type": "order.placed",
        "time": now.isoformat(),
        "data": {"order_id": "none", "party": {"kind": "consumer"}, "lines": [line]},
    }
    value = orjson.dumps(event)
    return Record(prefix + ORDERS.name, 0, 0, None, value, [CONTENT_TYPE], now)
