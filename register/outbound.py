"""From the rules' changes to records: envelopes, keys, topics (contract, "Outbound types")."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from register.records import OutboxMessage, Record
from register.rules.facts import PROTECTIVE, JsonDict
from register.rules.intake import Intake
from register.rules.snapshot import BanChange, Changes, EligibilityChange, Refusal
from schemas.cloudevents import CONTENT_TYPE, encode
from topics import BANS, DEAD_LETTERS, ELIGIBILITY, REFUSALS

SOURCE = "/register"
"""`source` of every event that the service writes."""


# A compressed batch can bring a value that no topic of ours would take back.
_MAX_DEAD_LETTER = 1_200_000


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

    def dead_letter(self, record: Record, reason: str) -> OutboxMessage:
        """The bytes and headers as received, and why they could not be read."""
        headers: list[tuple[str, bytes | None]] = [
            *record.headers,
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

    def _eligibility(self, change: EligibilityChange) -> OutboxMessage:
        customer_id = str(change.person_id)
        data: JsonDict | None = None
        if change.data is not None:
            cause = change.cause
            data = {
                "customer_id": customer_id,
                "version": change.version,
                **change.data,
                "caused_by": (
                    {"source": cause.fact.source, "id": cause.fact.event_id}
                    if cause
                    else {"source": SOURCE, "id": "decided-anew"}
                ),
                "occurred_at": (cause.fact.time if cause else self.now).isoformat(),
                "decided_at": self.now.isoformat(),
            }
        return self._event(
            ELIGIBILITY.name,
            customer_id,
            "eligibility.updated",
            f"{customer_id}:{change.version}",
            data,
            change.cause,
        )

    def _ban(self, change: BanChange) -> OutboxMessage:
        digest = change.digest.hex()
        data = change.data and {**change.data, "version": change.version}
        return self._event(
            BANS.name,
            digest,
            "ban-register.updated",
            f"{digest}:{change.version}",
            data,
            change.cause,
        )

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
            if cause is not None and cause.traceparent is not None:
                event["traceparent"] = cause.traceparent
            value = encode({**event, "data": data})
        return OutboxMessage(
            topic=self.prefix + topic,
            key=key.encode() if key is not None else None,
            value=value,
            headers=[CONTENT_TYPE] if value is not None else [],
            caused_received=cause.fact.received if cause else None,
            caused_by_no=cause is not None and cause.fact.type in PROTECTIVE,
        )
