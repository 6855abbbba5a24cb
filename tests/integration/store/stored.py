"""What the store said and holds, in the form in which scenario tables ask for it."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import orjson

from register.records import OutboxMessage
from register.store.outbox import forget, next_messages
from tests.integration.store.driver import StoreDriver
from tests.support.events import Json
from tests.support.register import DIGESTER
from tests.support.scenarios_register import HandedOver, TakenBack
from topics import BANS, DEAD_LETTERS, ELIGIBILITY


@dataclass(slots=True)
class Stored:
    """The same to look at as a `WholeRegister`, read from the outbox of a `StoreDriver`.

    Request and screening ids must be the ids of the events that brought them. `received` and
    `recipients` are by event: when it came, and to whom a disclosure goes.
    """

    driver: StoreDriver
    messages: dict[uuid.UUID, Json | None] = field(default_factory=dict)
    bans: dict[str, Json | None] = field(default_factory=dict)
    refused: list[Any] = field(default_factory=list)
    dead: list[Any] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    handed: list[HandedOver] = field(default_factory=list)
    taken_back: list[TakenBack] = field(default_factory=list)
    screened: dict[str, list[Json]] = field(default_factory=dict)
    open_requests: list[str] = field(default_factory=list)
    received: dict[str, datetime] = field(default_factory=dict)
    recipients: dict[str, str] = field(default_factory=dict)
    ids: dict[bytes, uuid.UUID] = field(default_factory=dict)
    _reports: dict[str, Json] = field(default_factory=dict)

    def customer_id(self, subject: str, source: str) -> uuid.UUID | None:
        """The id of a channel's reference now."""
        return self.ids.get(DIGESTER.identity(source, subject))

    def person(self, subject: str, source: str) -> Json | None:
        """The last message on somebody; None if nothing is held."""
        found = self.customer_id(subject, source)
        return self.messages.get(found) if found else None

    def latest(self) -> dict[uuid.UUID, Json]:
        """Every message that stands."""
        return {one: message for one, message in self.messages.items() if message is not None}

    def under(self, digest: bytes) -> list[Json]:
        """What stands in the ban register."""
        message = self.bans.get(digest.hex())
        return list(message["bans"]) if message else []

    async def look(self) -> None:
        """Empty the outbox, and see who is who."""
        waiting = await next_messages(self.driver.connection, 10_000)
        await forget(self.driver.connection, [one.seq for one in waiting])
        for one in waiting:
            self._hear(one.message)
        rows = await self.driver.rows("select identity, person_id from identity")
        self.ids = {row["identity"]: uuid.UUID(int=row["person_id"].int) for row in rows}

    def _hear(self, message: OutboxMessage) -> None:
        key = message.key.decode() if message.key else ""
        event: Json | None = orjson.loads(message.value) if message.value else None
        if message.topic == DEAD_LETTERS.name:
            assert event is not None
            reason = (dict(message.headers)["dlq-reason"] or b"").decode()
            self.dead.append(SimpleNamespace(event_id=event["id"], reason=reason))
        elif message.topic == ELIGIBILITY.name:
            self.messages[uuid.UUID(key)] = event["data"] if event else None
        elif message.topic == BANS.name:
            self.bans[key] = event["data"] if event else None
        else:
            assert event is not None
            self._HEARD[event["type"]](self, event["data"])

    def _refusal(self, data: Json) -> None:
        refused = SimpleNamespace(event_id=data["id"], rule=data["rule"], reason=data["reason"])
        self.refused.append(refused)

    def _report(self, data: Json) -> None:
        self._reports[data["request_id"]] = data["report"]

    def _ended(self, data: Json) -> None:
        asked = data["request_id"]
        if asked in self.open_requests:
            self.open_requests.remove(asked)
        fact = SimpleNamespace(event_id=asked, received=self.received[asked])
        answer = SimpleNamespace(
            intake=SimpleNamespace(fact=fact),
            reason=data.get("reason"),
            report=self._reports.get(asked),
        )
        self.answers.append(answer)

    def _handed_over(self, data: Json) -> None:
        to = data["partner_id"] or self.recipients[data["request_id"]]
        self.handed.append(HandedOver(data["request_id"], to, tuple(data["people"])))

    def _recalled(self, data: Json) -> None:
        self.taken_back += [
            TakenBack(data["partner_id"], person, data["reason"]) for person in data["people"]
        ]

    def _decided(self, data: Json) -> None:
        self.screened[data["screening_id"]] = data["decisions"]

    _HEARD: ClassVar = {
        "event.refused": _refusal,
        "access.reported": _report,
        "request.completed": _ended,
        "request.refused": _ended,
        "disclosure.made": _handed_over,
        "disclosure.recalled": _recalled,
        "screening.decided": _decided,
    }
