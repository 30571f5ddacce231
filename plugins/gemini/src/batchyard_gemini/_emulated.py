"""What the emulated service holds: files, and batches that answer them."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from batchyard.emulators import Blob, BlobWriter, FileStore, Machine, Quirks, Timeline
from batchyard_gemini._answering import Answering

__all__ = ["Jobs", "Refused", "Shelf"]

LIFE = 48 * 3600
"""Seconds for which files and batches are kept."""

STATES = Machine(
    {
        "PENDING": frozenset({"RUNNING", "CANCELLED"}),
        "RUNNING": frozenset({"SUCCEEDED", "EXPIRED", "CANCELLED"}),
        "SUCCEEDED": frozenset(),
        "EXPIRED": frozenset(),
        "CANCELLED": frozenset(),
    }
)

MOST = 100
"""Batches that may be under way."""


class Refused(Exception):  # noqa: N818 - it is what the service answers
    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(slots=True)
class Stored:
    name: str
    title: str
    born: float
    blob: Blob
    made: bool = False


@dataclass(slots=True)
class Session:
    about: dict[str, Any]
    length: int
    writer: BlobWriter


class Shelf:
    """The files."""

    def __init__(self, store: FileStore, quirks: Quirks) -> None:
        self._store = store
        self._quirks = quirks
        self._numbers = count(1)
        self._files: dict[str, Stored] = {}
        self._sessions: dict[str, Session] = {}

    def begin(self, about: dict[str, Any], length: int) -> str:
        if len(str(about.get("displayName") or "")) > 512:
            raise Refused("displayName has at most 512 characters.")
        name = f"s{next(self._numbers)}"
        self._sessions[name] = Session(about, length, self._store.writer())
        return name

    async def write(self, session: str, offset: str, body: AsyncIterator[bytes]) -> None:
        found = self._sessions.get(session)
        if found is None:
            raise Refused("There is no such upload.", 404)
        if offset != str(found.writer.size):
            raise Refused("X-Goog-Upload-Offset is not where the upload stands.")
        async for piece in body:
            found.writer.write(piece)

    def finish(self, session: str, now: float) -> Stored:
        found = self._sessions.pop(session)
        if found.writer.size != found.length:
            raise Refused(f"{found.length} bytes were announced, and {found.writer.size} came.")
        title = str(found.about.get("displayName") or "")
        return self.add(title, found.writer.commit(), now)

    def add(self, title: str, blob: Blob, now: float, *, made: bool = False) -> Stored:
        number = next(self._numbers)
        long = made and "long-names" in self._quirks
        name = f"batch-{number:040d}" if long else f"f{number:011d}"
        self._files[name] = Stored(name, title, now, blob, made)
        return self._files[name]

    def made(self, data: bytes, now: float) -> Stored:
        writer = self._store.writer()
        writer.write(data)
        return self.add("", writer.commit(), now, made=True)

    def all(self, now: float) -> list[Stored]:
        for name in [one.name for one in self._files.values() if one.born + LIFE <= now]:
            self._store.delete(self._files.pop(name).blob)
        return list(self._files.values())

    def get(self, name: str, now: float) -> Stored:
        self.all(now)
        if name not in self._files:
            # the service does not tell what is not there from what is not yours
            raise Refused(
                f"You do not have permission to access the File {name} or it may not exist.", 403
            )
        return self._files[name]

    def delete(self, name: str, now: float) -> None:
        if len(name) > 40:
            raise Refused("name: a file's name has at most 40 characters.")
        self._store.delete(self.get(name, now).blob)
        del self._files[name]

    def content(self, name: str, now: float) -> bytes:
        file = self.get(name, now)
        if not file.made and "uploads-stay" in self._quirks:
            raise Refused("Only generated files can be downloaded.")
        return file.blob.path.read_bytes()

    def rows(self, name: str, now: float) -> bytes:
        """What a batch reads of its input, whoever else may."""
        return self.get(name.removeprefix("files/"), now).blob.path.read_bytes()

    def show(self, file: Stored) -> dict[str, Any]:
        return {
            "name": f"files/{file.name}",
            **({"displayName": file.title} if file.title else {}),
            "mimeType": "application/jsonl",
            "sizeBytes": str(file.blob.size),
            "createTime": stamp(file.born),
            "expirationTime": stamp(file.born + LIFE),
            "uri": f"https://generativelanguage.googleapis.com/v1beta/files/{file.name}",
            "state": "ACTIVE",
            "source": "GENERATED" if file.made else "UPLOADED",
        }


@dataclass(slots=True)
class Job:
    name: str
    model: str
    title: str
    born: float
    rows: list[dict[str, Any]]
    inline: bool
    states: Timeline
    results: list[dict[str, Any]] | None = None
    output: Stored | None = None
    lag: int = 0
    good: int = field(default=0)


class Jobs:
    """The batches."""

    def __init__(self, shelf: Shelf, quirks: Quirks, time_scale: float, seed: int) -> None:
        self._shelf = shelf
        self._quirks = quirks
        self._scale = time_scale
        self._seed = seed
        self._answering = Answering(quirks)
        self._numbers = count(1)
        self._jobs: dict[str, Job] = {}
        self.expires = False

    def create(self, model: str, order: dict[str, Any], now: float) -> Job:
        if foreign := sorted(set(order) - {"displayName", "inputConfig", "priority"}):
            raise Refused(f'Unknown name "{foreign[0]}" at batch: Cannot find field.')
        if not order.get("displayName"):
            raise Refused("displayName is missing.")
        if sum(not one.states.is_over(now) for one in self._jobs.values()) >= MOST:
            raise Refused("There are 100 batches under way.", 429)
        if not self._answering.knows(model):
            raise Refused(f"models/{model} is not found for API version v1beta.", 404)
        rows, inline = self._rows(order.get("inputConfig") or {}, now)
        states = Timeline(STATES, now)
        states.schedule("RUNNING", now + 30 * self._scale)
        if self.expires:
            states.schedule("EXPIRED", now + LIFE)
        else:
            states.schedule("SUCCEEDED", now + (60 + len(rows)) * self._scale)
        name = f"b{next(self._numbers):035d}"
        job = Job(name, model, str(order["displayName"]), now, rows, inline, states)
        self._jobs[name] = job
        return job

    def _rows(self, config: dict[str, Any], now: float) -> tuple[list[dict[str, Any]], bool]:
        if "fileName" in config:
            name = str(config["fileName"])
            if not name.startswith("files/"):
                raise Refused("fileName is files/…")
            data = self._shelf.rows(name, now)
            return list(_read(data)), False
        given = (config.get("requests") or {}).get("requests")
        if not given:
            raise Refused("inputConfig has neither a file nor requests.")
        return [{"request": one["request"], "metadata": one.get("metadata")} for one in given], True

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def get(self, name: str) -> Job:
        if name not in self._jobs:
            raise Refused(f"batches/{name} is not found.", 404)
        return self._jobs[name]

    def cancel(self, name: str, now: float) -> None:
        job = self.get(name)
        self.advance(now)
        if job.states.is_over(now):
            raise Refused("The batch is over and cannot be cancelled.")
        job.states.interrupt("CANCELLED", now)
        job.lag = int(self._quirks.value("late-cancel"))

    def delete(self, name: str, now: float) -> None:
        if not self.get(name).states.is_over(now):
            raise Refused("The batch is under way.")
        del self._jobs[name]

    def advance(self, now: float) -> None:
        """Answer what is due: nothing runs in between."""
        for job in self._jobs.values():
            if job.results is None and job.states.state(now) == "SUCCEEDED":
                self._finish(job, job.states.ends_at() or now)

    def _finish(self, job: Job, at: float) -> None:
        results = [self._answering.result(job.model, row, n) for n, row in enumerate(job.rows)]
        job.good = sum("response" in one for one in results)
        results = results[int(self._quirks.value("missing-rows")) :]
        results += results[: int(self._quirks.value("duplicated-rows"))]
        if "shuffled-rows" in self._quirks:
            random.Random(self._seed).shuffle(results)  # noqa: S311 - repeatable
        job.results = results
        if not job.inline:
            text = "".join(json.dumps(one) + "\n" for one in results)
            job.output = self._shelf.made(text.encode(), at)

    def show(self, job: Job, now: float, *, read: bool = False) -> dict[str, Any]:
        self.advance(now)
        state = job.states.state(now)
        if state == "CANCELLED" and job.lag:
            job.lag -= int(read)
            state = "RUNNING"
        over = STATES.is_terminal(state)
        output = self._output(job) if over and job.results is not None else None
        prefix = "JOB" if "job-states" in self._quirks else "BATCH"
        metadata = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{job.model}",
            "displayName": job.title,
            **({"output": output} if output else {}),
            "createTime": stamp(job.born),
            "updateTime": stamp(now),
            **({"endTime": stamp(job.states.ends_at() or now)} if over else {}),
            "batchStats": self._stats(job, state),
            "state": f"{prefix}_STATE_{state}",
            "name": f"batches/{job.name}",
        }
        shown: dict[str, Any] = {"name": f"batches/{job.name}", "metadata": metadata}
        if over:
            shown["done"] = True
            shown |= {"response": output} if output else _ended(state)
        return shown

    def _output(self, job: Job) -> dict[str, Any]:
        if job.output is not None:
            return {"responsesFile": f"files/{job.output.name}"}
        return {"inlinedResponses": {"inlinedResponses": job.results}}

    def _stats(self, job: Job, state: str) -> dict[str, str]:
        """Numbers are texts, and zeros are left out."""
        total = len(job.rows)
        done = {"successfulRequestCount": job.good, "failedRequestCount": total - job.good}
        counts = done if state == "SUCCEEDED" else {"pendingRequestCount": total}
        found = {"requestCount": total, **counts}
        return {name: str(number) for name, number in found.items() if number}


def _ended(state: str) -> dict[str, Any]:
    codes = {"CANCELLED": 1, "EXPIRED": 4}
    return {"error": {"code": codes[state], "message": f"The batch was {state.lower()}."}}


def _read(data: bytes) -> Iterator[dict[str, Any]]:
    """The rows; a malformed one refuses the batch."""
    number = 0
    for number, line in enumerate(data.splitlines(), 1):
        try:
            row = json.loads(line)
            well = isinstance(row["key"], str) and isinstance(row["request"], dict)
            well = well and not set(row) - {"key", "request"}
        except (ValueError, TypeError, KeyError, RecursionError):
            well = False
        if not well:
            raise Refused(f"Line {number} of the input is no request with a key.")
        yield row
    if not number:
        raise Refused("The input has no requests.")


def stamp(at: float) -> str:
    """RFC 3339 with nanoseconds, as the service writes it."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z"
