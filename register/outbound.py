"""From the rules' changes to records: envelopes, keys, topics (contract, "Outbound types")."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from register.records import OutboxMessage, Record
from register.rules.disclosures import Job, Recall
from register.rules.facts import PROTECTIVE, JsonDict
from register.rules.intake import Intake
from register.rules.snapshot import Answer, BanChange, Changes, EligibilityChange, Refusal
from schemas.cloudevents import CONTENT_TYPE, encode
from schemas.inbound import ScreeningData
from topics import (
    BANS,
    DEAD_LETTERS,
    DECISIONS,
    DISCLOSURES,
    ELIGIBILITY,
    REFUSALS,
    RESPONSES,
)

SOURCE = "/register"
"""`source` of every event that the service writes."""


# A compressed batch can bring a value that no topic of ours would take back.
_MAX_DEAD_LETTER = 1_200_000
_MAX_HEADERS = 50_000


def cause_of(change: EligibilityChange, now: datetime) -> JsonDict:
    """What caused a version and when, as the message says it."""
    cause = change.cause
    if cause is None:
        caused_by, occurred = {"source": SOURCE, "id": "decided-anew"}, now
    else:
        caused_by = {"source": cause.fact.source, "id": cause.fact.event_id}
        occurred = cause.fact.time
    return {
        "caused_by": caused_by,
        "occurred_at": occurred.isoformat(),
        "decided_at": now.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class Outbound:
    """Builds records at a moment; `prefix` stands before every topic's name."""

    prefix: str
    now: datetime

    def messages(self, changes: Changes) -> Iterator[OutboxMessage]:
        """Everything that a batch's changes say, bans first."""
        for ban in changes.bans:
            yield self._ban(ban)
        for change in changes.eligibility:
            yield self._eligibility(change)
        for refusal in changes.refusals:
            yield self._refusal(refusal)
        for answer in changes.answers:
            yield from self.answer(answer)

    def answer(self, answer: Answer) -> Iterator[OutboxMessage]:
        """How a request ended, after the report if it has one."""
        intake = answer.intake
        request_id = intake.request.request_id if intake.request else ""
        if answer.report is not None:
            data: JsonDict = {"request_id": request_id, "report": answer.report}
            kind = "access.reported"
            yield self._event(
                RESPONSES.name, request_id, kind, f"report:{intake.fact.fact_id}", data, intake
            )
        yield self.request_ended(
            request_id,
            intake.fact.type,
            answer.reason,
            f"request:{intake.fact.fact_id}",
            intake.traceparent,
        )

    def request_ended(
        self,
        request_id: str,
        request_type: str,
        reason: str | None,
        event_id: str,
        traceparent: str | None,
    ) -> OutboxMessage:
        """`request.completed`, or with a reason `request.refused`."""
        data: JsonDict = {"request_id": request_id, "request_type": request_type}
        if reason is not None:
            data["reason"] = reason
        kind = "request.completed" if reason is None else "request.refused"
        return self._message(RESPONSES.name, request_id, kind, event_id, data, traceparent)

    def screening(
        self, intake: Intake, asked: ScreeningData, decisions: Sequence[JsonDict]
    ) -> OutboxMessage:
        """The answer to a screening, keyed by campaign."""
        data: JsonDict = {
            "screening_id": asked.screening_id,
            "campaign_id": asked.campaign_id,
            "decisions": list(decisions),
        }
        event_id = f"screening:{intake.fact.fact_id}"
        return self._event(
            DECISIONS.name, asked.campaign_id, "screening.decided", event_id, data, intake
        )

    def disclosure(self, job: Job, people: Sequence[JsonDict]) -> OutboxMessage:
        """One part of what a recipient gets: names and addresses, nothing else (R43)."""
        data: JsonDict = {
            "request_id": job.request_id,
            "partner_id": job.partner_id,
            "people": list(people),
            "part": job.next_part,
            "parts": job.parts,
        }
        return self._message(
            DISCLOSURES.name,
            job.partner_id or job.request_id,
            "disclosure.made",
            f"disclosure:{job.job_id}:{job.next_part}",
            data,
            job.traceparent,
        )

    def recalls(self, recalls: Iterable[Recall]) -> Iterator[OutboxMessage]:
        """R65: one message per partner and reason."""
        grouped: dict[tuple[str, str], list[Recall]] = {}
        for one in recalls:
            grouped.setdefault((one.disclosed.partner_id, one.reason), []).append(one)
        for (partner_id, reason), group in grouped.items():
            data: JsonDict = {
                "partner_id": partner_id,
                "people": [
                    {"name": one.disclosed.name, "address": one.disclosed.address} for one in group
                ],
                "reason": reason,
            }
            event_id = f"recall:{group[0].disclosed.ledger_id}"
            yield self._message(
                DISCLOSURES.name, partner_id, "disclosure.recalled", event_id, data, None
            )

    def dead_letter(self, record: Record, reason: str) -> OutboxMessage:
        """The bytes and headers as received, and why they could not be read."""
        headers = [
            *_first(record.headers),
            ("dlq-reason", reason.encode()),
            ("dlq-topic", record.topic.removeprefix(self.prefix).encode()),
            ("dlq-partition", str(record.partition).encode()),
            ("dlq-offset", str(record.offset).encode()),
        ]
        value = record.value
        if value is not None and len(value) > _MAX_DEAD_LETTER:
            headers.append(("dlq-truncated-from", str(len(value)).encode()))
            value = value[:_MAX_DEAD_LETTER]
        topic = self.prefix + DEAD_LETTERS.name
        return OutboxMessage(topic, record.key, value, headers, None, caused_by_no=False)

    def eligibility_again(
        self,
        person_id: uuid.UUID,
        version: int,
        message: JsonDict | None,
        cause: JsonDict,
        traceparent: str | None = None,
    ) -> OutboxMessage:
        """A version that was said before, word for word but for the event's time."""
        customer_id = str(person_id)
        data: JsonDict | None = None
        if message is not None:
            data = {"customer_id": customer_id, "version": version, **message, **cause}
        event_id = f"{customer_id}:{version}"
        return self._message(
            ELIGIBILITY.name, customer_id, "eligibility.updated", event_id, data, traceparent
        )

    def ban_again(
        self,
        digest: bytes,
        version: int,
        message: JsonDict | None,
        traceparent: str | None = None,
    ) -> OutboxMessage:
        """The same of the ban register."""
        name = digest.hex()
        data = message and {**message, "version": version}
        return self._message(
            BANS.name, name, "ban-register.updated", f"{name}:{version}", data, traceparent
        )

    def _eligibility(self, change: EligibilityChange) -> OutboxMessage:
        cause = cause_of(change, self.now)
        message = self.eligibility_again(
            change.person_id, change.version, change.data, cause, _traceparent(change.cause)
        )
        return _caused(message, change.cause)

    def _ban(self, change: BanChange) -> OutboxMessage:
        message = self.ban_again(
            change.digest, change.version, change.data, _traceparent(change.cause)
        )
        return _caused(message, change.cause)

    def _refusal(self, refusal: Refusal) -> OutboxMessage:
        fact = refusal.intake.fact
        data: JsonDict = {
            "source": fact.source,
            "id": fact.event_id,
            "type": fact.type,
            "rule": refusal.refused.rule,
            "reason": refusal.refused.reason,
        }
        return self._event(
            REFUSALS.name,
            refusal.intake.subject,
            "event.refused",
            f"refused:{fact.fact_id}",
            data,
            refusal.intake,
        )

    def _event(
        self,
        topic: str,
        key: str | None,
        kind: str,
        event_id: str,
        data: JsonDict | None,
        cause: Intake | None,
    ) -> OutboxMessage:
        """A record that an event caused; its latency is measured from that event."""
        message = self._message(topic, key, kind, event_id, data, _traceparent(cause))
        return _caused(message, cause)

    def _message(
        self,
        topic: str,
        key: str | None,
        kind: str,
        event_id: str,
        data: JsonDict | None,
        traceparent: str | None,
    ) -> OutboxMessage:
        value: bytes | None = None
        if data is not None:
            event: JsonDict = {
                "specversion": "1.0",
                "id": event_id,
                "source": SOURCE,
                "type": kind,
                "time": self.now.isoformat(),
                "datacontenttype": "application/json",
            }
            if key is not None:
                event["subject"] = key
            if traceparent is not None:
                event["traceparent"] = traceparent
            value = encode({**event, "data": data})
        return OutboxMessage(
            topic=self.prefix + topic,
            key=key.encode() if key is not None else None,
            value=value,
            headers=[CONTENT_TYPE] if value is not None else [],
            caused_received=None,
            caused_by_no=False,
        )


def _traceparent(cause: Intake | None) -> str | None:
    return cause.traceparent if cause is not None else None


def _caused(message: OutboxMessage, cause: Intake | None) -> OutboxMessage:
    if cause is None:
        return message
    return replace(
        message,
        caused_received=cause.fact.received,
        caused_by_no=cause.fact.type in PROTECTIVE,
    )


def _first(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The headers as received, or as many of them as a dead letter can carry."""
    kept: list[tuple[str, bytes | None]] = []
    room = _MAX_HEADERS
    for name, value in headers:
        room -= len(name) + len(value or b"")
        if room < 0:
            return [*kept, ("dlq-headers-left-out", str(len(headers) - len(kept)).encode())]
        # A name that is no text is shown with escapes.
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        kept.append((shown, value))
    return kept
