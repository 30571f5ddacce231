"""From a file and variables to a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from batchyard.config._configuration import Configuration, Layer, Location, plain, suggestion
from batchyard.config._places import find_file
from batchyard.errors import ConfigError

__all__ = ["load"]

PREFIX = "BATCHYARD_"

Called = Callable[[Location], str]

NAMED = {"accounts": "api_key", "gates": "gate", "models": "account", "sinks": "sink"}
"""Tables of which there may be several, each with a setting to show how it is written."""

SINGLE = {"gateway": "port", "ledger": "url", "prices": "litellm_file"}

SETTINGS = ("default_account", *NAMED, *SINGLE)


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from: its name, what it calls them, how it spells names, its folder."""

    origin: str
    called: Called
    spelled: Callable[[str], str]
    folder: Path


def load(
    environ: Mapping[str, str], config_file: str | os.PathLike[str] | None = None
) -> Configuration:
    """What is configured.  Raises :class:`~batchyard.errors.ConfigError`.

    The settings of an account are checked when it is used, by its provider, and
    so are those of the other tables.
    """
    path = find_file(environ, config_file)
    layers = []
    if _speaks(environ):
        layers.append(_variables(environ))
    if path is not None:
        layers.append(_file(path))
    return Configuration(path, tuple(layers))


def _speaks(environ: Mapping[str, str]) -> bool:
    starts = tuple(f"{PREFIX}{one.upper()}" for one in SETTINGS)
    return any(name.upper().startswith(starts) for name in environ)


def _variables(environ: Mapping[str, str]) -> Layer:
    from batchyard.config import _sources  # noqa: PLC0415 - it takes a while to import

    def called(location: Location) -> str:
        return PREFIX + "__".join(str(one).upper().replace("-", "_") for one in location)

    source = Source("variables", called, plain, Path())
    return _layer(source, _sources.of_variables(environ))


def _file(path: Path) -> Layer:
    from batchyard.config import _sources  # noqa: PLC0415 - it takes a while to import

    def called(location: Location) -> str:
        return f"{path}: {'.'.join(map(str, location))}"

    return _layer(Source(str(path), called, str, path.parent), _sources.of_file(path))


def _layer(source: Source, data: Mapping[str, Any]) -> Layer:
    from batchyard.config import _sources  # noqa: PLC0415 - it takes a while to import

    called = source.called

    for key in data:
        if key not in SETTINGS:
            hint = suggestion(key, SETTINGS)
            raise ConfigError(f"{called((key,))}: there is no such setting{hint}", param=key)
    try:
        shape = _sources.Shape(**data)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = called(problem["loc"])
        raise ConfigError(
            f"{where}: {_wanted(problem, called)}", param=str(problem["loc"][0])
        ) from None
    named = {kind: _by_name(source, kind, getattr(shape, kind)) for kind in NAMED}
    single = {kind: getattr(shape, kind) for kind in SINGLE if kind in shape.model_fields_set}
    return Layer(source.origin, called, shape.default_account, named, single, source.folder)


def _by_name(
    source: Source, kind: str, tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, tuple[str, Mapping[str, Any]]]:
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, table in tables.items():
        key = plain(name)
        if not key:
            raise ConfigError(f"{source.called((kind, name))}: the name is empty", param=kind)
        if key in found:
            raise ConfigError(
                f"{source.called((kind, name))}: this is the name of another "
                f"{kind.removesuffix('s')} too, {found[key][0]!r}: case, hyphens and underscores "
                "do not count",
                param=kind,
            )
        found[key] = source.spelled(name), table
    return found


def _wanted(problem: ErrorDetails, called: Called) -> str:
    if problem["type"] != "dict_type":
        return problem["msg"]
    kind = str(problem["loc"][0])
    if kind in SINGLE:
        return f"must be a table of settings, for example {called((kind, SINGLE[kind]))}"
    name = (*problem["loc"], "NAME")[:2]
    return f"must be a table of settings, for example {called((*name, NAMED[kind]))}"
