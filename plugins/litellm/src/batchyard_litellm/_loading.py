"""Finding the logger that is configured."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from batchyard.errors import ConfigError

__all__ = ["found", "made"]


def found(callback: str) -> Any:
    """The class, the instance or the function of a path; of a bare name, the name.

    Imports, which may take seconds: LiteLLM takes some.
    """
    if ":" not in callback and "." not in callback:
        _litellm()
        return callback
    module, _, name = callback.rpartition(":" if ":" in callback else ".")
    try:
        value: Any = importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(f"callback {callback!r}: {error}", param="callback") from error
    for part in name.split("."):
        value = getattr(value, part, None)
        if value is None:
            raise ConfigError(
                f"callback {callback!r}: there is no {name!r} in {module}", param="callback"
            )
    return value


def made(what: Any, arguments: Mapping[str, Any]) -> Any:
    """The logger itself.  Many want a running event loop."""
    if isinstance(what, str):
        return _named(what, arguments)
    if inspect.isclass(what):
        return what(**arguments)
    if arguments:
        raise ConfigError("arguments are for a class, and this is none", param="arguments")
    return what


def _litellm() -> Any:
    try:
        return importlib.import_module("litellm.litellm_core_utils.litellm_logging")
    except ImportError as error:
        raise ConfigError(
            f"a callback that is only a name is LiteLLM's own, and LiteLLM is not here ({error}): "
            "pip install litellm, or name a class as package.module.Class",
            param="callback",
        ) from error


def _named(name: str, arguments: Mapping[str, Any]) -> Any:
    """LiteLLM's logger of that name, made as LiteLLM makes it."""
    logger = _litellm().init_custom_logger_compatible_class(
        name,
        internal_usage_cache=None,
        llm_router=None,
        custom_logger_init_args=dict(arguments),
    )
    if logger is None:
        raise ConfigError(
            f"LiteLLM has no logger {name!r} that can be made here: its variables may be missing, "
            "or a package that it needs",
            param="callback",
        )
    return logger
