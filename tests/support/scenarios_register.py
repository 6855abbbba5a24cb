"""The register of the scenario tables: in memory, with all that is asked of it as a whole.

Agreements, disclosures, recalls, screenings and the register's own work stand here as the
store keeps them, with dicts and lists for tables. What decides is `register.rules`.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from register.rules import disclosures, normalise, requests, screening
from register.rules.agreements import ENDED, SIGNED, Agreement, active, purposes
from register.rules.apply import apply
from register.rules.bans import Entry, standing
from register.rules.disclosures import Disclosed, Job, Selection, handed_over
from register.rules.facts import ORDER, RETENTION, Fact, JsonDict
from register.rules.intake import Intake
from register.rules.settings import RuleSettings
from register.rules.snapshot import Answer, Changes, PersonRow, Snapshot
from schemas.inbound import (
    DisclosureData,
    DisclosureRequested,
    ScreenedRecipient,
    ScreeningData,
    ScreeningRequested,
)
from schemas.terms import Purpose, Recipient
from tests.support.events import Json
from tests.support.register import DIGESTER, MemoryRegister


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What went to a recipient: which request asked for it, to whom, names and addresses."""

    event_id: str
    to: str
    people: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a partner must no longer use, and why (R65)."""

    partner_id: str
    person: Json
    reason: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A disclosure that was accepted, with whom it may take."""

    job: Job
    intake: Intake
    candidates: tuple[uuid.UUID, ...]


class WholeRegister(MemoryRegister):
    """A `MemoryRegister` of which everything may be asked.

    `open_requests` are those that wait, `handed` and `taken_back` what partners were sent,
    `screened` the answers to each screening by its event's id.
    """

    def __init__(
        self, agreements: Iterable[Purpose] = (), settings: RuleSettings | None = None
    ) -> None:
        super().__init__(agreements)
        self.open_requests: list[str] = []
        self.handed: list[HandedOver] = []
        self.taken_back: list[TakenBack] = []
        self.screened: dict[str, list[Json]] = {}
        self._settings = settings or RuleSettings()
        self._given = self.agreements
        self._agreement_facts: list[Fact] = []
        self._rows: dict[uuid.UUID, PersonRow] = {}
        self._ledger: list[Disclosed] = []
        self._recalled: set[uuid.UUID] = set()
        self._waiting: list[_Waiting] = []
        self._catalogue: set[tuple[str, str]] = set()

    # Taking events in

    def deliver(self, *events: Json, received: datetime | None = None) -> None:
        """Deliver events in one batch; what is asked is answered from the state after it."""
        fresh: list[Intake] = []
        for event in events:
            self._received = received or self._received + timedelta(seconds=1)
            fresh.extend(self._read(event, self._received))
        self._agreement_facts += [one.fact for one in fresh if one.fact.type in (SIGNED, ENDED)]
        self.agreements = self._given | purposes(self._active().values())
        self._decide([one for one in fresh if one.event is None])
        for one in fresh:
            if isinstance(one.event, ScreeningRequested):
                self.screened[one.fact.event_id] = self._screen(one.event.data)
            elif isinstance(one.event, DisclosureRequested):
                self._start(one, one.event.data)

    def sweep(self, now: datetime) -> None:
        """The register's own work: hand over what waits, erase whose time is over (R26)."""
        self._received = max(self._received, now)
        for waiting in self._waiting:
            self._hand_over(waiting)
        self._waiting.clear()
        limit = now - self._settings.former_customer_retention
        for person_id, row in list(self._rows.items()):
            if row.former_since is not None and row.former_since <= limit:
                self._decide([self._expiry(person_id, now)])

    def _decide(self, arrivals: Sequence[Intake]) -> None:
        changes = apply(self._snapshot(), arrivals, DIGESTER, self._settings)
        self._write(changes)
        self._rows = {row.person_id: row for row in changes.persons}
        for fact in changes.stored:
            if fact.type == ORDER:
                self._catalogue |= {
                    (line["product"], line["category"]) for line in fact.body["lines"]
                }
        self._take_back(changes)

    def _snapshot(self) -> Snapshot:
        handed: dict[uuid.UUID, list[JsonDict]] = {}
        for line in self._ledger:
            handed.setdefault(line.person_id, []).append({"partner_id": line.partner_id})
        return replace(super()._snapshot(), disclosures=handed)

    def _expiry(self, person_id: uuid.UUID, now: datetime) -> Intake:
        digest = min(one.digest for one in self._identities.values() if one.person_id == person_id)
        event_id = f"retention of {person_id} at {now.isoformat()}"
        fact = Fact(
            uuid.uuid5(person_id, event_id),
            "/register/retention",
            event_id,
            RETENTION,
            digest,
            now,
            now,
            {},
            None,
        )
        return Intake(fact, None, b"")

    # Partners

    def _active(self) -> dict[str, Agreement]:
        return active(self._agreement_facts)

    def _may_receive(self, partner_id: str | None) -> bool:
        agreement = self._active().get(partner_id or "")
        return agreement is not None and agreement.may_receive

    def _start(self, intake: Intake, asked: DisclosureData) -> None:
        """R63, R64: accepted and open, or refused at once."""
        to_partner = asked.recipient is Recipient.PARTNER
        if to_partner and not self._may_receive(asked.partner_id):
            self.answers.append(Answer(intake, disclosures.NO_AGREEMENT))
        elif not to_partner and asked.legal_basis is None:
            self.answers.append(Answer(intake, disclosures.NO_LEGAL_BASIS))
        elif asked.recipient is Recipient.PERSON and self._asking(intake) is None:
            self.answers.append(Answer(intake, requests.NOT_FOUND))
        else:
            job = _job(intake, asked)
            only = self._asking(intake) if asked.recipient is Recipient.PERSON else None
            candidates = tuple(
                row.person_id
                for row in self._rows.values()
                if (not to_partner or row.disclosure_denial is None)
                and only in (None, row.person_id)
            )
            self._waiting.append(_Waiting(job, intake, candidates))
            self.open_requests.append(intake.fact.event_id)

    def _asking(self, intake: Intake) -> uuid.UUID | None:
        """R64: the person whom the event's source and subject name."""
        digest = DIGESTER.identity(intake.fact.source, intake.subject or "")
        known = self._identities.get(digest)
        return known.person_id if known else None

    def _hand_over(self, waiting: _Waiting) -> None:
        job = waiting.job
        self.open_requests.remove(job.event_id)
        if job.recipient is Recipient.PARTNER and not self._may_receive(job.partner_id):
            self.answers.append(Answer(waiting.intake, disclosures.NO_AGREEMENT))
            return
        wanted = {self.aliases.get(one, one) for one in waiting.candidates}
        rows = [row for row in self._rows.values() if row.person_id in wanted]
        people = handed_over(job, rows)
        to = job.partner_id or job.recipient.value
        self.handed.append(HandedOver(job.event_id, to, tuple(shown for _, shown in people)))
        self._ledger += [
            Disclosed(
                uuid.uuid5(job.job_id, str(person_id)),
                person_id,
                to,
                shown["name"],
                shown["address"],
            )
            for person_id, shown in people
        ]
        self.answers.append(Answer(waiting.intake))

    def _take_back(self, changes: Changes) -> None:
        """R65, of partners alone; merged persons bring their lines along."""
        self._ledger = [
            replace(line, person_id=changes.aliases.get(line.person_id) or line.person_id)
            for line in self._ledger
        ]
        rows = {**self._rows, **disclosures.disclosed_now(changes)}
        held = [
            line
            for line in self._ledger
            if line.ledger_id not in self._recalled and line.partner_id not in set(Recipient)
        ]
        for one in disclosures.recalls(held, rows):
            line = one.disclosed
            self._recalled.add(line.ledger_id)
            person = {"name": line.name, "address": line.address}
            self.taken_back.append(TakenBack(line.partner_id, person, one.reason))

    # Screenings

    def _screen(self, asked: ScreeningData) -> list[Json]:
        what = screening.question(
            asked.purpose, asked.channel, asked.product, sorted(self._catalogue)
        )
        return [
            screening.decide_known(what, *self._recipient(one)).shown(one.ref)
            for one in asked.recipients
        ]

    def _recipient(self, one: ScreenedRecipient) -> tuple[list[screening.Found], list[Entry]]:
        """The customers that a recipient may be, and the bans under its contact point."""
        if one.email is not None:
            address = normalise.email(one.email)
            exact = DIGESTER.exact_email(address)
            return self._using(DIGESTER.email(address).digest, lambda row: row.exact_email == exact)
        if one.phone is not None:
            return self._using(DIGESTER.phone(normalise.phone(one.phone)).digest, lambda _: True)
        person_id = uuid.UUID(one.customer_id)
        while person_id in self.aliases:
            person_id = self.aliases[person_id]
        if person_id not in self.messages:
            return [], []
        row = self._rows.get(person_id)
        products = row.consented_products if row else {}
        return [screening.Found(self.messages[person_id], products)], []

    def _using(
        self, digest: bytes, exact: Callable[[PersonRow], bool]
    ) -> tuple[list[screening.Found], list[Entry]]:
        found = [
            screening.Found(self.messages[row.person_id], row.consented_products, exact(row))
            for row in self._rows.values()
            if digest in row.points
        ]
        entries = self._entries.get(digest, [])
        lifts = [
            lift
            for ban in entries
            for lift in self._entries.get(ban.placed_by or b"", ())
            if lift.is_lift
        ]
        return found, standing(entries, lifts)


def _job(intake: Intake, asked: DisclosureData) -> Job:
    chosen = asked.selection
    audiences = [chosen.audience] if isinstance(chosen.audience, str) else chosen.audience
    fact = intake.fact
    return Job(
        job_id=fact.fact_id,
        source=fact.source,
        event_id=fact.event_id,
        request_id=asked.request_id,
        recipient=asked.recipient,
        partner_id=asked.partner_id,
        selection=Selection(
            audiences=_set(audiences),
            products=_set(chosen.products),
            postal_codes=_set(chosen.postal_codes),
        ),
        received=fact.received,
        traceparent=None,
        parts=1,
        next_part=1,
    )


def _set(values: Sequence[str] | None) -> frozenset[str] | None:
    return frozenset(values) if values is not None else None
