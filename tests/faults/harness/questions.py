"""What is asked while things break: each question has one answer, however often it is told."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import orjson

from tests.faults.harness.reading import event_of
from tests.integration.support.broker import Incoming, Outgoing
from tests.integration.support.events import Json, ago, event, structured
from tests.integration.support.model import by_topic, data_of
from topics import DECISIONS, DISCLOSURES, REQUESTS, RESPONSES, SCREENINGS

_EVERY = 20
"""Of so many records, one is a question."""
_ASKED_ABOUT = 10
"""Recipients of a screening."""

Told = tuple[str, str, str, int]
"""Topic, the question's id, the type of the answer, and its part: a report is told besides the
outcome of the request for it, and a disclosure in parts."""


def interspersed(records: Iterable[Outgoing], rng: random.Random) -> Iterator[Outgoing]:
    """The records, and among them screenings and access requests of persons named so far."""
    parties: list[tuple[Json, Json]] = []
    numbers = 0
    for record in records:
        yield record
        for told in event_of(record, datetime.now(UTC)):
            if (party := told["data"].get("party")) and "email" in party and "subject" in told:
                parties.append((told, party))
        if not parties or rng.random() * _EVERY > 1:
            continue
        numbers += 1
        if rng.random() < 0.5:
            yield _access(f"access-{numbers}", *rng.choice(parties))
        else:
            some = rng.choices(parties, k=_ASKED_ABOUT)
            yield _screening(f"screening-{numbers}", [party for _, party in some])


def not_answered_once(inbound: Iterable[Incoming], outbound: Iterable[Incoming]) -> Iterator[str]:
    """What differs: a question without an answer, an answer to nothing, one of two contents."""
    asked = {
        (DECISIONS.name if name == "screening_id" else RESPONSES.name, told["data"][name])
        for record in inbound
        if record.topic in (REQUESTS.name, SCREENINGS.name)
        for told in event_of(record, record.received)
        for name in ("screening_id", "request_id")
        if name in told["data"]
    }
    told = _contents(outbound)
    answered = {(topic, name) for topic, name, *_ in told if topic != DISCLOSURES.name}
    if lacking := sorted(asked - answered):
        yield f"{len(lacking)} of {len(asked)} questions have no answer, such as {lacking[:3]}"
    if unasked := sorted(answered - asked):
        yield f"{len(unasked)} answers are to no question, such as {unasked[:3]}"
    if several := sorted(place for place, contents in told.items() if len(contents) > 1):
        yield f"{len(several)} questions have several answers, such as {several[:3]}"


def _contents(outbound: Iterable[Incoming]) -> dict[Told, set[bytes]]:
    """Every answer's contents: the same record may be there twice, another one may not."""
    told: defaultdict[Told, set[bytes]] = defaultdict(set)
    for topic, records in by_topic(outbound).items():
        for record in records:
            data = data_of(record)
            name = data.get("screening_id") or data.get("request_id")
            if name is not None:  # a recall answers nothing
                assert record.value is not None
                kind = orjson.loads(record.value)["type"]
                told[topic, name, kind, data.get("part", 0)].add(record.value)
    return dict(told)


def _access(name: str, told: Json, party: Json) -> Outgoing:
    data = {"request_id": name, "party": party, "in_writing": True, "signed": True}
    return structured(
        REQUESTS.name,
        event(
            "access.requested", told["subject"], data, source=told["source"], id=name, time=ago()
        ),
    )


def _screening(name: str, parties: Sequence[Json]) -> Outgoing:
    data: Json = {
        "screening_id": name,
        "campaign_id": "campaign-1",
        "purpose": "newsletter",
        "channel": "email",
        "recipients": [
            {"ref": f"r{number}", "email": party["email"]} for number, party in enumerate(parties)
        ],
    }
    asked = event("screening.requested", "campaign-1", data, source="/tools/a", id=name, time=ago())
    return structured(SCREENINGS.name, asked)
