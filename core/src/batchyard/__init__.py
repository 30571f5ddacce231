"""One front door to every LLM provider's batch API.

Importing this package imports neither an HTTP library nor a provider: each
public name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchyard.client import AsyncClient, Client
    from batchyard.drivers import Transport
    from batchyard.errors import BatchyardError
    from batchyard.hookspecs import hookimpl

__all__ = ["AsyncClient", "BatchyardError", "Client", "Transport", "hookimpl"]

__version__ = "0.1.0"

_HOMES = {
    "AsyncClient": "batchyard.client",
    "BatchyardError": "batchyard.errors",
    "Client": "batchyard.client",
    "Transport": "batchyard.drivers",
    "hookimpl": "batchyard.hookspecs",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
