"""JSON Schema, as far as OpenAI takes it, in the subset of OpenAPI that Gemini takes.

Every member has one type wherever it stands, so schemas of a file's lines may
differ and the importer still takes them; the names of properties are the user's.
What Gemini has no word for is told to the model in the description, where words do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from batchyard_vertex.translation._losses import Loss, Notes, approximated, lost
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schema_parts import (
    DEEPEST,
    NothingFitsError,
    References,
    crossed,
    joined,
)

__all__ = ["gemini_schema", "pruned"]

Schema = dict[str, Any]
Given = Mapping[str, Any]

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
    "additionalItems",
    "minContains",
    "maxContains",
    "contentSchema",
    "$dynamicRef",
    "$recursiveRef",
)
_IN_WORDS = (
    ("default", "Default"),
    ("example", "Example"),
    ("examples", "Examples"),
    ("contentEncoding", "Encoding"),
    ("contentMediaType", "Media type"),
)
_LONGEST = 500
"""Characters of a value that is told in words."""

_SAID = frozenset({"title", "description", "default", "example", "examples"})
_ONE_OF = frozenset({"anyOf", "oneOf"})
_STANDING = frozenset({"type", "properties", "items", "enum", "const", "anyOf", "oneOf"})
"""Members that make a schema one that can be read by itself."""

_SILENT = frozenset({"$schema", "$id", "$defs", "definitions", "$comment", "$anchor", "$ref"})
_READ = (
    _SAID
    | _ONE_OF
    | _STANDING
    | _SILENT
    | {
        *(*_TEXTS, *_NUMBERS, *_COUNTS, *_WITHOUT_WORD),
        *(one for members in (_EXCLUSIVE, _IN_WORDS) for one, *_ in members),
        *("allOf", "additionalProperties", "format", "multipleOf", "nullable", "required"),
        *("unevaluatedProperties", "uniqueItems"),
    }
)


def gemini_schema(schema: Any, param: str, notes: Notes | None = None) -> Schema:
    """The schema with its references put in place, and without what Gemini has no word for."""
    if not isinstance(schema, Mapping):
        raise RowRefusedError("A schema is a JSON object.", param)
    given = [] if notes is None else notes
    return _Converter(References(schema, param), param, given).part(schema, 0)


def pruned(value: Any) -> Any:
    """Without nulls, and empty objects and arrays, which the importer does not take."""
    if isinstance(value, Mapping):
        members = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in members.items() if one is not None} or None
    if isinstance(value, list):
        return [one for one in map(pruned, value) if one is not None] or None
    return value


class _Others(NamedTuple):
    """Alternatives: all that the schema comes to, or what stands beside the rest of it."""

    whole: Schema | None
    beside: Schema


class _Converter:
    def __init__(self, references: References, param: str, notes: Notes) -> None:
        self._references = references
        self._param = param
        self._notes = notes
        self._parts = 0

    def convert(self, schema: Any, depth: int) -> Schema:
        """A schema that says something: the importer takes no empty objects."""
        converted = {} if schema is True else self.part(schema, depth)
        if not converted:
            self._notes.append(approximated(self._param, "Gemini has no word for any value."))
            return dict(_ANY)
        return converted

    def part(self, given: Any, depth: int) -> Schema:
        schema = self._whole(given, depth)
        typed = self._typed(schema)
        alternatives = self._alternatives(schema)
        if alternatives:
            found = self._others(schema, alternatives, depth)
            if found.whole:
                return found.whole
            typed |= found.beside
        result = self._plain(schema) | typed
        self._children(schema, result, depth)
        self._hinted(schema, result)
        return result

    def _whole(self, schema: Any, depth: int) -> Given:
        """A schema with what it refers to, and all that it is made of, in one."""
        if not isinstance(schema, Mapping):
            raise RowRefusedError("Every part of a schema is a JSON object.", self._param)
        self._parts += 1
        if depth > DEEPEST or self._parts > LARGEST:
            raise LineRefusedError("The schema is nested too deeply.", self._param)
        if "$ref" not in schema and "allOf" not in schema:
            return schema
        rest: Given = {name: one for name, one in schema.items() if name not in {"$ref", "allOf"}}
        parts = list(_list(schema.get("allOf")))
        if "$ref" in schema:
            parts.insert(0, self._references.follow(schema["$ref"]))
        whole: Given = {}
        for one in parts:
            whole = self._joined(whole, self._whole(one, depth + 1))
        # what is said beside a reference is said of this use of it
        told = {name: one for name, one in whole.items() if not (name in _SAID and name in rest)}
        return self._joined(told, rest)

    def _joined(self, first: Given, second: Given) -> Given:
        return joined(_with_values(first), _with_values(second), self._param, self._tell)

    def _tell(self, name: str) -> None:
        reason = "Two parts of the schema have one, and Gemini takes one."
        self._notes.append(lost(f"{self._param}.{name}", reason))

    def _alternatives(self, schema: Given) -> list[Any]:
        """What a value is one of: by its type, and as it is told."""
        kinds = [one for one in _kinds(schema) if one != "null"]
        found = [{"type": kind} for kind in kinds] if len(kinds) > 1 else []
        for name in ("anyOf", "oneOf"):
            given = _list(schema.get(name))
            if name == "oneOf" and len(given) > 1:
                reason = "Gemini's alternatives do not exclude each other."
                self._notes.append(approximated(f"{self._param}.oneOf", reason))
            both = crossed(found, given) if found and given else found or given
            if both is None:
                self._tell(name)
            else:
                found = both
        return found

    def _alternative(self, given: Any, depth: int) -> Given:
        if given is False:
            raise NothingFitsError(self._param)
        return {} if given is True else self._whole(given, depth)

    def _others(self, schema: Given, given: list[Any], depth: int) -> _Others:
        """The alternatives, converted.  One that no value fits is none."""
        rest = {name: one for name, one in schema.items() if name not in _ONE_OF}
        wholes: list[Given] = []
        kind = {name: one for name, one in rest.items() if name == "type"}
        for one in given:
            with suppress(NothingFitsError):
                whole = self._alternative(one, depth + 1)
                if _kinds(whole) != ["null"]:
                    # whether it fits what stands beside it
                    self._joined(kind, {name: whole[name] for name in kind if name in whole})
                wholes.append(whole)
        some = [one for one in wholes if _kinds(one) != ["null"]]
        if not wholes:
            raise NothingFitsError(self._param)
        null: Schema = {"nullable": True} if len(some) < len(wholes) else {}
        if len(some) == 1:
            return _Others(self.part(self._joined(rest, some[0]), depth + 1) | null, {})
        if not some:
            return _Others(None, null)
        if rest.keys() & _STANDING and not all(one.keys() & _STANDING for one in some):
            # they only say more of what stands beside them
            some, rest = [self._joined(rest, one) for one in some], {}
        others = {"anyOf": [self.convert(one, depth + 1) for one in some], **null}
        return _Others(None, others) if rest else _Others(others, {})

    def _plain(self, schema: Mapping[str, Any]) -> Schema:
        """What is the same in both, where it has the one type that the importer takes."""
        result: Schema = {key: schema[key] for key in _TEXTS if isinstance(schema.get(key), str)}
        for key in _NUMBERS:
            if _is_number(schema.get(key)):
                result[key] = float(schema[key])
        for key in _COUNTS:
            value = schema.get(key)
            whole = isinstance(value, float) and value.is_integer()
            if _is_number(value) and (whole or isinstance(value, int)):
                result[key] = int(schema[key])
        if schema.get("format") in _FORMATS:
            result["format"] = schema["format"]
        return result

    def _typed(self, schema: Mapping[str, Any]) -> Schema:
        """The type, with null as ``nullable``, and the values there may be."""
        names = _kinds(schema)
        unknown = [one for one in names if not isinstance(one, str) or one not in _KNOWN_TYPES]
        if unknown:
            raise RowRefusedError(f"{unknown[0]!r} is not a type of JSON Schema.", self._param)
        kinds = [one for one in names if one != "null"]
        result: Schema = {}
        if len(kinds) == 1:
            result["type"] = kinds[0].upper()
        values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
        if "null" in names or None in values or schema.get("nullable") is True:
            result["nullable"] = True
        texts = [one for one in values if isinstance(one, str)]
        # Gemini's are texts: values of other types cannot be told from their spelling
        if texts and len(texts) == len([one for one in values if one is not None]):
            result["enum"] = texts
            result.setdefault("type", "STRING")
        return result

    def _children(self, schema: Given, result: Schema, depth: int) -> None:
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            properties = {}
        if properties:
            result["properties"] = {
                name: self.convert(one, depth + 1) for name, one in properties.items()
            }
            result["propertyOrdering"] = list(properties)
            result.setdefault("type", "OBJECT")
        wanted = _list(schema.get("required"))
        required = [one for one in wanted if one in properties]
        if required:
            result["required"] = required
        if len(required) < len(wanted):
            reason = "Gemini requires properties that the schema describes, and no others."
            self._notes.append(lost(f"{self._param}.required", reason))
        items = schema.get("items")
        if isinstance(items, Mapping):
            result["items"] = self.convert(items, depth + 1)
        elif "items" in schema and items is not True:
            reason = "Gemini's items have one schema."
            self._notes.append(lost(f"{self._param}.items", reason))

    def _hinted(self, schema: Mapping[str, Any], result: Schema) -> None:
        """Say in words what Gemini has no other word for."""
        hints = [
            *self._of_values(schema, result),
            *self._of_bounds(schema, result),
            *self._of_annotations(schema),
        ]
        if hints:
            before = [result["description"]] if result.get("description") else []
            result["description"] = " ".join([*before, *hints])
        self._notes += [
            lost(f"{self._param}.{name}", "Gemini's schemas have no word for it.")
            for name in _WITHOUT_WORD
            if name in schema
        ]
        for name in ("additionalProperties", "unevaluatedProperties"):
            extra = schema.get(name)
            if isinstance(extra, Mapping) or extra is True:
                reason = "Gemini's objects have the properties that are named, and no others."
                self._notes.append(lost(f"{self._param}.{name}", reason))
        for name in (*_TEXTS, *_NUMBERS, *_COUNTS):
            if schema.get(name) is not None and name not in result:
                reason = "It is not of the type that it has in JSON Schema."
                self._notes.append(lost(f"{self._param}.{name}", reason))
        self._notes += [
            Loss("ignored", f"{self._param}.{name[:40]}", "It says nothing of the answer.")
            for name in schema
            if name not in _READ
        ]

    def _of_annotations(self, schema: Given) -> list[str]:
        hints = []
        for name, words in _IN_WORDS:
            value = schema.get(name)
            if value is None or value == []:
                # that there may be nothing is told by the type
                continue
            spelled = value if name.startswith("content") else json.dumps(value, ensure_ascii=False)
            hints.append(self._hint(name, f"{words}: {str(spelled)[:_LONGEST]}."))
        return hints

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
            tighter = max if step > 0 else min
            whole = result.get("type") == "INTEGER" and isinstance(bound, int)
            limit = float(bound + step if whole else bound)
            result[plain] = tighter(result.get(plain, limit), limit)
            if whole:
                continue
            hints.append(self._hint(name, f"{words} {bound}."))
        if _is_number(schema.get("multipleOf")):
            hints.append(self._hint("multipleOf", f"A multiple of {schema['multipleOf']}."))
        return hints

    def _hint(self, name: str, words: str) -> str:
        field = f"{self._param}.{name}"
        self._notes.append(approximated(field, "It is told to the model in the description."))
        return words


_KNOWN_TYPES = _TYPES | {"null"}


def _kinds(schema: Given) -> list[Any]:
    given = schema.get("type")
    return given if isinstance(given, list) else [given] if given is not None else []


def _with_values(schema: Given) -> Given:
    """With a value that is the only one as a list of such."""
    if "const" not in schema:
        return schema
    return {
        **{name: one for name, one in schema.items() if name != "const"},
        "enum": [schema["const"]],
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
