"""Making a plugin of what its entry point names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from batchyard.errors import BatchyardError, ConfigError, PluginLoadError

__all__ = ["Called", "config_error", "configured", "dotted", "instance"]

Called = Callable[[tuple[str | int, ...]], str]
"""What a setting, given by its path, is called in a message."""


def instance(name: str, plugin: Any, *arguments: Any, **settings: Any) -> object:
    """The plugin itself: a class is made, anything else is used as it is."""
    if not inspect.isclass(plugin):
        if settings:
            raise ConfigError(f"{name} takes no settings: {', '.join(settings)}")
        return cast("object", plugin)
    try:
        made: object = plugin(*arguments, **settings)
    except BatchyardError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{name} cannot be made: {type(error).__name__}: {error}") from error
    return made


def configured(name: str, plugin: Any, settings: Mapping[str, Any] | BaseModel | None) -> object:
    """The plugin, made with its settings.

    A class that has a pydantic model called ``Settings`` is made with one of
    those; another one with the settings as its arguments.
    """
    model = getattr(plugin, "Settings", None) if inspect.isclass(plugin) else None
    if not (inspect.isclass(model) and issubclass(model, BaseModel)):
        return instance(name, plugin, **_arguments(name, settings))
    if not isinstance(settings, BaseModel):
        try:
            settings = model(**(settings or {}))
        except ValidationError as error:
            raise config_error(name, model, error, dotted) from None
    return instance(name, plugin, settings)


def _arguments(name: str, settings: Mapping[str, Any] | BaseModel | None) -> Mapping[str, Any]:
    if isinstance(settings, BaseModel):
        raise ConfigError(f"{name} has no Settings, so it cannot be made with any")
    return settings or {}


def dotted(location: tuple[str | int, ...]) -> str:
    return ".".join(map(str, location)) or "settings"


def config_error(
    name: str, model: type[BaseModel], error: ValidationError, called: Called
) -> ConfigError:
    """What is wrong with the settings, field by field, without their values."""
    problems = []
    first = None
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        where = called(one["loc"])
        field = model.model_fields.get(str(one["loc"][0])) if one["loc"] else None
        about = f" ({field.description})" if field and field.description else ""
        problems.append(f"{where}: {one['msg']}{about}")
        first = first or dotted(one["loc"])
    return ConfigError(f"{name}: {'; '.join(problems)}", param=first)
