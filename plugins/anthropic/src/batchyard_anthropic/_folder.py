"""What Anthropic has no place for: files, and of what batches were made.  All of it blocks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from batchyard.effects import Source
from batchyard.errors import ConfigError, NotFoundError
from batchyard.steps import PathSource

__all__ = ["Folder", "Intent", "Order", "Staged"]

FILE_ID = re.compile(r"file-[A-Za-z0-9_-]{1,100}")
HOUR = 3600.0
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits: what was uploaded, byte for byte, and what was found in it.

    ``ids`` are the originals of ids that cannot be read back, by what is sent for
    them, as far as they are few; ``losses`` is the report of what is left out.
    """

    id: str
    filename: str
    bytes: int
    created_at: int
    requests: int
    endpoint: str
    ids: Mapping[str, str] = field(default_factory=dict)
    losses: Mapping[str, Any] = field(default_factory=dict)

    def as_state(self) -> dict[str, Any]:
        """What whoever creates a batch of it elsewhere has to know."""
        return {
            "requests": self.requests,
            "endpoint": self.endpoint,
            "ids": dict(self.ids),
            "losses": dict(self.losses),
        }


@dataclass(frozen=True, slots=True)
class Order:
    """What a batch was created from."""

    file: str = ""
    endpoint: str = "/v1/chat/completions"
    mark: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)

    def as_state(self) -> dict[str, Any]:
        """What whoever reads its results elsewhere has to know."""
        return {name: one for name, one in asdict(self).items() if name != "mark"}

    @classmethod
    def of_state(cls, state: Mapping[str, Any] | None) -> Order | None:
        """From a batch's state or its record; ``None`` where there is none that can be read."""
        if not state or not isinstance(state.get("endpoint"), str):
            return None
        strings = {name: state[name] for name in _TEXTS if isinstance(state.get(name), str)}
        maps = {name: state[name] for name in _MAPS if isinstance(state.get(name), Mapping)}
        return cls(**strings, **maps)


_TEXTS = ("file", "endpoint", "mark")
_MAPS = ("metadata", "ids")


@dataclass(frozen=True, slots=True)
class Intent:
    """A create that is about to be sent, and ``batch``, what came of it.  Times are Unix seconds.

    ``first`` and ``last`` are when it was sent, the first and the last time.
    """

    order: Order
    requests: int
    first: float
    last: float
    batch: str | None = None


class Folder:
    """Files of an account, orders and intents, each in a file of its own.

    Whatever is older than *keep* seconds is removed now and then.
    """

    def __init__(self, root: Path, keep: float) -> None:
        self._root = root
        self._keep = keep
        self._swept = 0.0

    def store(
        self, name: str | None, chunks: Iterable[bytes], make: Callable[[str], Staged]
    ) -> Staged:
        """Write a file; *make* is given its id and called when the bytes are there."""
        file_id = f"file-{name or secrets.token_hex(16)}"
        files = self._place("files")
        path = files / f"{file_id}.jsonl"
        _write(path, chunks)
        try:
            staged = make(file_id)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._note("files", file_id, asdict(staged), staged.created_at)
        os.utime(path, (staged.created_at, staged.created_at))
        return staged

    def find(self, file_id: str) -> Staged | None:
        known = self._noted("files", file_id) if FILE_ID.fullmatch(file_id) else None
        try:
            staged = None if known is None else Staged(**known)
        except TypeError:
            return None
        return staged if staged and self._path(file_id).is_file() else None

    def file(self, file_id: str) -> Staged:
        """Raises :class:`NotFoundError`."""
        staged = self.find(file_id)
        if staged is None:
            raise NotFoundError(
                f"there is no file {file_id!r} in {self._root}: Anthropic keeps none, so files are "
                "found only where they were uploaded, as long as `keep_days` says",
                status=404,
                code="not_found",
            )
        return staged

    def content(self, file_id: str) -> Source:
        self.file(file_id)
        return PathSource(self._path(file_id))

    def files(self) -> list[Staged]:
        """All files, newest first."""
        names = (path.stem for path in self._place("files").glob("file-*.json"))
        found = [staged for staged in map(self.find, names) if staged is not None]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    def delete(self, file_id: str) -> None:
        self.file(file_id)
        self._path(file_id).with_suffix(".json").unlink(missing_ok=True)
        self._path(file_id).unlink(missing_ok=True)

    def order(self, batch_id: str) -> Order | None:
        return Order.of_state(self._noted("batches", _key(batch_id)))

    def orders(self, batch_ids: Iterable[str]) -> list[Order | None]:
        return [self.order(one) for one in batch_ids]

    def intent(self, mark: str) -> Intent | None:
        known = self._noted("marks", mark)
        order = Order.of_state(known.pop("order", None)) if known else None
        if not known or order is None:
            return None
        try:
            return Intent(order, **known)
        except TypeError:
            return None

    def begin(self, intent: Intent) -> None:
        """Write down that a create is about to be sent."""
        before = self.intent(intent.order.mark)
        if before is not None and before.order.file == intent.order.file:
            intent = replace(intent, first=before.first)
        self._note("marks", intent.order.mark, asdict(intent), intent.last)

    def finish(self, batch_id: str, order: Order, at: float) -> None:
        """Write down what came of it."""
        self._note("batches", _key(batch_id), asdict(order), at)
        intent = self.intent(order.mark) or Intent(order, 0, at, at)
        self._note("marks", order.mark, asdict(replace(intent, batch=batch_id)), at)

    def sweep(self, now: float) -> None:
        """Remove what is old, once an hour at most."""
        if now - self._swept < HOUR:
            return
        self._swept = now
        for kind in ("files", "batches", "marks"):
            for path in self._place(kind).iterdir():
                try:
                    if path.stat().st_mtime < now - self._keep:
                        path.unlink(missing_ok=True)
                except FileNotFoundError:
                    continue

    def check(self) -> None:
        """Raises :class:`ConfigError` if nothing can be written here."""
        with tempfile.TemporaryFile(dir=self._place("files")):
            pass

    def _path(self, file_id: str) -> Path:
        return self._root / "files" / f"{file_id}.jsonl"

    def _place(self, kind: str) -> Path:
        place = self._root / kind
        try:
            # requests of users are in it
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            place.mkdir(mode=0o700, exist_ok=True)
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(13, "it may not be written to")
        except OSError as error:
            raise ConfigError(
                f"files cannot be kept in {place}: {error.strerror or error}; "
                "set `folder` (BATCHYARD_ANTHROPIC_FOLDER)",
                param="folder",
            ) from error
        return place

    def _note(self, kind: str, name: str, value: Mapping[str, Any], at: float) -> None:
        path = self._place(kind) / f"{name}.json"
        _write(path, [json.dumps(value).encode()])
        os.utime(path, (at, at))

    def _noted(self, kind: str, name: str) -> dict[str, Any] | None:
        try:
            found = json.loads((self._root / kind / f"{name}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None


def _key(batch_id: str) -> str:
    """A name for a batch: its id may be anything."""
    return hashlib.sha256(batch_id.encode("utf-8", "replace")).hexdigest()


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - both are names
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
