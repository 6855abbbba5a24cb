"""Reads back what was published: the last word on each key, as `reconcile` notes it."""

from collections.abc import Sequence
from typing import Any

import orjson

from register.rules.messages import content_hash
from register.store.reconcile import Said
from topics import BANS, DECISIONS, DISCLOSURES, RESPONSES

ANSWERS = (DECISIONS.name, DISCLOSURES.name, RESPONSES.name)
"""Topics of answers, each of which counts, whatever its key."""

_PASSING = frozenset({"customer_id", "version", "caused_by", "occurred_at", "decided_at"})


def last_said(kind: str, topic: str, records: Sequence[Any]) -> list[Said]:
    """The last of the records of each key of a topic, whose name without its prefix is `kind`;
    of answers every one, by its event's id."""
    said: dict[str, Said] = {}
    for record in records:
        if kind in ANSWERS:
            event_id = orjson.loads(record.value)["id"]
            said[event_id] = Said(topic, event_id)
            continue
        key = record.key.decode()
        if record.value is None:
            before = said.get(key)
            version = before.version + 1 if before and before.version else None
            said[key] = Said(topic, key, version)
        else:
            data = orjson.loads(record.value)["data"]
            content = _content(kind, data)
            said[key] = Said(topic, key, data["version"], content, data.get("kind"))
    return list(said.values())


def _content(kind: str, data: dict[str, Any]) -> bytes:
    """The hash of what makes a new version, as the register keeps it."""
    if kind == BANS.name:
        return content_hash(data["bans"])
    return content_hash({name: part for name, part in data.items() if name not in _PASSING})
