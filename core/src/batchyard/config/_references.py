"""``env:NAME`` as a value: the variable's, so that files hold no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batchyard.config._configuration import Location
from batchyard.errors import ConfigError

__all__ = ["followed", "is_reference"]

PREFIX = "env:"


def is_reference(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def followed(
    value: Any,
    environ: Mapping[str, str],
    called: Callable[[Location], str],
    at: Location = (),
) -> Any:
    """*value* with all references replaced.  Raises :class:`ConfigError` for a lack."""
    if isinstance(value, Mapping):
        return {key: followed(one, environ, called, (*at, key)) for key, one in value.items()}
    if isinstance(value, list):
        return [followed(one, environ, called, (*at, i)) for i, one in enumerate(value)]
    if not is_reference(value):
        return value
    name = value.removeprefix(PREFIX).strip()
    found = environ.get(name)
    if not found:
        lack = f"the variable {name} is {'not set' if found is None else 'empty'}"
        raise ConfigError(f"{called(at)}: {lack}", param=str(at[-1]) if at else None)
    return found
