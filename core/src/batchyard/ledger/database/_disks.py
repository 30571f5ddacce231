"""The file of a SQLite ledger, and whether it may be where it is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from batchyard.errors import ConfigError, LedgerUnavailableError

__all__ = ["filesystem", "prepare"]

_MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = {
    "afs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.sshfs",
    "glusterfs",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
}
"""Where the shared memory of a write-ahead log is not shared (sqlite.org/wal.html)."""

_TRIES = 100
_PAUSE = 0.05


async def prepare(path: Path, *, create: bool) -> None:
    """See to a file with a write-ahead log, readable by nobody else if it is new."""
    await asyncio.to_thread(_make if create else _expect, path)
    for _ in range(_TRIES):
        if await asyncio.to_thread(_use_log, path):
            return
        # SQLite does not wait for others by itself when it is to change the journal
        await asyncio.sleep(_PAUSE)
    raise LedgerUnavailableError(f"the ledger {path} is busy: others write to it")


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_network(path)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError as error:
        if not path.is_file():
            raise ConfigError(f"the ledger {path} cannot be a file") from error
    except OSError as error:
        raise ConfigError(f"the ledger {path} cannot be opened: {error.strerror}") from error


def _expect(path: Path) -> None:
    if not path.is_file():
        raise ConfigError(f"there is no ledger {path}: run batchyard ledger migrate")
    _refuse_network(path)


def _use_log(path: Path) -> bool:
    """Whether the file has its write-ahead log; not yet, while another process makes it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        try:
            (mode,) = conn.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
    return bool(mode == "wal")


def _refuse_network(path: Path) -> None:
    if not _MOUNTS.exists():  # only Linux tells in a file
        return
    kind = filesystem(path.parent.resolve(), _MOUNTS.read_text("utf-8").splitlines())
    if kind in _NETWORK:
        raise ConfigError(
            f"the ledger {path} is on a network file system ({kind}), where SQLite loses data: "
            "give a path on a disk of this machine, or a Postgres URL"
        )


def filesystem(folder: Path, mounts: Iterable[str]) -> str | None:
    """The type of the file system a folder is on, by the lines of ``mountinfo`` (proc(5))."""
    depth, kind = -1, None
    for line in mounts:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].encode().decode("unicode_escape"))
        # of two on one point, the later hides the earlier
        if folder.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), after.split()[0]
    return kind
