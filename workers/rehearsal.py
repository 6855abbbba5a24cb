"""What nobody said: written and taken back, it tells whether the register works."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from register.records import Record
from schemas.cloudevents import CONTENT_TYPE
from topics import CONSENTS, ORDERS, REQUESTS

_SOURCE = "/register/rehearsal"
_PARTY = {"kind": "consumer", "email": "nobody@rehearsal.example.fi"}
_LINE = {"product": "none", "category": "none", "quantity": 1, "price_cents": 0}


def rehearsal(now: datetime, prefix: str) -> Iterator[Record]:
    """An order, a ban and an erasure, which write most tables; they name nobody, and are never
    committed."""
    ordered = {"order_id": "none", "party": _PARTY, "lines": [_LINE]}
    yield _record(now, prefix + ORDERS.name, "order.placed", ordered)
    yield _record(now, prefix + CONSENTS.name, "ban.placed", {"scope": {}, "party": _PARTY})
    asked = {"request_id": "none", "party": _PARTY}
    yield _record(now, prefix + REQUESTS.name, "erasure.requested", asked)


def _record(now: datetime, topic: str, kind: str, data: dict[str, Any]) -> Record:
    event = {
        "specversion": "1.0",
        "id": f"{kind} {now.isoformat()}",
        "source": _SOURCE,
        "subject": "nobody",
        "type": kind,
        "time": now.isoformat(),
        "data": data,
    }
    return Record(topic, 0, 0, None, orjson.dumps(event), [CONTENT_TYPE], now)
