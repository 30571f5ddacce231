"""Structured output: what the service refuses in a schema, and instances of accepted ones."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, TypeAlias

from batchyard.emulators.openai_wire._errors import ApiError, missing, wrong_choice, wrong_type
from batchyard.emulators.openai_wire._words import value_for

Schema: TypeAlias = dict[str, Any]

_FORMATS = ("json_object", "json_schema", "text")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MAX_DEPTH = 8
_STRING_FORMATS = {
    "date": "2026-03-14",
    "time": "09:30:00Z",
    "date-time": "2026-03-14T09:30:00Z",
    "duration": "P3D",
    "email": "ada.keller@example.com",
    "hostname": "www.example.com",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::7",
    "uuid": "3f2b8c1e-6d4a-4f0b-9c7d-2a1e5b8f9d30",
    "uri": "https://www.example.com/item/7",
}
_PATTERN_SAMPLES = (
    *_STRING_FORMATS.values(),
    *("7", "42", "2026", "94107", "12.50", "A", "AB", "ABC", "ABC-1234", "AB-12", "AB12", "abc"),
    *("abc-def", "abc_def", "a1b2c3", "#3366cc", "+14155550123", "415-555-0123", "en", "en-GB"),
    *("USD", "09:30", "v1.2.3", "1.2.3", "@ada", "Ada", "Ada Keller", "yes", "true", "0x1f", "Q3"),
)


def check_format(value: Any, param: str, *prompt: object) -> None:
    """Refuse a `response_format` (or `text.format`) that the service would."""
    if value is None:
        return
    if not isinstance(value, dict):
        raise wrong_type(param, "an object", value)
    kind = value.get("type")
    if kind is None:
        raise missing(f"{param}.type")
    if kind not in _FORMATS:
        raise wrong_choice(f"{param}.type", kind, _FORMATS)
    if kind == "json_object" and "json" not in str(prompt).lower():
        raise ApiError(
            f"'messages' must contain the word 'json' in some form, to use '{param}' of type "
            "'json_object'.",
            param="messages",
        )
    if kind == "json_schema":
        # chat nests the definition, responses has it flat
        nested = param == "response_format"
        _check_definition(
            value.get("json_schema") if nested else value,
            f"{param}.json_schema" if nested else param,
        )


def _check_definition(definition: Any, param: str) -> None:
    if not isinstance(definition, dict):
        raise missing(param)
    name = definition.get("name")
    if name is None:
        raise missing(f"{param}.name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApiError(
            f"Invalid '{param}.name': string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'.",
            param=f"{param}.name",
            code="invalid_value",
        )
    schema = definition.get("schema")
    if schema is not None and not isinstance(schema, dict):
        raise wrong_type(f"{param}.schema", "an object", schema)
    if definition.get("strict"):
        _check_strict(schema or {}, name, param, ())


def _check_strict(schema: Schema, name: str, param: str, context: tuple[str, ...]) -> None:
    """A strict schema closes every object and requires all of its properties."""

    def refuse(reason: str) -> ApiError:
        place = ", ".join(f"'{step}'" for step in context)
        return ApiError(
            f"Invalid schema for response_format '{name}': In context=({place}), {reason}.",
            param=param,
        )

    if not context and schema.get("type") != "object":
        raise refuse("schema must be a JSON Schema of 'type: \"object\"'")
    properties = schema.get("properties", {})
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise refuse("'additionalProperties' is required to be supplied and to be false")
        lacking = [key for key in properties if key not in schema.get("required", ())]
        if lacking:
            raise refuse(
                "'required' is required to be supplied and to be an array including every key "
                f"in properties. Missing '{lacking[0]}'"
            )
    for key, value in properties.items():
        _check_strict(value, name, param, (*context, "properties", key))
    if isinstance(schema.get("items"), dict):
        _check_strict(schema["items"], name, param, (*context, "items"))


class Instances:
    """Makes values that are valid against a schema, and plausible for their names."""

    def __init__(self, root: Schema, rng: random.Random, text: str) -> None:
        self._root = root
        self._rng = rng
        self._text = text

    def make(self) -> Any:
        return self._value(self._root, "", 0)

    def _value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict):
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._chosen(schema["enum"])
        kind = self._kind(schema, depth)
        makers: dict[str, Callable[[Schema, str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda *_: self._rng.random() < 0.5,
            "null": lambda *_: None,
        }
        return makers.get(kind, self._string)(schema, name, depth)

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        for _ in range(_MAX_DEPTH):
            if "$ref" in schema:
                schema = self._target(schema["$ref"])
            elif options := schema.get("anyOf") or schema.get("oneOf"):
                # deep down, the way out of a recursive schema is its null
                nulls = [option for option in options if option.get("type") == "null"]
                schema = nulls[0] if nulls and depth >= _MAX_DEPTH // 2 else options[0]
            elif "allOf" in schema:
                merged: Schema = {k: v for k, v in schema.items() if k != "allOf"}
                for part in schema["allOf"]:
                    merged |= self._target(part["$ref"]) if "$ref" in part else part
                schema = merged
            else:
                break
        return schema

    def _target(self, reference: str) -> Schema:
        node: Any = self._root
        for step in reference.lstrip("#/").split("/"):
            node = node.get(step, {}) if step else node
        return node if isinstance(node, dict) else {}

    def _kind(self, schema: Schema, depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            return "null" if "null" in kind and depth >= _MAX_DEPTH // 2 else str(kind[0])
        if kind is None:
            return "object" if "properties" in schema else "array" if "items" in schema else ""
        return str(kind)

    def _chosen(self, options: list[Any]) -> Any:
        """The option that the text speaks of, if one is, else any."""
        spoken = [o for o in options if isinstance(o, str) and o.lower() in self._text]
        return self._rng.choice(spoken or options)

    def _object(self, schema: Schema, _name: str, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            key: self._value(value, key, depth + 1)
            for key, value in schema.get("properties", {}).items()
            if depth < _MAX_DEPTH or key in required
        }

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = schema.get("maxItems", max(least, 3))
        count = (
            least if depth >= _MAX_DEPTH // 2 else max(least, min(most, self._rng.randint(1, 3)))
        )
        singular = name.removesuffix("s")
        return [self._value(schema.get("items", {}), singular, depth + 1) for _ in range(count)]

    def _integer(self, schema: Schema, _name: str, _depth: int) -> int:
        step = int(schema.get("multipleOf", 1)) or 1
        low, high = _bounds(schema, 1)
        return self._rng.randint(-(-int(low) // step), int(high) // step) * step

    def _number(self, schema: Schema, name: str, _depth: int) -> float:
        if "multipleOf" in schema and float(schema["multipleOf"]).is_integer():
            return self._integer(schema, name, _depth)
        low, high = _bounds(schema, 0.01)
        return min(max(round(self._rng.uniform(low, high), 2), low), high)

    def _string(self, schema: Schema, name: str, _depth: int) -> str:
        if schema.get("format") in _STRING_FORMATS:
            return _STRING_FORMATS[schema["format"]]
        text = value_for(name, self._rng, self._text)
        pattern = schema.get("pattern")
        if pattern and not re.search(pattern, text):
            text = next((s for s in _PATTERN_SAMPLES if re.search(pattern, s)), text)
        text = text.ljust(schema.get("minLength", 0), "x")
        return text[: schema.get("maxLength", len(text))]


def _bounds(schema: Schema, margin: float) -> tuple[float, float]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + margin
    if "exclusiveMaximum" in schema:
        high = schema["exclusiveMaximum"] - margin
    if low is None:
        low = 0 if high is None or high >= 0 else high - 100
    return low, low + 100 if high is None else high
