"""httpx, imported when it is first used: a program that starts may send nothing."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
else:

    class _Httpx:
        """The module's names, each looked up once."""

        def __getattr__(self, name: str) -> Any:
            value = getattr(_imported(), name)
            setattr(self, name, value)
            return value

    httpx = _Httpx()

__all__ = ["httpx"]

COMMAND_LINE = "httpx._main"


def _imported() -> Any:
    """Import httpx without its command line.

    That would come along wherever click, rich and pygments happen to be installed, which
    takes half as long again.  httpx does without it if it cannot be imported.
    """
    if "httpx" in sys.modules or COMMAND_LINE in sys.modules:
        return import_module("httpx")
    sys.modules[COMMAND_LINE] = None  # type: ignore[assignment]  # the import system's "not here"
    try:
        return import_module("httpx")
    finally:
        sys.modules.pop(COMMAND_LINE, None)
