"""Every event type with its model, its topic, its wording and its example."""

import inspect
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.docs import contract
from schemas.inbound import INBOUND_TYPES, InboundEvent
from schemas.outbound import OUTBOUND_TYPES, OutboundEvent
from topics.declarations import INBOUND, REQUESTS, TOPICS, Topic

DOCS = Path(__file__).parents[2] / "docs"

ALL_TYPES: dict[str, type[InboundEvent] | type[OutboundEvent]] = {**INBOUND_TYPES, **OUTBOUND_TYPES}
"""Wire type → model, inbound types first."""

SUBJECT_OR_PARTY = frozenset({"consent.withdrawn", "ban.placed", "ban.lifted"})
"""A no may come without a subject, if its `party` names contact points (R7) or a company (R9)."""

# Customer service names a person by the request's `party`; the other events about a person are
# dead letters (`missing_subject`) without a subject.
SUBJECT_REQUIRED: frozenset[str] = frozenset(
    name
    for topic in INBOUND
    if topic.key == "subject" and topic != REQUESTS
    for name in topic.types - SUBJECT_OR_PARTY
)
"""Inbound types that always need a subject."""


def topic_of(name: str) -> Topic:
    """The topic that carries a type; raises `LookupError` where none does."""
    for topic in TOPICS.values():
        if name in topic.types:
            return topic
    raise LookupError(f"no topic carries {name}")


def data_model(name: str) -> type[BaseModel]:
    """The model of a type's `data`."""
    model = ALL_TYPES[name].model_fields["data"].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def summary(name: str) -> str:
    """What an event of this type says, in the words of its data model."""
    return unwrap(inspect.getdoc(data_model(name)) or "")


def description(name: str) -> str:
    """The summary, the topic, and for an inbound type the contract's line on its data."""
    topic = topic_of(name)
    text = f"{summary(name)}\n\nTopic `{topic.name}`, record key: {topic.key}."
    fields = contract.inbound_data().get(name)
    return text if fields is None else f"{text}\n\n`data`: {fields}."


def example(name: str) -> dict[str, Any]:
    """The whole event in `docs/examples/<type>.json`."""
    path = DOCS / "examples" / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def unwrap(text: str) -> str:
    """A docstring with each paragraph on one line."""
    return "\n\n".join(" ".join(block.split()) for block in text.split("\n\n"))
