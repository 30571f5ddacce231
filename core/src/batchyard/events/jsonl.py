"""The sink that appends events to a file, one JSON object a line."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from batchyard.events._json import to_json
from batchyard.hookspecs import hookimpl
from batchyard.models import Event

__all__ = ["JsonlSettings", "JsonlSink"]


class JsonlSettings(BaseModel):
    """``path``: the file, made if it is not there; its folder must be."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    path: Path = Field(description="the file that events are appended to")


class JsonlSink:
    """Appends each event, and returns when it is on the disk.

    A redelivered event is appended again: its ``id`` is the same.  The file is
    opened for each event, so that one that was moved away is begun anew, and
    several processes may append to one file.  Events that arrive together share
    a flush to the disk.
    """

    Settings = JsonlSettings

    def __init__(self, settings: JsonlSettings) -> None:
        self._path = settings.path.expanduser()
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._written = 0
        # of which file (its inode) everything until which event is on the disk
        self._synced = (0, 0)
        # which file is known to end with a whole line
        self._whole: int | None = None

    @hookimpl
    def deliver(self, event: Event) -> None:
        # ASCII: what comes from outside need not be encodable as it is
        data = json.dumps(to_json(event), separators=(",", ":")).encode("ascii") + b"\n"
        file = self._open()
        try:
            with self._writing:
                self._append(file, data)
                self._written += 1
                number = self._written
            self._sync(file, number)
        finally:
            os.close(file)

    def _open(self) -> int:
        new = not self._path.exists()
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | _CLOEXEC, 0o600)
        if new:
            _sync_folder(self._path.parent)
        return file

    def _append(self, file: int, data: bytes) -> None:
        found = os.fstat(file)
        if self._whole != found.st_ino and _ends_torn(file, found.st_size):
            data = b"\n" + data
        self._whole = None
        # one call, so that lines of several processes do not mix
        done = os.write(file, data)
        if done < len(data):
            raise OSError(f"the disk took {done} of {len(data)} bytes of an event")
        self._whole = found.st_ino

    def _sync(self, file: int, number: int) -> None:
        """Until the event of that number is on the disk, by whoever flushes first."""
        inode = os.fstat(file).st_ino
        with self._syncing:
            of, until = self._synced
            if of == inode and until >= number:
                return
            until = self._written
            os.fsync(file)
            self._synced = (inode, until)


def _ends_torn(file: int, size: int) -> bool:
    """Whether its last line is only a part of one, since a process or a disk gave up in it."""
    if size == 0:
        return False
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1) != b"\n"


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def _sync_folder(folder: Path) -> None:
    """Let the file's name outlive a power cut too."""
    if os.name == "nt":  # pragma: no cover - there a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
