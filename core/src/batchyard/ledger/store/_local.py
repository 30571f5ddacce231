"""A store in a local directory."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from batchyard.ledger.store._names import (
    StoreError,
    StoreMissingError,
    checked_id,
    checked_name,
    telling,
)

__all__ = ["LocalStore"]

UNFINISHED = ".unfinished"
"""The folder of what has no name yet; no id starts with a dot."""


class LocalStore:
    """One folder an id and one file a part, readable by this user alone."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).expanduser().absolute()
        self._unfinished = self._root / UNFINISHED

    def __repr__(self) -> str:
        return f"LocalStore({str(self._root)!r})"

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        with self.place(name) as path:
            with telling("write", name):
                file = path.open("wb")
            with _telling_of_a_full_disk(name), file:
                yield file

    @contextmanager
    def place(self, name: str) -> Iterator[Path]:
        target = self._path(name)
        folder = self._new_folder(name)
        try:
            path = folder / target.name
            yield path
            if path.exists():
                with telling("keep", name):
                    self._adopt(path, target)
        finally:
            _remove(folder)

    def adopt(self, many: Mapping[str, Mapping[str, Path]]) -> Mapping[str, StoreError]:
        refused: dict[str, StoreError] = {}
        for id_, parts in many.items():
            try:
                self._adopt_id(id_, parts)
            except StoreError as error:
                refused[id_] = error
        if len(refused) < len(many):
            try:
                # once for all of them: none is told of before
                with telling("keep", next(iter(many))):
                    _sync_folder(self._root)
            except StoreError as error:
                refused = dict.fromkeys(many, error)
        return refused

    def open(self, name: str) -> BinaryIO:
        with telling("read", name):
            return cast("BinaryIO", self._path(name).open("rb"))

    def size(self, name: str) -> int:
        with telling("read", name):
            return self._path(name).stat().st_size

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        path = self._path(name)
        if not path.is_file():
            raise StoreMissingError(f"there is no {name} in the store")
        yield path

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        folder = self._new_folder("a scratch folder")
        try:
            yield folder
        finally:
            _remove(folder)

    def names(self, prefix: str = "") -> Iterator[str]:
        if prefix:
            yield from self._parts(checked_id(prefix))
            return
        with suppress(FileNotFoundError), os.scandir(self._root) as folders:
            for folder in folders:
                if folder.name != UNFINISHED:
                    yield from self._parts(folder.name)

    def delete_all(self, prefix: str) -> None:
        folder = self._root / checked_id(prefix)
        if not folder.exists():
            return
        # renamed first: it is gone all at once, whatever happens then
        doomed = self._new_folder(prefix)
        with telling("delete", prefix), suppress(FileNotFoundError):
            folder.rename(doomed / prefix)
        _remove(doomed)
        _sync_folder(self._root)

    def sweep(self, before: float) -> None:
        with suppress(FileNotFoundError), os.scandir(self._unfinished) as folders:
            for folder in folders:
                if _last_change(Path(folder.path)) < before:
                    shutil.rmtree(folder.path, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self._root / checked_name(name)

    def _parts(self, id_: str) -> Iterator[str]:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self._root / id_) as parts:
            for part in parts:
                yield f"{id_}/{part.name}"

    def _new_folder(self, name: str) -> Path:
        folder = self._unfinished / secrets.token_hex(8)
        with telling("make room for", name):
            try:
                folder.mkdir(mode=0o700)
            except FileNotFoundError:
                for parent in (self._root, self._unfinished):
                    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.mkdir(mode=0o700)
        return folder

    def _adopt_id(self, id_: str, parts: Mapping[str, Path]) -> None:
        target = self._root / checked_id(id_)
        folder = self._new_folder(id_)
        try:
            with telling("keep", id_):
                for part, path in parts.items():
                    _sync_file(path)
                    path.replace(folder / self._path(f"{id_}/{part}").name)
                _sync_folder(folder)
                # one rename: the id has all its parts, or is not there
                folder.rename(target)
        except BaseException:
            _remove(folder)
            raise

    def _adopt(self, path: Path, target: Path) -> None:
        """Give *path* its name, so that both survive a power cut."""
        if path.is_symlink() or not path.is_file():
            raise StoreError(f"what was written for {target.parent.name} is not a regular file")
        _sync_file(path)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._root)
        path.replace(target)
        _sync_folder(target.parent)


@contextmanager
def _telling_of_a_full_disk(name: str) -> Iterator[None]:
    """Other errors of the block are those of what it reads from."""
    try:
        yield
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        raise StoreError(f"cannot write {name} in the store: {error.strerror}") from error


def _last_change(folder: Path) -> float:
    """When the folder, or what is in it, was last written to."""
    times = [0.0]
    for path in (folder, *folder.rglob("*")):
        with suppress(FileNotFoundError):
            times.append(path.stat().st_mtime)
    return max(times)


def _remove(folder: Path) -> None:
    """The folder and what is in it, as far as that can be removed."""
    try:
        # by far the most have a few files and nothing else, and rmtree takes its time
        for name in os.listdir(folder):  # noqa: PTH208 - pathlib's makes a path of each
            os.unlink(f"{folder}/{name}")  # noqa: PTH108 - likewise
        folder.rmdir()
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_file(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make new names survive a power cut, where the system lets a folder be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
