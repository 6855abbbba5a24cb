"""What the register must hold and say, computed from the records themselves.

The model takes every record of the inbound topics in one go, in the order of their receipt,
with the pure rules and an empty register before it: no batches, no database, no second reading.
What a deployment ends in must equal it, whatever happened to its workers on the way.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from register.inbound import Decoder
from register.records import Record
from register.rules.agreements import ENDED, SIGNED, active, purposes
from register.rules.apply import apply
from register.rules.digest import Digester
from register.rules.facts import PROTECTIVE
from register.rules.intake import Intake
from register.rules.messages import content_hash
from register.rules.snapshot import Snapshot
from register.store.batch import Arrived
from schemas.outbound import OUTBOUND_TYPES
from tests.integration.support.broker import Incoming
from tests.integration.support.database import Registered, read_register
from tests.integration.support.deployment import READ, SECRET, Deployment
from topics import BANS, DEAD_LETTERS, ELIGIBILITY, REFUSALS

_EMPTY = Snapshot({}, {}, {}, {}, {}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class Model:
    """`customers` and `bans` map ids and digests to the hash of the message that must stand;
    `facts` are the ids of the facts to keep, `refused` the keys of the events to refuse, `dead`
    the places of the records that must be dead letters."""

    customers: dict[str, bytes]
    bans: dict[bytes, bytes]
    facts: frozenset[str]
    refused: frozenset[tuple[str, str]]
    dead: frozenset[tuple[str, int, int]]


def model_of(records: Iterable[Incoming]) -> Model:
    """Compute what must become of the records."""
    digester = Digester(SECRET.encode())
    decoder = Decoder(digester, "")
    fresh: list[Intake] = []
    bodies: dict[tuple[str, str], bytes] = {}
    seen: set[tuple[tuple[str, str], bytes]] = set()
    dead: set[tuple[str, int, int]] = set()
    for record in sorted(records, key=lambda one: (one.received, one.place)):
        read = decoder.read(_record(record))
        if not isinstance(read, Arrived):
            dead.add(record.place)
            continue
        body = read.intake.body_digest
        if (read.key, body) in seen:
            continue
        seen.add((read.key, body))
        conflict = bodies.setdefault(read.key, body) != body
        if conflict:
            dead.add(record.place)
        if not conflict or read.intake.fact.type in PROTECTIVE:
            fresh.append(read.intake)
    agreed = [one.fact for one in fresh if one.fact.type in (SIGNED, ENDED)]
    opened = replace(_EMPTY, agreements=purposes(active(agreed).values()))
    changes = apply(opened, [one for one in fresh if one.event is None], digester)
    return Model(
        customers={
            str(change.person_id): change.content
            for change in changes.eligibility
            if change.content is not None
        },
        bans={ban.digest: ban.content for ban in changes.bans if ban.content is not None},
        facts=frozenset(str(fact.fact_id) for fact in changes.stored),
        refused=frozenset(
            (refusal.intake.fact.source, refusal.intake.fact.event_id)
            for refusal in changes.refusals
        ),
        dead=frozenset(dead),
    )


def _record(record: Incoming) -> Record:
    headers = [(name, value or b"") for name, value in record.headers]
    return Record(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        headers,
        record.received,
    )


async def assert_nothing_lost(deployment: Deployment) -> Registered:
    """Hold a drained deployment against the model, and its topics against its register.

    - The register holds the facts, the customers' messages and the bans of the model.
    - On the compacted topics no version of a key is missing, none comes with two contents, and
      the last word on a key is what the register holds.
    - Every event that was to be refused or could not be read was told of exactly so once.

    Returns what the register holds.
    """
    model = model_of(await deployment.read(*READ))
    register = await read_register(deployment.database_url)
    _same("facts", register.facts, model.facts)
    _same("customers", _contents(register.customers), model.customers)
    _same("bans", _contents(register.bans), model.bans)

    outgoing = by_topic(await deployment.read(*(topic.name for topic in _WRITTEN)))
    told = {
        key: (one.version, content_hash(one.shown))
        for key, one in versions(outgoing[ELIGIBILITY.name]).items()
        if one.shown is not None
    }
    _same("last messages on marketing.eligibility", told, register.customers)
    told_bans = {
        bytes.fromhex(key): (one.version, content_hash(one.shown["bans"]))
        for key, one in versions(outgoing[BANS.name]).items()
        if one.shown is not None
    }
    _same("last messages on marketing.bans", told_bans, register.bans)
    _same("refusals", {_cause(record) for record in outgoing[REFUSALS.name]}, model.refused)
    dead = {dead_place(record) for record in outgoing[DEAD_LETTERS.name]}
    _same("dead letters", dead, model.dead)
    return register


def _contents(held: Mapping[Any, tuple[int, bytes]]) -> dict[Any, bytes]:
    return {key: content for key, (_, content) in held.items()}


def _same(what: str, found: Any, expected: Any) -> None:
    """Compare two sets or two dictionaries; a difference is told by a few of its members."""
    if found == expected:
        return
    if isinstance(found, dict):
        found, expected = set(found.items()), set(expected.items())
    extra, missing = sorted(found - expected, key=repr), sorted(expected - found, key=repr)
    raise AssertionError(
        f"{what}: {len(extra)} of {len(found)} are not expected, such as {extra[:3]}; "
        f"{len(missing)} of {len(expected)} are missing, such as {missing[:3]}"
    )


_WRITTEN = (ELIGIBILITY, BANS, REFUSALS, DEAD_LETTERS)


def by_topic(records: Iterable[Incoming]) -> defaultdict[str, list[Incoming]]:
    """The records of each topic."""
    found: defaultdict[str, list[Incoming]] = defaultdict(list)
    for record in records:
        found[record.topic].append(record)
    return found


def data_of(record: Incoming) -> dict[str, Any]:
    """The `data` of an outbound event, after its model has accepted the whole of it."""
    assert record.value is not None
    kind = orjson.loads(record.value)["type"]
    OUTBOUND_TYPES[kind].model_validate_json(record.value)
    data: dict[str, Any] = orjson.loads(record.value)["data"]
    return data


@dataclass(frozen=True, slots=True)
class Last:
    """The last word on a key: its version, and the message without what may differ from one
    delivery to another; None after a tombstone."""

    version: int
    shown: dict[str, Any] | None


_PASSING = frozenset({"customer_id", "version", "caused_by", "occurred_at", "decided_at"})


def versions(records: Sequence[Incoming]) -> dict[str, Last]:
    """The last word on each key of a compacted topic.

    Fails where a version is missing, comes with two contents or before an older one that was
    not there yet, and where an older one comes after a tombstone: a reader has forgotten the
    key by then, and would take it for new.
    """
    keys: defaultdict[str, list[Incoming]] = defaultdict(list)
    for record in records:
        assert record.key is not None
        keys[record.key.decode()].append(record)
    return {key: _last(key, said) for key, said in keys.items()}


def _last(key: str, said: Sequence[Incoming]) -> Last:
    values: dict[int, bytes] = {}
    newest, gone = 0, False
    data: dict[str, Any] | None = None
    for record in said:
        if record.value is None:
            if not gone:  # a tombstone may be delivered twice, as anything may
                newest, gone, data = newest + 1, True, None
            continue
        told = data_of(record)
        version = told["version"]
        if version > newest:
            assert version == newest + 1, f"{key}: {newest} is followed by {version}"
            newest, gone, data = version, False, told
            values[version] = record.value
        else:
            assert not gone, f"{key}: version {version} comes back after a tombstone"
            assert values[version] == record.value, f"{key}: version {version} has two contents"
    if data is None:
        return Last(newest, None)
    return Last(newest, {name: value for name, value in data.items() if name not in _PASSING})


def _cause(record: Incoming) -> tuple[str, str]:
    data = data_of(record)
    return (data["source"], data["id"])


def dead_place(record: Incoming) -> tuple[str, int, int]:
    """Where a dead letter was received, by its headers."""
    headers = dict(record.headers)
    topic, partition, offset = (headers[f"dlq-{name}"] for name in ("topic", "partition", "offset"))
    assert topic is not None
    assert partition is not None
    assert offset is not None
    return (topic.decode(), int(partition), int(offset))
