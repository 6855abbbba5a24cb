"""A second reading of the rules, for some of the persons: `tests.support.naive` in place of the
rules that the workers run. It is slow, so it is asked of persons about whom little was said."""

import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from register.rules.components import Components
from register.rules.digest import Digester
from schemas.cloudevents import decode
from schemas.problems import Unreadable
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.deployment import SECRET
from tests.integration.support.model import Last
from tests.support.compare import model_view, register_view
from tests.support.events import Json
from tests.support.naive import NaiveModel, Who
from tests.support.naive_facts import contact_points
from tests.support.naive_facts import read as read_naively
from tests.support.register import MemoryRegister, read
from topics import AGREEMENTS

_DIGESTER = Digester(SECRET.encode())
_LITTLE = 30
"""The most events of a group of persons who share anything, for the model to read them."""


class _Told(MemoryRegister):
    """The last messages on the topic, asked as a register in memory is."""

    def __init__(self, messages: Mapping[str, Last]) -> None:
        super().__init__()
        self._shown = {
            (identity["source"], identity["subject"]): one.shown
            for one in messages.values()
            if one.shown is not None
            for identity in one.shown["identities"]
        }

    def person(self, subject: str, source: str) -> Json | None:
        return self._shown.get((source, subject))


def read_again(
    records: Iterable[Incoming], messages: Mapping[str, Last], groups: int
) -> tuple[int, list[str]]:
    """Decide some groups of persons by the second reading; returns how many references were
    compared, and the digests of those that differ (as in the table `identity`)."""
    arrived = sorted(records, key=lambda one: (one.received, one.place))
    agreements = [
        event
        for one in arrived
        if one.topic == AGREEMENTS.name
        for event in event_of(one, one.received)
    ]
    personal = [
        event
        for one in arrived
        if one.topic != AGREEMENTS.name
        for event in event_of(one, one.received)
    ]
    told = _Told(messages)
    compared, differing = 0, []
    little = [said for said in _groups(personal) if len(said) <= _LITTLE]
    for said in random.Random(0).sample(little, min(groups, len(little))):
        model = NaiveModel(_tie)
        model.deliver(*agreements, *said)
        persons = sorted({who for event in said for who in _who(event)})
        expected, found = model_view(model, persons), register_view(told, persons)
        compared += len(persons)
        differing += [
            _DIGESTER.identity(*who).hex() for who in persons if expected[who] != found[who]
        ]
    return compared, differing


def event_of(record: Incoming | Outgoing, received: datetime) -> Iterator[Json]:
    """The event that a record received then holds, unless it is to be a dead letter."""
    headers = [(name, value or b"") for name, value in record.headers]
    try:
        event: Json = decode(record.value, headers).event.model_dump(mode="json", exclude_none=True)
        read(event, received=received)
    except Unreadable:
        return
    yield event


def _groups(events: Iterable[Json]) -> list[list[Json]]:
    """The events of those who share a reference, a contact point, a company or a merge."""
    components: Components[Hashable] = Components()
    keyed: list[tuple[Json, list[Hashable]]] = []
    for event in events:
        keys = list(_keys(event))
        if keys:
            for key in keys:
                components.add(key)
            components.join(keys)
            keyed.append((event, keys))
    group_of = {key: number for number, group in enumerate(components.sets()) for key in group}
    groups: defaultdict[int, list[Json]] = defaultdict(list)
    for event, keys in keyed:
        groups[group_of[keys[0]]].append(event)
    return list(groups.values())


def _keys(event: Json) -> Iterator[Hashable]:
    yield from _who(event)
    said = read_naively(event, b"")
    if said is not None:
        yield from said.points
        yield from contact_points(said.asked_for)


def _who(event: Json) -> Iterator[Who]:
    if "subject" in event:
        yield event["source"], event["subject"]
    for named in (event["data"].get("keep"), *event["data"].get("merge", ())):
        if named:
            yield named["source"], named["subject"]


def _tie(event: Json) -> bytes:
    return read(event, received=datetime.now(UTC)).fact.fact_id.bytes
