"""JSON Schema, as far as OpenAI takes it, in the subset of OpenAPI that Gemini takes.

Every member has one type wherever it stands, so schemas of a file's lines may
differ and the importer still takes them; the names of properties are the user's.
What Gemini has no word for is told to the model in the description, where words do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._losses import Notes, approximated, lost
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError

__all__ = ["gemini_schema", "pruned"]

Schema = dict[str, Any]

DEEPEST = 32
LARGEST = 10_000
"""Parts of a schema: references to references can make a small one enormous."""

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_FORMATS = frozenset({"date-time", "double", "enum", "float", "int32", "int64"})
_TEXTS = ("title", "description", "pattern")
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_EXCLUSIVE = (
    ("exclusiveMinimum", "minimum", 1, "More than"),
    ("exclusiveMaximum", "maximum", -1, "Less than"),
)
_NULL = {"type": "null"}
_ANY = {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}, {"type": "BOOLEAN"}]}
_WITHOUT_WORD = (
    "not",
    "if",
    "then",
    "else",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "contains",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedItems",
)


def gemini_schema(schema: Any, param: str, notes: Notes | None = None) -> Schema:
    """The schema with its references put in place, and without what Gemini has no word for."""
    if not isinstance(schema, Mapping):
        raise RowRefusedError("A schema is a JSON object.", param)
    definitions = {
        f"#/{name}/{key}": value
        for name in ("$defs", "definitions")
        if isinstance(schema.get(name), Mapping)
        for key, value in schema[name].items()
    }
    given = [] if notes is None else notes
    return _Converter({"#": schema, **definitions}, param, given).part(schema, ())


def pruned(value: Any) -> Any:
    """Without nulls, and empty objects and arrays, which the importer does not take."""
    if isinstance(value, Mapping):
        members = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in members.items() if one is not None} or None
    if isinstance(value, list):
        return [one for one in map(pruned, value) if one is not None] or None
    return value


class _Converter:
    def __init__(self, definitions: Mapping[str, Any], param: str, notes: Notes) -> None:
        self._definitions = definitions
        self._param = param
        self._notes = notes
        self._parts = 0

    def convert(self, schema: Any, inside: tuple[str, ...]) -> Schema:
        """A schema that says something: the importer takes no empty objects."""
        converted = {} if schema is True else self.part(schema, inside)
        if not converted:
            self._notes.append(approximated(self._param, "Gemini has no word for any value."))
            return dict(_ANY)
        return converted

    def part(self, schema: Any, inside: tuple[str, ...]) -> Schema:
        """*inside* are the references and names that lead here; a reference may not lead back."""
        if not isinstance(schema, Mapping):
            raise RowRefusedError("Every part of a schema is a JSON object.", self._param)
        self._parts += 1
        if len(inside) > DEEPEST or self._parts > LARGEST:
            raise LineRefusedError("The schema is nested too deeply.", self._param)
        if "$ref" in schema:
            return self._referred(schema, inside)
        if "allOf" in schema:
            return self._merged(schema, inside)
        result = self._plain(schema)
        result |= self._typed(schema)
        self._children(schema, result, inside)
        self._alternatives(schema, result, inside)
        self._hinted(schema, result)
        return result

    def _referred(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> Schema:
        target = schema["$ref"]
        if not isinstance(target, str) or target not in self._definitions:
            raise RowRefusedError(
                f"The schema refers to {target!r}, which is not in it.", self._param
            )
        if target in inside or target == "#":
            message = "The schema refers to itself, and Gemini takes no recursive schemas."
            raise LineRefusedError(message, self._param)
        referred = self.part(self._definitions[target], (*inside, target))
        return {**referred, **self._plain(schema)}

    def _merged(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> Schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        merged: Schema = {}
        for part in (*_list(schema["allOf"]), rest):
            converted = self.part(part, (*inside, ""))
            for key in ("properties", "required", "propertyOrdering"):
                both = (merged.get(key), converted.get(key))
                if all(isinstance(one, dict) for one in both):
                    converted[key] = {**merged[key], **converted[key]}
                elif all(isinstance(one, list) for one in both):
                    converted[key] = list(dict.fromkeys([*merged[key], *converted[key]]))
            merged |= converted
        return merged

    def _plain(self, schema: Mapping[str, Any]) -> Schema:
        """What is the same in both, where it has the one type that the importer takes."""
        result: Schema = {key: schema[key] for key in _TEXTS if isinstance(schema.get(key), str)}
        for key in _NUMBERS:
            if _is_number(schema.get(key)):
                result[key] = float(schema[key])
        for key in _COUNTS:
            value = schema.get(key)
            if isinstance(value, int) and not isinstance(value, bool):
                result[key] = value
        if schema.get("format") in _FORMATS:
            result["format"] = schema["format"]
        return result

    def _typed(self, schema: Mapping[str, Any]) -> Schema:
        """The type, with null as ``nullable``, and the values there may be."""
        given = schema.get("type")
        names = given if isinstance(given, list) else [given] if given is not None else []
        unknown = [one for one in names if not isinstance(one, str) or one not in _KNOWN_TYPES]
        if unknown:
            raise RowRefusedError(f"{unknown[0]!r} is not a type of JSON Schema.", self._param)
        kinds = [one for one in names if one != "null"]
        result: Schema = {}
        if len(kinds) == 1:
            result["type"] = kinds[0].upper()
        elif kinds:
            result["anyOf"] = [{"type": one.upper()} for one in kinds]
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        if "null" in names or None in values:
            result["nullable"] = True
        texts = [one for one in values if isinstance(one, str)]
        # Gemini's are texts: values of other types cannot be told from their spelling
        if texts and len(texts) == len([one for one in values if one is not None]):
            result["enum"] = texts
            result.setdefault("type", "STRING")
        return result

    def _children(self, schema: Mapping[str, Any], result: Schema, inside: tuple[str, ...]) -> None:
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and properties:
            result["properties"] = {
                name: self.convert(one, (*inside, "")) for name, one in properties.items()
            }
            result["propertyOrdering"] = list(properties)
            result.setdefault("type", "OBJECT")
            required = [one for one in _list(schema.get("required")) if one in properties]
            if required:
                result["required"] = required
        if isinstance(schema.get("items"), Mapping):
            result["items"] = self.convert(schema["items"], (*inside, ""))

    def _alternatives(
        self, schema: Mapping[str, Any], result: Schema, inside: tuple[str, ...]
    ) -> None:
        given = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
        if not given:
            return
        others = [self.convert(one, (*inside, "")) for one in given if one != _NULL]
        if len(others) < len(given):
            result["nullable"] = True
        if len(others) == 1:
            for key, value in others[0].items():
                result.setdefault(key, value)
        elif others:
            result["anyOf"] = others

    def _hinted(self, schema: Mapping[str, Any], result: Schema) -> None:
        """Say in words what Gemini has no other word for."""
        hints = [*self._of_values(schema, result), *self._of_bounds(schema, result)]
        if hints:
            before = [result["description"]] if result.get("description") else []
            result["description"] = " ".join([*before, *hints])
        self._notes += [
            lost(f"{self._param}.{name}", "Gemini's schemas have no word for it.")
            for name in _WITHOUT_WORD
            if name in schema
        ]
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping) or extra is True:
            reason = "Gemini's objects have the properties that are named, and no others."
            self._notes.append(lost(f"{self._param}.additionalProperties", reason))

    def _of_values(self, schema: Mapping[str, Any], result: Schema) -> list[str]:
        hints = []
        form = schema.get("format")
        if isinstance(form, str) and form not in _FORMATS:
            hints.append(self._hint("format", f"Format: {form[:40]}."))
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        if "enum" not in result and [one for one in values if one is not None]:
            spelled = json.dumps(values, ensure_ascii=False)[1:-1]
            hints.append(self._hint("enum", f"One of: {spelled}."))
        if schema.get("uniqueItems") is True:
            hints.append(self._hint("uniqueItems", "No item twice."))
        return hints

    def _of_bounds(self, schema: Mapping[str, Any], result: Schema) -> list[str]:
        hints = []
        for name, plain, step, words in _EXCLUSIVE:
            bound: Any = schema.get(name)
            if not _is_number(bound):
                continue
            if result.get("type") == "INTEGER" and isinstance(bound, int):
                result.setdefault(plain, float(bound + step))
                continue
            result.setdefault(plain, float(bound))
            hints.append(self._hint(name, f"{words} {bound}."))
        if _is_number(schema.get("multipleOf")):
            hints.append(self._hint("multipleOf", f"A multiple of {schema['multipleOf']}."))
        return hints

    def _hint(self, name: str, words: str) -> str:
        field = f"{self._param}.{name}"
        self._notes.append(approximated(field, "It is told to the model in the description."))
        return words


_KNOWN_TYPES = _TYPES | {"null"}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
