"""JSON Schema, as far as OpenAI takes it, in the subset of OpenAPI that Gemini takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError

__all__ = ["gemini_schema", "pruned"]

Schema = dict[str, Any]

_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_FORMATS = frozenset({"date-time", "double", "enum", "float", "int32", "int64"})
_TEXTS = ("title", "description", "pattern")
_NUMBERS = ("minimum", "maximum")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_NULL = {"type": "null"}


def gemini_schema(schema: Any, param: str) -> Schema:
    """The schema with its references put in place, and without what Gemini has no word for."""
    if not isinstance(schema, Mapping):
        raise RowRefusedError("A schema is a JSON object.", param)
    definitions = {
        f"#/{name}/{key}": value
        for name in ("$defs", "definitions")
        if isinstance(schema.get(name), Mapping)
        for key, value in schema[name].items()
    }
    converted = _Converter({"#": schema, **definitions}, param).convert(schema, ())
    whole: Schema = pruned(converted) or {}
    return whole


def pruned(value: Any) -> Any:
    """Without nulls, and empty objects and arrays, which the importer does not take."""
    if isinstance(value, Mapping):
        members = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in members.items() if one is not None} or None
    if isinstance(value, list):
        return [one for one in map(pruned, value) if one is not None] or None
    return value


class _Converter:
    def __init__(self, definitions: Mapping[str, Any], param: str) -> None:
        self._definitions = definitions
        self._param = param

    def convert(self, schema: Any, inside: tuple[str, ...]) -> Schema:
        """*inside* are the references that lead here, so that none leads back to itself."""
        if not isinstance(schema, Mapping):
            raise RowRefusedError("Every part of a schema is a JSON object.", self._param)
        if len(inside) > 32:
            raise LineRefusedError("The schema's references are nested too deeply.", self._param)
        if "$ref" in schema:
            return self._referred(schema, inside)
        if "allOf" in schema:
            return self._merged(schema, inside)
        result = self._plain(schema)
        result |= self._typed(schema)
        self._children(schema, result, inside)
        self._alternatives(schema, result, inside)
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
        referred = self.convert(self._definitions[target], (*inside, target))
        return {**referred, **self._plain(schema)}

    def _merged(self, schema: Mapping[str, Any], inside: tuple[str, ...]) -> Schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        merged: Schema = {}
        for part in (*_list(schema["allOf"]), rest):
            converted = self.convert(part, inside)
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
        for keys, kinds in ((_NUMBERS, (int, float)), (_COUNTS, (int,))):
            for key in keys:
                value = schema.get(key)
                if isinstance(value, kinds) and not isinstance(value, bool):
                    result[key] = value
        if schema.get("format") in _FORMATS:
            result["format"] = schema["format"]
        return result

    def _typed(self, schema: Mapping[str, Any]) -> Schema:
        """The type, with null as ``nullable``, and the values there may be."""
        given = schema.get("type")
        names = given if isinstance(given, list) else [given] if given is not None else []
        unknown = [one for one in names if one not in _TYPES and one != "null"]
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
                name: self.convert(one, inside) for name, one in properties.items()
            }
            result["propertyOrdering"] = list(properties)
            result.setdefault("type", "OBJECT")
            required = [one for one in _list(schema.get("required")) if one in properties]
            if required:
                result["required"] = required
        if isinstance(schema.get("items"), Mapping):
            result["items"] = self.convert(schema["items"], inside)

    def _alternatives(
        self, schema: Mapping[str, Any], result: Schema, inside: tuple[str, ...]
    ) -> None:
        given = _list(schema.get("anyOf")) or _list(schema.get("oneOf"))
        if not given:
            return
        others = [self.convert(one, inside) for one in given if one != _NULL]
        if len(others) < len(given):
            result["nullable"] = True
        if len(others) == 1:
            for key, value in others[0].items():
                result.setdefault(key, value)
        elif others:
            result["anyOf"] = others


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
