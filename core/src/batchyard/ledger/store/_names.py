"""What may be a name in a store, and what goes wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from batchyard.errors import BatchyardError

__all__ = ["StoreError", "StoreMissingError", "checked_id", "checked_name", "telling"]

_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_ID = re.compile(_SEGMENT)
_NAME = re.compile(f"{_SEGMENT}/{_SEGMENT}")


class StoreError(BatchyardError):
    """The store could not keep something, or could not give it back."""


class StoreMissingError(StoreError):
    """There is nothing of that name in the store."""

    status_hint = 404
    default_type = "invalid_request_error"


def checked_id(name: str) -> str:
    """Raises :class:`StoreError` for what leads anywhere but to one thing of the store."""
    if not _ID.fullmatch(name):
        raise StoreError(f"{name[:80]!r} is no name that a store has: expected an id")
    return name


def checked_name(name: str) -> str:
    """Raises :class:`StoreError` for a name that is not ``<id>/<part>``."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name[:80]!r} is no name that a store has: expected <id>/<part>")
    return name


@contextmanager
def telling(act: str, name: str) -> Iterator[None]:
    """Say which name the system refused to *act* on, and nothing of where the store is."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreMissingError(f"there is no {name} in the store") from error
    except OSError as error:
        raise StoreError(f"cannot {act} {name} in the store: {error.strerror}") from error
