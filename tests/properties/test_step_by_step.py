"""The register driven step by step, beside the naive model.

Each step is one delivery, in no particular order of `time`: a channel speaks, an older event is
delivered again, customer service asks, an agreement begins or ends, time passes, a partner or a
campaign tool asks. After every step the register says what the model says, and R40 to R44 hold.

Model and register get the same deliveries, so everything is compared, refusals and answers too.
What is of its moment is held against that moment: a disclosure hands over who may be disclosed
when it is asked for (it is carried out at once here), a screening says what the last message
says, an access report what is held when it is given.
"""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from register.rules.settings import RuleSettings
from tests.integration.store import said
from tests.properties.effort import patient, steps
from tests.properties.strategies import (
    LISTED,
    PERSONAS,
    Persona,
    agreements,
    any_event,
    ban_of_nobody_new,
    bare_consent,
    days,
    erasures,
    listings,
    merges,
    questions,
    rectifications,
)
from tests.support import events
from tests.support.compare import assert_alike, tie
from tests.support.events import Json, day
from tests.support.naive import NaiveModel
from tests.support.naive_facts import CELLS, FIELD, cells_of, contact_points, spelled
from tests.support.register import cell, is_allowed
from tests.support.scenarios_register import WholeRegister

EVERYBODY = (*PERSONAS, *LISTED)
IDENTITIES = [(persona.source, persona.subject) for persona in EVERYBODY]
RETENTION = timedelta(days=2)
"""How long a former customer's record is kept here: a part of the strategies' calendar."""
LONG_AGO = day(-100)
ANOTHER = {"source": "/directories/another", "subject": "x-1"}
"""A directory that nobody else speaks for."""


class StepByStep(RuleBasedStateMachine):
    """The machine that hypothesis drives."""

    def __init__(self) -> None:
        super().__init__()
        settings = RuleSettings(former_customer_retention=RETENTION)
        self.register, self.model = WholeRegister(settings=settings), NaiveModel(tie)
        self.delivered: list[Json] = []

    def deliver(self, event: Json) -> None:
        numbered = {**event, "id": f"e{len(self.delivered) + 1}"}
        self.delivered.append(numbered)
        self.register.deliver(numbered)
        self.model.deliver(numbered)

    def messages(self) -> dict[tuple[str, str], Json | None]:
        return {who: self.register.person(who[1], who[0]) for who in IDENTITIES}

    # What channels say

    @rule(event=any_event)
    def a_channel_speaks(self, event: Json) -> None:
        self.deliver(event)

    @precondition(lambda self: self.delivered)
    @rule(data=st.data())
    def an_older_event_is_repeated(self, data: st.DataObject) -> None:
        """R1: nothing is said, not even a version."""
        event = data.draw(st.sampled_from(self.delivered))
        before = len(self.register.sent), len(self.register.answers), len(self.register.refused)
        self.register.deliver(event)
        self.model.deliver(event)
        after = len(self.register.sent), len(self.register.answers), len(self.register.refused)
        assert after == before

    @rule(event=ban_of_nobody_new)
    def somebody_says_no(self, event: Json) -> None:
        """R40."""
        before = _allowed(self.messages())
        self.deliver(event)
        assert _allowed(self.messages()) <= before

    @rule(event=bare_consent)
    def somebody_agrees(self, event: Json) -> None:
        """R41."""
        before = self.messages()
        self.deliver(event)
        for who, now in self.messages().items():
            for one in set(CELLS) - cells_of(event["data"]["scope"]):
                if before[who] is not None:
                    assert cell(now, *one) == cell(before[who], *one)

    @rule(event=listings)
    def a_directory_lists(self, event: Json) -> None:
        """R42: whoever was known keeps every consent and every ban."""
        before = self.messages()
        self.deliver(event)
        listed = (event["source"], event["subject"])
        for who, now in self.messages().items():
            was = before[who]
            if was is None or now is None or _names(was) - {listed} != _names(now) - {listed}:
                continue
            for one in CELLS:
                if cell(now, *one) == "consent":
                    assert cell(was, *one) in ("consent", "no_contact_point")

    # What customer service, partners and campaign tools ask

    @rule(event=erasures)
    def customer_service_erases(self, event: Json) -> None:
        """R42: while its ban on collecting stands, no listing brings the contact points back."""
        self.deliver(event)
        party = {"kind": "business", **event["data"]["party"]}
        points = [*contact_points(spelled(party))]
        if any(ban.collection for point in points for ban in self.model.standing(point)):
            before = {fact.fact_id for fact in self.register.facts.values() if fact.party}
            self.deliver(events.listing(day(7), {**party, "kind": "business"}, **ANOTHER))
            after = {fact.fact_id for fact in self.register.facts.values() if fact.party}
            assert after <= before

    @rule(event=rectifications)
    def customer_service_corrects(self, event: Json) -> None:
        self.deliver(event)

    @rule(event=merges(EVERYBODY))
    def customer_service_merges(self, event: Json) -> None:
        self.deliver(event)

    @rule(event=questions)
    def customer_service_asks_what_is_held(self, event: Json) -> None:
        """R60: what is reported is what the last message says."""
        self.deliver(event)
        report = self.register.answers[-1].report
        if report is not None and report["eligibility"] is not None:
            assert report["eligibility"] in list(self.register.latest().values())

    @rule(event=agreements)
    def a_partner_signs_or_leaves(self, event: Json) -> None:
        self.deliver(event)

    @rule(time=days, partner=st.sampled_from(["p-1", "p-2"]))
    def a_partner_asks_for_addresses(self, time: datetime, partner: str) -> None:
        """R43, R63: exactly a name and an address, of whoever may be disclosed."""
        handed = len(self.register.handed)
        self.deliver(said.disclosure(time, partner_id=partner))
        self.register.sweep(LONG_AGO)
        new = self.register.handed[handed:]
        if not self.model.may_receive(partner):
            assert not new
            return
        assert _sorted(new[0].people) == _sorted(self.model.disclosable())
        assert all(one.keys() == {"name", "address"} for one in new[0].people)

    @rule(time=days, persona=st.sampled_from(EVERYBODY), one=st.sampled_from(CELLS))
    def a_campaign_tool_asks(self, time: datetime, persona: Persona, one: tuple[str, str]) -> None:
        """A screening of a customer id says what the model's cell says."""
        customer_id = self.register.customer_id(persona.subject, persona.source)
        if customer_id is None or customer_id not in self.register.messages:
            return
        person = self.model.person((persona.source, persona.subject))
        self.deliver(said.screening(time, *one, {"customer_id": str(customer_id)}))
        (answer,) = self.register.screened[self.delivered[-1]["id"]]
        if person is None:
            assert answer["reason"] == "erased"
        elif one in person.allow:
            assert (answer["allowed"], answer["basis"]) == (True, person.allow[one])
        else:
            assert (answer["allowed"], answer["reason"]) == (False, person.deny[one])

    # What the register does by itself

    @rule(now=st.integers(3, 9).map(day))
    def time_passes(self, now: datetime) -> None:
        """R26."""
        self.register.sweep(now)
        self.model.sweep(now, RETENTION)

    # What must hold at any time

    @invariant()
    def the_register_says_what_the_rules_say(self) -> None:
        assert_alike(
            self.register, self.model, [*IDENTITIES, (ANOTHER["source"], ANOTHER["subject"])]
        )

    @invariant()
    def contact_points_are_given_for_allowed_marketing_alone(self) -> None:
        """R44."""
        for person in self.register.latest().values():
            marketing = [one for one in CELLS if one[0] not in ("disclosure", "service_notice")]
            usable = {FIELD[one[1]] for one in marketing if is_allowed(person, *one)}
            assert set(person["contact"]) == usable


def _allowed(messages: dict[tuple[str, str], Json | None]) -> set[tuple[Any, ...]]:
    return {
        (who, one)
        for who, person in messages.items()
        for one in CELLS
        if person is not None and is_allowed(person, *one)
    }


def _names(person: Json) -> set[tuple[str, str]]:
    return {(one["source"], one["subject"]) for one in person["identities"]}


def _sorted(people: Any) -> list[str]:
    return sorted(map(repr, (sorted(one.items()) for one in people)))


TestStepByStep = patient(StepByStep.TestCase)
TestStepByStep.settings = steps(150, 20)
