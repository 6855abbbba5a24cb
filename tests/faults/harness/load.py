"""What channels say while things break, and what was said so far."""

import random
from collections.abc import Iterator, Sequence

import orjson

from tests.faults.harness.questions import interspersed
from tests.integration.support.broker import Outgoing
from tests.integration.support.events import Json, ago, believable, event, structured
from tests.integration.support.stream import Stream
from topics import AGREEMENTS, REQUESTS

Place = tuple[str, int, int]

CARELESS = {"enable.idempotence": "false", "acks": "all", "reconnect.backoff.max.ms": "500"}
"""A producer that sends again what it heard no answer to: some of it comes twice. (librdkafka's
idempotent one was seen to get no acknowledgement any more after all nodes had restarted.)"""
_WINDOW = 300
"""How far from its place in the stream an event may be delivered."""
_HUGE = 100_000
_HUGE_KEPT = 5
"""Records of a megabyte, unreadable for their length: a few will do."""
_ERASED, _MERGED, _CORRECTED = 4, 4, 4
"""Persons erased, pairs of persons merged, and persons corrected, at each quiet point."""
_SOURCE = "/controller/contracts"
_PARTNERS = (("p-1", ["disclosure"]), ("p-2", ["partner_marketing"]))


class Load:
    """Believable events in disorder, with repeats, poison and questions among them.

    `said` are the records that Kafka has acknowledged, with their places. Erasures, merges and
    corrections come at quiet points, when all of what those persons said has been taken in: what
    R25 makes of an event depends on which came first.
    """

    def __init__(self, seed: int, events: int) -> None:
        self._rng = random.Random(f"{seed}:load")
        told = self._disordered(believable(events, seed=seed, poison=True))
        self._waiting = list(interspersed(told, self._rng))
        self._streaming: list[Outgoing] = []
        self._retired: set[str] = set()
        self._numbers = 0
        self._signed: set[str] = set()
        self.said: list[tuple[Outgoing, Place]] = []

    def begin(self) -> Sequence[Outgoing]:
        """What is to be streamed next, in order; then all that was said is said again."""
        self._waiting = [one for one in self._waiting if _number(one) not in self._retired]
        self._streaming = [*self._waiting, *(record for record, _ in self.said)]
        return self._streaming

    def end(self, stream: Stream) -> None:
        """Remember what a stream has sent of it."""
        self.published(self._streaming[: stream.sent], stream.places)
        self._waiting = self._waiting[stream.sent :]
        self._streaming = []

    def published(self, records: Sequence[Outgoing], places: Sequence[Place]) -> None:
        """Remember what was sent besides the stream."""
        self.said += zip(records, places, strict=True)

    def sample(self, count: int, pick: float) -> list[Outgoing]:
        """Some of what was said already, or is on its way."""
        known = [record for record, _ in self.said] + self._streaming[: 2 * count]
        return random.Random(pick).sample(known, min(count, len(known)))

    def agreements(self) -> list[Outgoing]:
        """A partner's agreement begins or ends: everybody is decided anew."""
        partner, purposes = self._rng.choice(_PARTNERS)
        data: Json = {"partner_id": partner}
        kind = "agreement.ended"
        if partner not in self._signed:
            kind = "agreement.signed"
            data |= {"name": "Kumppani Oy", "region": "EEA", "purposes": purposes}
        self._signed ^= {partner}
        return [self._said(AGREEMENTS.name, kind, _SOURCE, partner, data)]

    def requests(self) -> list[Outgoing]:
        """Some consumers who ordered are merged, corrected or erased and say nothing more; a
        partner is to be given everybody."""
        orders = {
            number: placed
            for record, _ in self.said
            if (placed := _consumer_order(record)) is not None
            and (number := placed["subject"].split("-", 1)[1]) not in self._retired
        }
        most = _ERASED + _CORRECTED + 2 * _MERGED
        chosen = self._rng.sample(sorted(orders), min(most, len(orders) // 2 * 2))
        self._retired.update(chosen)
        merged, rest = chosen[: 2 * _MERGED], chosen[2 * _MERGED :]
        corrected, erased = rest[:_CORRECTED], rest[_CORRECTED:]
        return [
            *self._merges([orders[number] for number in merged]),
            *(self._correction(orders[number]) for number in corrected),
            *(self._erasure(orders[number]) for number in erased),
            self._disclosure(),
        ]

    def _merges(self, orders: Sequence[Json]) -> Iterator[Outgoing]:
        for keep, other in zip(orders[::2], orders[1::2], strict=False):
            data: Json = {
                "keep": {"source": keep["source"], "subject": keep["subject"]},
                "merge": [{"source": other["source"], "subject": other["subject"]}],
                "ordered_by": "customer service",
            }
            yield self._said(REQUESTS.name, "merge.ordered", _SOURCE, None, data)

    def _correction(self, order: Json) -> Outgoing:
        corrections = {"email": f"corrected-{order['subject']}@example.fi"}
        data: Json = {"party": order["data"]["party"], "corrections": corrections}
        return self._said(
            REQUESTS.name, "rectification.requested", order["source"], order["subject"], data
        )

    def _disclosure(self) -> Outgoing:
        data: Json = {"recipient": "partner", "partner_id": _PARTNERS[0][0], "selection": {}}
        return self._said(REQUESTS.name, "disclosure.requested", _SOURCE, None, data)

    def _erasure(self, order: Json) -> Outgoing:
        data: Json = {"party": order["data"]["party"]}
        return self._said(
            REQUESTS.name, "erasure.requested", order["source"], order["subject"], data
        )

    def _said(
        self, topic: str, kind: str, source: str, subject: str | None, data: Json
    ) -> Outgoing:
        self._numbers += 1
        if topic == REQUESTS.name:
            data = {"request_id": f"request-{self._numbers}", **data}
        told = event(kind, subject, data, source=source, time=ago(), id=f"said-{self._numbers}")
        return structured(topic, told)

    def _disordered(self, records: Sequence[Outgoing]) -> list[Outgoing]:
        huge = [one for one in records if len(one.value or b"") > _HUGE]
        left_out = {id(one) for one in huge[_HUGE_KEPT:]}
        placed = [
            (place + self._rng.uniform(0, _WINDOW), place)
            for place, one in enumerate(records)
            if id(one) not in left_out
        ]
        return [records[place] for _, place in sorted(placed)]


def _number(record: Outgoing) -> str | None:
    """The number that the generator's channels all have of a person, by the record's key."""
    if record.key is None or b"-" not in record.key:
        return None
    return record.key.decode().split("-", 1)[1]


def _consumer_order(record: Outgoing) -> Json | None:
    """An order by a consumer, where the record is one in structured mode."""
    if not (record.value or b"").startswith(b'{"specversion"'):
        return None
    try:
        told: Json = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    healthy = told.get("type") == "order.placed" and record.key != b"poison"
    return told if healthy and told["data"]["party"]["kind"] == "consumer" else None
