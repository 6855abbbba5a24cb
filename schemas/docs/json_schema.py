"""JSON Schema (draft 2020-12) of the contract's events, from their models.

A schema says everything that can be said without looking a value up: it accepts whatever the
service can read, but not all that it accepts is taken (numbers and addresses are checked by
their own rules, R53 to R55).
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import (
    DEFAULT_REF_TEMPLATE,
    GenerateJsonSchema,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core import core_schema

from schemas.docs.contract import attributes
from schemas.docs.events import (
    ALL_TYPES,
    SUBJECT_OR_PARTY,
    SUBJECT_REQUIRED,
    data_model,
    description,
    example,
    unwrap,
)
from schemas.outbound import OutboundEvent

_WITH_OFFSET = r"(Z|z|[+-][0-9]{2}:?[0-9]{2})$"

_ATTRIBUTES = {
    "specversion": "The CloudEvents version, always 1.0.",
    "datacontenttype": "The media type of `data`; JSON is the only one.",
}

# What a model checks in code, said in JSON Schema.
_ONE_NAME = [
    {"properties": {name: {"type": "string"}}, "required": [name]}
    for name in ("customer_id", "email", "phone")
]
_IN_CODE: dict[str, JsonSchemaValue] = {"ScreenedRecipient": {"oneOf": _ONE_NAME}}


class _Generator(GenerateJsonSchema):
    """pydantic's generator, without the titles and defaults that say nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return {**super().datetime_schema(schema), "pattern": _WITH_OFFSET}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        return {k: v for k, v in made.items() if k != "default" or v is not None}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        if "description" in made:
            made["description"] = unwrap(made["description"])
        return {**made, **_IN_CODE.get(schema["cls"].__name__, {})}

    def enum_schema(self, schema: core_schema.EnumSchema) -> JsonSchemaValue:
        made = super().enum_schema(schema)
        if "description" in made:
            made["description"] = unwrap(made["description"])
        return made


def event_schema(name: str) -> JsonSchemaValue:
    """The JSON Schema of one type's whole CloudEvent; `$id` is its file's name."""
    definitions = schemas([ALL_TYPES[name]])
    root = definitions.pop(ALL_TYPES[name].__name__)
    return {
        "$schema": _Generator.schema_dialect,
        "$id": f"{name}.json",
        "title": root.pop("title"),
        "description": root.pop("description"),
        "type": root.pop("type"),
        **root,
        "examples": [example(name)],
        "$defs": definitions,
    }


def schemas(
    models: Sequence[type[BaseModel]], ref_template: str = DEFAULT_REF_TEMPLATE
) -> dict[str, JsonSchemaValue]:
    """The schemas of the models and of all that they name, by the models' names."""
    _, made = models_json_schema(
        [(model, "validation") for model in models],
        ref_template=ref_template,
        schema_generator=_Generator,
    )
    definitions: dict[str, JsonSchemaValue] = made["$defs"]
    for name, model in ALL_TYPES.items():
        if model.__name__ in definitions:
            _complete_event(name, definitions[model.__name__])
        if issubclass(model, OutboundEvent):
            data = data_model(name)
            if data.__name__ in definitions:
                _require_written(data, definitions[data.__name__])
    return definitions


def _complete_event(name: str, schema: JsonSchemaValue) -> None:
    """Give an event's schema its type as title, its wording, and what it always has."""
    schema["title"] = name
    schema["description"] = description(name)
    for attribute, meaning in {**attributes(), **_ATTRIBUTES}.items():
        if attribute not in {"type", "data"}:
            schema["properties"][attribute]["description"] = meaning
    model = ALL_TYPES[name]
    if issubclass(model, OutboundEvent):
        _require_written(model, schema)
    elif name in SUBJECT_REQUIRED:
        schema["required"].append("subject")
        _never_null(schema, "subject")
    elif name in SUBJECT_OR_PARTY:
        schema["anyOf"] = [
            {"required": ["subject"], "properties": {"subject": {"type": "string"}}},
            {
                "properties": {
                    "data": {"required": ["party"], "properties": {"party": {"type": "object"}}}
                }
            },
        ]


def _never_null(schema: JsonSchemaValue, name: str) -> None:
    """Take the null out of a property that the model leaves optional."""
    made = schema["properties"][name]
    text, _ = made.pop("anyOf")
    made.update(text)


def _require_written(model: type[BaseModel], schema: JsonSchemaValue) -> None:
    """Of what the service writes, a field with a default of its own is always there."""
    for name, field in model.model_fields.items():
        if field.default is not None and name not in schema["required"]:
            schema["required"].append(name)
