"""The generated documents are fresh, and say the same as the models and the contract."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from schemas.cloudevents import decode
from schemas.docs import stale
from schemas.docs.contract import attributes, codes, inbound_data, json_blocks
from schemas.docs.events import (
    ALL_TYPES,
    DOCS,
    SUBJECT_OR_PARTY,
    SUBJECT_REQUIRED,
    data_model,
    example,
)
from schemas.docs.json_schema import schemas
from schemas.inbound import INBOUND_TYPES
from schemas.outbound import OUTBOUND_TYPES, EligibilityData
from schemas.party import Party, Scope
from schemas.problems import Unreadable
from schemas.terms import Channel, Purpose


def validator(name: str) -> Draft202012Validator:
    """Checks whole events of a type against its committed schema."""
    schema = json.loads((DOCS / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def accepted_by_model(name: str, event: dict[str, Any]) -> bool:
    """Whether the service reads (inbound) or could have written (outbound) this event."""
    try:
        if name in INBOUND_TYPES:
            decode(json.dumps(event).encode(), [])
        else:
            ALL_TYPES[name].model_validate_json(json.dumps(event))
    except (ValidationError, Unreadable):
        return False
    return True


def changed(name: str, path: str, value: Any) -> dict[str, Any]:
    """A type's example with one field replaced; `...` takes the field out."""
    event = json.loads(json.dumps(example(name)))
    *parents, last = (int(part) if part.isdecimal() else part for part in path.split("."))
    at: Any = event
    for part in parents:
        at = at[part]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return dict(event)


def test_generated_files_are_fresh() -> None:
    assert stale() == [], "run: make docs"


@pytest.mark.parametrize("name", ALL_TYPES)
def test_example_is_valid(name: str) -> None:
    validator(name).validate(example(name))
    assert accepted_by_model(name, example(name))


def test_every_example_is_of_its_type() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in (DOCS / "examples").iterdir()}
    assert {name: event["type"] for name, event in found.items()} == {n: n for n in ALL_TYPES}


TOO_MANY = [{"ref": str(number), "email": "a@b.fi"} for number in range(1001)]

INVALID = [
    ("order.placed", "specversion", "0.3"),
    ("order.placed", "id", ""),
    ("order.placed", "source", ...),
    ("order.placed", "time", "2026-03-02T09:15:00"),
    ("order.placed", "time", 1772435700),
    ("order.placed", "data", ...),
    ("order.placed", "data", "text"),
    ("order.placed", "data.order_id", 5001),
    ("order.placed", "data.party.kind", ...),
    ("order.placed", "data.party.kind", "martian"),
    ("order.placed", "data.party.language", "de"),
    ("order.placed", "data.party.address.city", ...),
    ("order.placed", "data.lines", []),
    ("order.placed", "data.lines.0.quantity", 0),
    ("order.placed", "data.lines.0.price_cents", "39.90"),
    ("order.placed", "data.contact_obtained_in_sale", "yes"),
    ("order.cancelled", "data.order_id", ...),
    ("billing.status-changed", "data.status", "late"),
    ("signup.received", "data.form", "fax"),
    ("signup.received", "data.profiling", {"interest": ["tv"]}),
    ("consent.granted", "data.scope", ...),
    ("consent.granted", "data.scope.channels", ["fax"]),
    ("ban.placed", "data.scope.purposes", "newsletter"),
    ("ban.placed", "data.collection", "true"),
    ("prospect.listed", "data.origin", "rumour"),
    ("agreement.signed", "data.purposes", ["newsletter"]),
    ("agreement.signed", "data.region", "EU"),
    ("access.requested", "data.signed", ...),
    ("merge.ordered", "data.merge", []),
    ("screening.requested", "data.recipients", []),
    ("screening.requested", "data.recipients", TOO_MANY),
    ("screening.requested", "data.recipients.0", {"ref": "r1"}),
    ("screening.requested", "data.recipients.0", {"ref": "r1", "email": None}),
    ("screening.requested", "data.recipients.0", {"ref": "r1", "email": "a@b.fi", "phone": "1"}),
    ("eligibility.updated", "data.version", 0),
    ("eligibility.updated", "data.audience", "consumer"),
    ("eligibility.updated", "data.allow", {"newsletter": {"fax": "consent"}}),
    ("eligibility.updated", "data.deny", {"newsletter": {"email": "because"}}),
    ("ban-register.updated", "data.kind", "fax"),
    ("disclosure.made", "data.people.0.address", ...),
    ("access.reported", "data.report.log", ...),
    ("event.refused", "data.rule", ...),
]


@pytest.mark.parametrize(("name", "path", "value"), INVALID)
def test_schema_and_model_refuse_the_same(name: str, path: str, value: Any) -> None:
    event = changed(name, path, value)
    assert not validator(name).is_valid(event)
    assert not accepted_by_model(name, event)


@pytest.mark.parametrize("name", sorted(SUBJECT_REQUIRED))
def test_an_event_about_a_person_needs_a_subject(name: str) -> None:
    assert not validator(name).is_valid(changed(name, "subject", ...))
    assert not validator(name).is_valid(changed(name, "subject", None))


@pytest.mark.parametrize("name", sorted(SUBJECT_OR_PARTY))
def test_r7_a_no_needs_a_subject_or_a_party(name: str) -> None:
    event = changed(name, "subject", ...)
    event["data"].pop("party", None)
    assert not validator(name).is_valid(event)
    event["data"]["party"] = {"kind": "consumer", "phone": "+358401234567"}
    assert validator(name).is_valid(event)
    assert accepted_by_model(name, event)


@pytest.mark.parametrize("name", ALL_TYPES)
def test_unknown_fields_are_allowed(name: str) -> None:
    event = {**changed(name, "data.later", {"added": True}), "later": "added"}
    assert validator(name).is_valid(event)
    assert accepted_by_model(name, event)


@pytest.mark.parametrize("name", OUTBOUND_TYPES)
def test_schema_names_the_other_types_invalid(name: str) -> None:
    others = (other for other in ALL_TYPES if other != name)
    assert not any(validator(name).is_valid(example(other)) for other in others)


def contract_examples() -> Iterator[tuple[type[BaseModel], Any]]:
    """The contract's JSON blocks, once for each alternative of an `a | b` placeholder."""
    blocks = json_blocks("Shared types") + json_blocks("Outbound types: `data`")
    models: tuple[type[BaseModel], ...] = (Party, Scope, EligibilityData)
    for model, block in zip(models, blocks, strict=True):
        text = block.replace('"…"', '"2026-04-01T14:20:00+03:00"')
        alternatives = [text]
        for placeholder in re.findall(r'"[a-z]+(?: \| [a-z]+)+"', text):
            alternatives = [
                one.replace(placeholder, f'"{choice}"')
                for one in alternatives
                for choice in placeholder.strip('"').split(" | ")
            ]
        for alternative in alternatives:
            yield model, json.loads(alternative)


@pytest.mark.parametrize(("model", "value"), list(contract_examples()))
def test_the_contracts_examples_are_valid(model: type[BaseModel], value: Any) -> None:
    read = model.model_validate_json(json.dumps(value))
    assert json.loads(read.model_dump_json(exclude_unset=True)).keys() == value.keys()
    definitions = schemas([model])
    root = definitions[model.__name__]
    Draft202012Validator({**root, "$defs": definitions}).validate(value)


@pytest.mark.parametrize("name", INBOUND_TYPES)
def test_every_field_that_the_contract_names_is_in_the_model(name: str) -> None:
    words = {re.split(r"\W", code)[0] for code in codes(inbound_data()[name])}
    assert words - attributes().keys() == data_model(name).model_fields.keys()


def test_the_eligibility_example_decides_every_cell_once() -> None:
    data = example("eligibility.updated")["data"]
    allowed = [(p, c) for p, cells in data["allow"].items() for c in cells]
    denied = [(p, c) for p, cells in data["deny"].items() for c in cells]
    cells = {(p, c) for p in Purpose for c in Channel if p != "disclosure" or c == "post"}
    assert len(allowed) + len(denied) == len(cells)
    assert {*allowed, *denied} == cells


def test_asyncapi_carries_every_schema_and_valid_examples() -> None:
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = document["components"]["messages"]
    assert ALL_TYPES.keys() <= messages.keys()
    for name in ALL_TYPES:
        for shown in messages[name]["examples"]:
            root = {**messages[name]["payload"], "components": document["components"]}
            Draft202012Validator(root).validate(shown["payload"])
