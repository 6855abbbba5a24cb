"""Decoding, intake and the rules over a register in memory: what comes of each input."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import orjson

from register.inbound import Decoder
from register.outbound import Outbound
from register.rules.apply import apply
from register.rules.facts import PROTECTIVE
from register.store.batch import ID_CONFLICT, Arrived, Unread
from register.store.headers import pack_headers, unpack_headers
from schemas.cloudevents import STRUCTURED
from tests.fuzz.inputs import START, Input
from tests.support.register import DIGESTER, MemoryRegister

_NOW = START + timedelta(days=3)
_REASON = re.compile(r"[a-z_]+(: [a-z_.*0-9]{1,150})?")


class Came(StrEnum):
    """What comes of a record, exactly one of these (`register_events_total` has the same)."""

    APPLIED = "applied"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an input, with the reason of a dead letter."""

    came: Came
    reason: str = ""


class FuzzedRegister(MemoryRegister):
    """Takes records in as a worker does: decoded, told from repeats (R1), applied as a batch."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = Decoder(DIGESTER, "")
        self._outbound = Outbound("", _NOW)

    def take(self, batch: Sequence[Input]) -> list[Outcome]:
        """What came of each input of a batch; raises whatever one of them breaks."""
        outcomes: dict[int, Outcome] = {}
        fresh: list[tuple[int, Arrived]] = []
        for one in batch:
            read = self._decoder.read(one.record)
            outcomes[one.number] = self._sort_out(read)
            if isinstance(read, Unread):
                continue
            _assert_read_as_sent(read)
            if outcomes[one.number].came is Came.APPLIED or _counts_all_the_same(
                read, outcomes[one.number]
            ):
                fresh.append((one.number, read))
        for number in self._apply(fresh):
            if outcomes[number].came is Came.APPLIED:
                outcomes[number] = Outcome(Came.REFUSED)
        return [outcomes[one.number] for one in batch]

    def _sort_out(self, read: Arrived | Unread) -> Outcome:
        """R1: what it is by itself; one that is fresh counts as applied until a rule refuses it."""
        if isinstance(read, Arrived):
            bodies = self._bodies.setdefault(read.key, set())
            if read.intake.body_digest in bodies:
                return Outcome(Came.DUPLICATE)
            bodies.add(read.intake.body_digest)
            if len(bodies) == 1:
                return Outcome(Came.APPLIED)
            read = Unread(read.record, ID_CONFLICT)
        self._bury(read)
        return Outcome(Came.DEAD, read.reason)

    def _apply(self, fresh: Sequence[tuple[int, Arrived]]) -> list[int]:
        """Apply events about persons and write what they say; returns which were refused."""
        about_persons = [read.intake for _, read in fresh if read.intake.event is None]
        changes = apply(self._snapshot(), about_persons, DIGESTER)
        self._write(changes)
        for message in self._outbound.messages(changes):
            assert unpack_headers(pack_headers(message.headers)) == list(message.headers)
        refused = {refusal.intake.fact.fact_id for refusal in changes.refusals}
        return [number for number, read in fresh if read.intake.fact.fact_id in refused]

    def _bury(self, unread: Unread) -> None:
        """Make the dead letter, which holds what was received; its reason quotes nothing."""
        assert _REASON.fullmatch(unread.reason), unread.reason
        letter = self._outbound.dead_letter(unread.record, unread.reason)
        assert unpack_headers(pack_headers(letter.headers)) == list(letter.headers)


def _counts_all_the_same(read: Arrived, outcome: Outcome) -> bool:
    """R1: a no under a known id is a dead letter, and binds."""
    return outcome.reason == ID_CONFLICT and read.intake.fact.type in PROTECTIVE


def _assert_read_as_sent(read: Arrived) -> None:
    """The model and the parsed JSON, of which each decides something, see the same event."""
    headers = {name.lower(): value for name, value in read.record.headers if value is not None}
    fact = read.intake.fact
    if headers.get("content-type", b"").startswith(STRUCTURED) or "ce_type" not in headers:
        sent = orjson.loads(read.record.value or b"")
        assert (sent["source"], sent["id"], sent["type"]) == (
            fact.source,
            fact.event_id,
            fact.type,
        )
