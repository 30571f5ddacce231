"""One front door to every LLM provider's batch API.

Importing this package imports neither an HTTP library nor a provider: each
public name is imported when it is first used.  The functions have LiteLLM's
names and arguments, so that ``import batchyard as litellm`` will do.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from batchyard.client import AsyncClient, Client
    from batchyard.drivers import Transport
    from batchyard.errors import BatchyardError
    from batchyard.functions import (
        acancel_batch,
        acreate_batch,
        acreate_file,
        afile_content,
        afile_delete,
        afile_list,
        afile_retrieve,
        alist_batches,
        aretrieve_batch,
        cancel_batch,
        create_batch,
        create_file,
        file_content,
        file_delete,
        file_list,
        file_retrieve,
        list_batches,
        retrieve_batch,
    )
    from batchyard.hookspecs import hookimpl

__all__ = [
    "AsyncClient",
    "BatchyardError",
    "Client",
    "Transport",
    "acancel_batch",
    "acreate_batch",
    "acreate_file",
    "afile_content",
    "afile_delete",
    "afile_list",
    "afile_retrieve",
    "alist_batches",
    "aretrieve_batch",
    "cancel_batch",
    "create_batch",
    "create_file",
    "file_content",
    "file_delete",
    "file_list",
    "file_retrieve",
    "hookimpl",
    "list_batches",
    "retrieve_batch",
]

__version__ = "0.1.0"

_HOMES = {
    "AsyncClient": "batchyard.client",
    "BatchyardError": "batchyard.errors",
    "Client": "batchyard.client",
    "Transport": "batchyard.drivers",
    "hookimpl": "batchyard.hookspecs",
}
"""Where the names live that are no functions of ``batchyard.functions``."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(_HOMES.get(name, "batchyard.functions"))
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
