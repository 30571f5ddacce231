"""Values held against the provider's settings model: unknown keys, and JSON in texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from batchyard.config._configuration import Location, suggestion
from batchyard.errors import ConfigError

__all__ = ["checked", "fitted", "keys_of", "unknown_keys"]

Called = Callable[[Location], str]


M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], values: Mapping[str, Any], called: Called, at: Location = ()) -> M:
    """The model made of *values*.  Raises :class:`ConfigError` with all that is wrong with them.

    *at* is where they stand in the table that *called* is about.
    """
    problems = list(unknown_keys(model, values, called, at))
    if not problems:
        try:
            return model(**fitted(model, values))
        except ValidationError as error:
            problems = [_problem(one, called, at) for one in _errors(error)]
    said = "; ".join(sentence for _, sentence in problems)
    raise ConfigError(said, param=problems[0][0])


def _errors(error: ValidationError) -> list[ErrorDetails]:
    return error.errors(include_input=False, include_url=False, include_context=False)


def _problem(one: ErrorDetails, called: Called, at: Location) -> tuple[str, str]:
    where = (*at, *one["loc"])
    message = one["msg"].removeprefix("Value error, ")
    return ".".join(map(str, where)), f"{called(where)}: {message}"


def unknown_keys(
    model: type[BaseModel], values: Mapping[str, Any], called: Called, at: Location = ()
) -> Iterator[tuple[str, str]]:
    """What has no field, with the sentence about it.

    Whatever the model's ``extra`` is, unless that allows what nobody knows: a
    setting that is silently ignored is the worst kind of typing mistake.
    """
    fields = keys_of(model)
    for key, value in values.items():
        if key in fields:
            for inner, table, where in _inner(fields[key], value, (*at, key)):
                yield from unknown_keys(inner, table, called, where)
        elif model.model_config.get("extra") != "allow":
            known = suggestion(key, tuple(model.model_fields))
            yield key, f"{called((*at, key))}: there is no such setting{known}"


def fitted(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* with JSON in place of texts where the field takes a list or a table.

    A variable has only text.
    """
    fields = keys_of(model)
    result = dict(values)
    for key, value in values.items():
        if key not in fields:
            continue
        if isinstance(value, str) and _takes_no_text(fields[key].annotation):
            result[key] = _decoded(value)
        elif isinstance(value, Mapping):
            inner = _model(fields[key].annotation)
            result[key] = fitted(inner, value) if inner else value
    return result


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by all names by which they may be given."""
    found = {}
    for name, field in model.model_fields.items():
        for key in (name, field.alias, field.validation_alias):
            for one in key.choices if isinstance(key, AliasChoices) else [key]:
                if isinstance(one, str):
                    found[one] = field
    return found


def _inner(
    field: FieldInfo, value: Any, at: Location
) -> Iterator[tuple[type[BaseModel], Mapping[str, Any], Location]]:
    """The tables in a value that have a model of their own."""
    model = _model(field.annotation)
    if model is None:
        return
    if isinstance(value, list):
        yield from ((model, one, (*at, i)) for i, one in enumerate(value) if _is_table(one))
    elif _is_table(value):
        if any(get_origin(one) in {dict, Mapping} for one in _members(field.annotation)):
            yield from ((model, one, (*at, k)) for k, one in value.items() if _is_table(one))
        else:
            yield model, value, at


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _model(annotation: Any) -> type[BaseModel] | None:
    """The one model in an annotation; of several, only validation can tell which is meant."""
    models = [
        one
        for member in _members(annotation)
        for one in (member, *get_args(member))
        if isinstance(one, type) and issubclass(one, BaseModel)
    ]
    return models[0] if len(models) == 1 else None


def _takes_no_text(annotation: Any) -> bool:
    kinds = [get_origin(one) or one for one in _members(annotation) if one is not type(None)]
    containers = (list, tuple, set, frozenset, Mapping, BaseModel)
    return bool(kinds) and all(isinstance(k, type) and issubclass(k, containers) for k in kinds)


def _members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; of anything else, itself."""
    return get_args(annotation) if get_origin(annotation) in {Union, UnionType} else (annotation,)


def _decoded(text: str) -> Any:
    """Validation says what is wrong with a text that is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
