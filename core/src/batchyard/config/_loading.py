"""From a file and variables to a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
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

SETTINGS = ("default_account", "accounts")


def load(
    environ: Mapping[str, str], config_file: str | os.PathLike[str] | None = None
) -> Configuration:
    """What is configured.  Raises :class:`~batchyard.errors.ConfigError`.

    The settings of an account are checked when it is used, by its provider.
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

    return _layer("variables", called, _sources.of_variables(environ), plain)


def _file(path: Path) -> Layer:
    from batchyard.config import _sources  # noqa: PLC0415 - it takes a while to import

    def called(location: Location) -> str:
        return f"{path}: {'.'.join(map(str, location))}"

    return _layer(str(path), called, _sources.of_file(path), str)


def _layer(
    origin: str, called: Called, data: Mapping[str, Any], spelled: Callable[[str], str]
) -> Layer:
    from batchyard.config import _sources  # noqa: PLC0415 - it takes a while to import

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
    accounts = _by_name(called, shape.accounts, spelled)
    return Layer(origin, called, shape.default_account, accounts)


def _by_name(
    called: Called, tables: Mapping[str, Mapping[str, Any]], spelled: Callable[[str], str]
) -> dict[str, tuple[str, Mapping[str, Any]]]:
    accounts: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, table in tables.items():
        key = plain(name)
        if not key:
            raise ConfigError(f"{called(('accounts', name))}: the name is empty", param="accounts")
        if key in accounts:
            raise ConfigError(
                f"{called(('accounts', name))}: this is the name of another account too, "
                f"{accounts[key][0]!r}: case, hyphens and underscores do not count",
                param="accounts",
            )
        accounts[key] = spelled(name), table
    return accounts


def _wanted(problem: ErrorDetails, called: Called) -> str:
    if problem["type"] != "dict_type":
        return problem["msg"]
    name = (*problem["loc"], "NAME")[:2]
    return f"must be a table of settings, for example {called((*name, 'api_key'))}"
