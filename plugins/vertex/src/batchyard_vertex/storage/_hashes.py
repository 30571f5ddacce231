"""Whether what arrived is what the service has."""

from __future__ import annotations

import base64
import hashlib
import importlib
from typing import Any

from batchyard.effects import Opened
from batchyard.errors import MalformedReplyError

__all__ = ["Digest", "Expected"]


class Digest:
    """The MD5 of bytes that come in pieces, as Cloud Storage writes it."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self._md5.update(data)

    @property
    def text(self) -> str:
        return base64.b64encode(self._md5.digest()).decode()


class Expected:
    """Checks a download against the hashes in its first reply's headers.

    Objects that were composed have no MD5, and a CRC takes a package of Google's;
    where neither is to be had, the length alone is checked, by the download itself.
    What the service unpacks on the way has hashes of something else.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._hash: Any = None
        self._wanted = ""

    def begin(self, reply: Opened) -> None:
        self._hash = None
        headers = reply.headers
        unpacked = headers.get("x-goog-stored-content-encoding", "identity") != "identity"
        if reply.status != 200 or unpacked or "content-encoding" in headers:
            return
        pairs = (part.strip().partition("=") for part in headers.get("x-goog-hash", "").split(","))
        said = {kind: value for kind, _, value in pairs}
        if "md5" in said:
            self._hash, self._wanted = hashlib.md5(usedforsecurity=False), said["md5"]
        elif "crc32c" in said:
            self._hash, self._wanted = _crc32c(), said["crc32c"]

    def update(self, piece: bytes) -> None:
        if self._hash is not None:
            self._hash.update(piece)

    def finish(self) -> None:
        """Raise :class:`MalformedReplyError` if the bytes are others."""
        if self._hash is None:
            return
        have = base64.b64encode(self._hash.digest()).decode()
        if have != self._wanted:
            raise MalformedReplyError(f"{self._name} arrived damaged: its hash is another")


def _crc32c() -> Any:
    try:
        return importlib.import_module("google_crc32c").Checksum()
    except ImportError:
        return None
