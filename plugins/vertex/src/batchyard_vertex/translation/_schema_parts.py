"""Parts of a JSON Schema that hold together: what is referred to, and what all of them ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError

__all__ = ["DEEPEST", "NothingFitsError", "References", "Tell", "crossed", "joined"]

Given: TypeAlias = Mapping[str, Any]
Tell: TypeAlias = Callable[[str], None]
"""Called with the name of a member of which there are two, and only the first can be kept."""

DEEPEST = 32

MOST_CROSSED = 64
"""Alternatives that come of two lists of them."""

_MOST = ("minimum", "exclusiveMinimum", "minItems", "minLength", "minProperties", "minContains")
_LEAST = ("maximum", "exclusiveMaximum", "maxItems", "maxLength", "maxProperties", "maxContains")
_SILENT = frozenset({"$schema", "$id", "$defs", "definitions", "$comment", "$anchor"})


class NothingFitsError(RowRefusedError):
    """Two parts of a schema contradict each other."""

    def __init__(self, param: str) -> None:
        super().__init__("The schema has a part that no value fits.", param)


class References:
    """What a schema defines."""

    def __init__(self, schema: Given, param: str) -> None:
        self._param = param
        self._known = {
            f"#/{name}/{key}": value
            for name in ("$defs", "definitions")
            if isinstance(schema.get(name), Mapping)
            for key, value in schema[name].items()
        }
        self._finite: set[str] = set()

    def follow(self, target: Any) -> Any:
        """The part that is referred to; one may not lead back to itself."""
        if target == "#":
            raise self._endless()
        if not isinstance(target, str) or target not in self._known:
            raise RowRefusedError(
                f"The schema refers to {target!r}, which is not in it.", self._param
            )
        self._check(target, ())
        return self._known[target]

    def _check(self, target: str, inside: tuple[str, ...]) -> None:
        if target in self._finite or target not in self._known:
            return
        if target in inside:
            raise self._endless()
        if len(inside) > DEEPEST:
            raise LineRefusedError("The schema is nested too deeply.", self._param)
        for one in _targets(self._known[target]):
            self._check(one, (*inside, target))
        self._finite.add(target)

    def _endless(self) -> LineRefusedError:
        message = "The schema refers to itself, and Gemini takes no recursive schemas."
        return LineRefusedError(message, self._param)


def _targets(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from _targets(one)
    elif isinstance(value, list):
        for one in value:
            yield from _targets(one)


def joined(first: Given, second: Given, param: str, tell: Tell) -> dict[str, Any]:
    """One schema that asks for what both do; raises :class:`NothingFitsError`."""
    result = dict(first)
    for name, value in second.items():
        if name in _SILENT:
            continue
        if name not in result or result[name] == value:
            result[name] = value
        elif name in {"anyOf", "oneOf"}:
            both = crossed(result[name], value)
            result[name] = result[name] if both is None else both
            if both is None:
                tell(name)
        elif name in _JOINERS:
            result[name] = _JOINERS[name](result[name], value)
        else:
            # one has to do, and it is told that there was another
            tell(name)
    if result.get("type") == [] or (result.get("enum") == [] and first.get("enum")):
        raise NothingFitsError(param)
    return result


def crossed(first: Any, second: Any) -> list[Any] | None:
    """Alternatives that are one of both lists; ``None`` if there would be too many."""
    if not isinstance(first, list) or not isinstance(second, list):
        return None
    if len(first) * len(second) > MOST_CROSSED:
        return None
    return [{"allOf": [one, other]} for one in first for other in second]


def _properties(first: Any, second: Any) -> Any:
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return first
    both = {name: _both(first[name], second[name]) for name in first if name in second}
    return {**first, **second, **both}


def _both(first: Any, second: Any) -> Any:
    return first if first == second else {"allOf": [first, second]}


def _required(first: Any, second: Any) -> Any:
    if not isinstance(first, list) or not isinstance(second, list):
        return first
    return [*first, *(one for one in second if one not in first)]


def _types(first: Any, second: Any) -> Any:
    """What both allow: whole numbers are numbers."""
    one, other = (value if isinstance(value, list) else [value] for value in (first, second))
    kept = [
        kind
        for kind in ("string", "integer", "number", "boolean", "array", "object", "null")
        if _allows(one, kind) and _allows(other, kind)
    ]
    if "number" in kept and "integer" in kept:
        kept.remove("integer")
    return kept[0] if len(kept) == 1 else kept


def _allows(kinds: list[Any], kind: str) -> bool:
    return kind in kinds or (kind == "integer" and "number" in kinds)


def _values(first: Any, second: Any) -> Any:
    if not isinstance(first, list) or not isinstance(second, list):
        return first
    # 1 and true are the same to Python alone
    known = [(type(one), one) for one in second]
    return [one for one in first if (type(one), one) in known]


def _limit(choose: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def one_of(first: Any, second: Any) -> Any:
        numbers = isinstance(first, int | float) and isinstance(second, int | float)
        return choose(first, second) if numbers else first

    return one_of


def _words(first: Any, second: Any) -> Any:
    texts = isinstance(first, str) and isinstance(second, str)
    return f"{first} {second}" if texts else first


def _closed(first: Any, second: Any) -> Any:
    return False if second is False else first


_JOINERS: dict[str, Callable[[Any, Any], Any]] = {
    "additionalProperties": _closed,
    "description": _words,
    "enum": _values,
    "items": _both,
    "properties": _properties,
    "required": _required,
    "title": lambda first, _: first,
    "type": _types,
    "uniqueItems": lambda first, second: first is True or second is True,
    **dict.fromkeys(_MOST, _limit(max)),
    **dict.fromkeys(_LEAST, _limit(min)),
}
