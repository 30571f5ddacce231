"""Golden pairs: JSON Schema, and the schemas of Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from batchyard_vertex.translation._losses import Notes
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import gemini_schema
from tests.vertex.translation.lines import losses

ANY = {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}, {"type": "BOOLEAN"}]}

SCHEMAS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nullable by type": (
        {"type": ["string", "null"], "enum": ["a", "b", None]},
        {"type": "STRING", "nullable": True, "enum": ["a", "b"]},
    ),
    "nullable by alternative": (
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        {"nullable": True, "type": "INTEGER", "minimum": 0.0},
    ),
    "several types": (
        {"type": ["string", "integer"]},
        {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
    ),
    "references": (
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A", "description": "An A."}},
            "$defs": {"A": {"const": "x"}},
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"enum": ["x"], "type": "STRING", "description": "An A."}},
            "propertyOrdering": ["a"],
        },
    ),
    "all of": (
        {
            "allOf": [
                {"properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "array", "items": {"type": "number"}}}},
            ]
        },
        {
            "properties": {
                "a": {"type": "STRING"},
                "b": {"type": "ARRAY", "items": {"type": "NUMBER"}},
            },
            "propertyOrdering": ["a", "b"],
            "type": "OBJECT",
            "required": ["a"],
        },
    ),
    "what says nothing": (
        {"type": "string", "default": "x", "examples": [], "$schema": "s", "$id": "i"},
        {"type": "STRING"},
    ),
    "a format that Gemini does not know": (
        {"type": "string", "format": "email", "description": "Whose it is."},
        {"type": "STRING", "description": "Whose it is. Format: email."},
    ),
    "numbers to choose from": (
        {"type": "integer", "enum": [1, 2]},
        {"type": "INTEGER", "description": "One of: 1, 2."},
    ),
    "bounds that are not reached": (
        {
            "type": "object",
            "properties": {
                "i": {"type": "integer", "exclusiveMinimum": 0},
                "n": {"type": "number", "exclusiveMaximum": 1.5, "multipleOf": 0.5},
            },
        },
        {
            "type": "OBJECT",
            "properties": {
                "i": {"type": "INTEGER", "minimum": 1.0},
                "n": {
                    "type": "NUMBER",
                    "maximum": 1.5,
                    "description": "Less than 1.5. A multiple of 0.5.",
                },
            },
            "propertyOrdering": ["i", "n"],
        },
    ),
    "any value": (
        {"type": "object", "properties": {"a": True, "b": {}}},
        {
            "type": "OBJECT",
            "properties": {"a": ANY, "b": ANY},
            "propertyOrdering": ["a", "b"],
        },
    ),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_keeps_what_gemini_understands(name: str) -> None:
    schema, wanted = SCHEMAS[name]
    assert gemini_schema(schema, "schema") == wanted


def test_what_was_left_out_is_told_and_what_is_told_in_words_too() -> None:
    notes: Notes = []
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "format": "uri"}},
        "additionalProperties": {"type": "string"},
        "not": {"required": ["b"]},
    }
    gemini_schema(schema, "s", notes)
    assert losses(notes) == {
        ("approximated", "s.format"),
        ("lost", "s.additionalProperties"),
        ("lost", "s.not"),
    }
    notes.clear()
    gemini_schema({"type": "object", "additionalProperties": False}, "s", notes)
    assert not notes


def bomb() -> dict[str, Any]:
    definitions: dict[str, Any] = {"d0": {"type": "string"}}
    for level in range(1, 25):
        ref = {"$ref": f"#/$defs/d{level - 1}"}
        definitions[f"d{level}"] = {"type": "object", "properties": {"a": ref, "b": ref}}
    return {"$defs": definitions, "$ref": "#/$defs/d24"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"type": "object", "properties": {"child": {"$ref": "#"}}},
        bomb(),
    ],
)
def test_recursive_and_enormous_schemas_refuse_the_line(schema: dict[str, Any]) -> None:
    with pytest.raises(LineRefusedError):
        gemini_schema(schema, "schema")


@pytest.mark.parametrize(
    "schema", [{"type": "text"}, {"$ref": "#/$defs/no"}, 5, {"items": {"type": 1}}]
)
def test_what_is_no_schema_fails_alone(schema: Any) -> None:
    with pytest.raises(RowRefusedError):
        gemini_schema(schema, "schema")
