"""httpx, imported when it is first used: a program that starts may send nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
else:

    class _Httpx:
        """The module's names, each looked up once."""

        def __getattr__(self, name: str) -> Any:
            value = getattr(import_module("httpx"), name)
            setattr(self, name, value)
            return value

    httpx = _Httpx()

__all__ = ["httpx"]
