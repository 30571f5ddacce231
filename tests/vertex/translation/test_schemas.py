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
        {"type": "string", "default": None, "examples": [], "$schema": "s", "$id": "i"},
        {"type": "STRING"},
    ),
    "what the model can be told in words alone": (
        {
            "type": "string",
            "default": "x",
            "examples": ["y", "z"],
            "contentEncoding": "base64",
            "contentMediaType": "image/png",
        },
        {
            "type": "STRING",
            "description": 'Default: "x". Examples: ["y", "z"]. Encoding: base64. '
            "Media type: image/png.",
        },
    ),
    "what all of several ask for": (
        {
            "allOf": [
                {"type": "integer", "minimum": 1, "maximum": 9, "description": "A."},
                {"type": "number", "minimum": 3, "description": "B."},
            ]
        },
        {"type": "INTEGER", "minimum": 3.0, "maximum": 9.0, "description": "A. B."},
    ),
    "values that all of several allow": (
        {"allOf": [{"enum": ["a", "b", "c"]}, {"enum": ["b", "c", "d"]}, {"not": {"const": "c"}}]},
        {"type": "STRING", "enum": ["b", "c"]},
    ),
    "requirements apart from what they are about": (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}},
                {"required": ["a"]},
                {"properties": {"a": {"maxLength": 3}}},
            ]
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING", "maxLength": 3}},
            "propertyOrdering": ["a"],
            "required": ["a"],
        },
    ),
    "alternatives of several parts": (
        {
            "allOf": [
                {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                {"anyOf": [{"type": "number"}, {"type": "boolean"}]},
            ]
        },
        {"type": "INTEGER"},
    ),
    "what stands beside a reference": (
        {
            "type": "object",
            "properties": {
                "a": {"$ref": "#/$defs/A", "enum": ["x", "z"], "title": "Mine"},
                "b": {"$ref": "#/$defs/B", "required": ["c"]},
            },
            "$defs": {
                "A": {"type": "string", "enum": ["x", "y"], "title": "Its own"},
                "B": {"type": "object", "properties": {"c": {"type": "string"}}},
            },
        },
        {
            "type": "OBJECT",
            "properties": {
                "a": {"type": "STRING", "enum": ["x"], "title": "Mine"},
                "b": {
                    "type": "OBJECT",
                    "properties": {"c": {"type": "STRING"}},
                    "propertyOrdering": ["c"],
                    "required": ["c"],
                },
            },
            "propertyOrdering": ["a", "b"],
        },
    ),
    "alternatives that say more of one thing": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        {
            "anyOf": [
                {
                    "type": "OBJECT",
                    "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
                    "propertyOrdering": ["a", "b"],
                    "required": [name],
                }
                for name in ("a", "b")
            ]
        },
    ),
    "an alternative to nothing, with words of its own": (
        {
            "description": "How warm.",
            "anyOf": [{"type": "number", "description": "In Kelvin."}, {"type": "null"}],
        },
        {"type": "NUMBER", "nullable": True, "description": "How warm. In Kelvin."},
    ),
    "bounds of both kinds": (
        {"type": "integer", "minimum": 0, "exclusiveMinimum": 4, "maximum": 9.0},
        {"type": "INTEGER", "minimum": 5.0, "maximum": 9.0},
    ),
    "a definition that two parts have": (
        {
            "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"x": {"$ref": "#/$defs/A"}}}],
            "$defs": {"A": {"properties": {"n": {"type": "number"}}}},
        },
        {
            "type": "OBJECT",
            "properties": {
                "n": {"type": "NUMBER"},
                "x": {
                    "type": "OBJECT",
                    "properties": {"n": {"type": "NUMBER"}},
                    "propertyOrdering": ["n"],
                },
            },
            "propertyOrdering": ["n", "x"],
        },
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


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"allOf": [{"pattern": "a"}, {"pattern": "b"}]}, {("lost", "s.pattern")}),
        ({"$ref": "#/$defs/A", "multipleOf": 3}, {("lost", "s.multipleOf")}),
        ({"type": "string", "default": "x"}, {("approximated", "s.default")}),
        ({"type": "string", "contentEncoding": "base64"}, {("approximated", "s.contentEncoding")}),
        ({"type": "string", "contentSchema": {}}, {("lost", "s.contentSchema")}),
        ({"type": "object", "required": ["a"]}, {("lost", "s.required")}),
        ({"type": "array", "items": [{"type": "string"}]}, {("lost", "s.items")}),
        ({"type": "string", "maxLength": "3"}, {("lost", "s.maxLength")}),
        ({"type": "object", "unevaluatedProperties": True}, {("lost", "s.unevaluatedProperties")}),
        ({"oneOf": [{"type": "string"}, {"type": "boolean"}]}, {("approximated", "s.oneOf")}),
        ({"type": "string", "readOnly": True}, {("ignored", "s.readOnly")}),
        (
            {"anyOf": [{"type": ["string", "number"], "pattern": str(n)} for n in range(9)]}
            | {"allOf": [{"anyOf": [{"minLength": n} for n in range(9)]}]},
            {("lost", "s.anyOf")},
        ),
    ],
)
def test_nothing_is_left_out_of_a_schema_without_a_word(
    schema: dict[str, Any], told: set[tuple[str, str]]
) -> None:
    notes: Notes = []
    definitions = {"$defs": {"A": {"type": "integer", "multipleOf": 2}}}
    gemini_schema({**schema, **definitions}, "s", notes)
    assert {one for one in losses(notes) if one != ("approximated", "s.multipleOf")} == told


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"allOf": [{"enum": ["a"]}, {"const": "b"}]},
        {"type": "string", "anyOf": [{"type": "integer"}, {"type": "boolean"}]},
        {"anyOf": [False]},
    ],
)
def test_a_schema_that_no_value_fits_fails_alone(schema: dict[str, Any]) -> None:
    with pytest.raises(RowRefusedError, match="no value fits"):
        gemini_schema(schema, "schema")


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
        {
            "$defs": {
                "a": {"properties": {"b": {"$ref": "#/$defs/b"}}},
                "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]},
            },
            "$ref": "#/$defs/a",
        },
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
