"""Where files are put, once."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from batchyard.errors import BatchyardError, ConfigError
from batchyard_objectstore._settings import ObjectStoreSettings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["NotStoredError", "Store"]


class NotStoredError(BatchyardError):
    """The store did not take a file; it is to be put again."""


class Store:
    def __init__(self, settings: ObjectStoreSettings) -> None:
        self._folder = _folder(settings.url)
        try:
            self._store = _opened(settings, self._folder)
        except (BaseError, ValueError) as error:
            # without its text, which may quote an option
            raise ConfigError(
                f"the object store cannot be used as it is configured: {type(error).__name__}",
                param="url",
            ) from None

    def put(self, name: str, data: bytes) -> None:
        """The file, whole or not at all; one that is there stays.

        Raises :class:`NotStoredError`.
        """
        try:
            # in parts it could not be put only if there is none
            obstore.put(self._store, name, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            pass
        except BaseError as error:
            raise NotStoredError(f"{name} was not stored: {_said(error)}") from None
        if self._folder is not None:
            _sync(self._folder / name)


def _folder(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def _opened(settings: ObjectStoreSettings, folder: Path | None) -> ObjectStore:
    if folder is not None:
        # made as others' files are: only for who owns them
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return from_url(settings.url, mkdir=True)
    options: Any = {name: one.get_secret_value() for name, one in settings.options.items()}
    seconds = timedelta(seconds=settings.timeout)
    return from_url(
        settings.url,
        config=options,
        client_options={"timeout": seconds, "allow_http": settings.allow_http},
        retry_config={"max_retries": 3, "retry_timeout": seconds},
    )


def _said(error: BaseError) -> str:
    """Its kind, and of its text the first line: what follows is a dump of everything."""
    return f"{type(error).__name__}: {str(error).splitlines()[0][:300]}"


def _sync(path: Path) -> None:
    """Let file and name outlive a power cut, before it is acknowledged."""
    for one in (path, path.parent):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
