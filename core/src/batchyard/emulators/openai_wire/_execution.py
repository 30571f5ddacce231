"""What happens to the lines of a batch while it is `in_progress`."""

from __future__ import annotations

import hashlib
import json
import logging
import random
import uuid
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from batchyard.emulators._quirks import Quirks
from batchyard.emulators._store import Blob, BlobWriter
from batchyard.emulators.openai_wire._answers import answer
from batchyard.emulators.openai_wire._bodies import check_body
from batchyard.emulators.openai_wire._dialect import Dialect
from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._models import Model
from batchyard.emulators.openai_wire._prompts import PrefixCache
from batchyard.emulators.openai_wire._quirks import RowQuirks
from batchyard.emulators.openai_wire._rows import Row, Usage

POLICY_MARKER = b"[[flagged]]"
"""A line that contains this breaks the content policy."""

_FLUSH_AT = 1024 * 1024
_LOGGER = logging.getLogger("batchyard.emulators")
_ENCODER = json.JSONEncoder(ensure_ascii=False)
_UNFINISHED = {
    "batch_expired": "This request could not be executed before the completion window expired.",
    "batch_cancelled": "This request was not executed because the batch was cancelled.",
}


@dataclass(frozen=True, slots=True)
class Work:
    """All that running a batch's lines takes."""

    input: Blob
    offsets: array[int]
    endpoint: str
    model: Model
    dialect: Dialect
    quirks: Quirks
    seed: str


@dataclass(frozen=True, slots=True)
class Files:
    """Where result lines go."""

    output: BlobWriter
    errors: BlobWriter


class Execution:
    """Answers lines in an order of its own and appends the results to the two files.

    Everything blocks: it belongs in a worker thread. Memory does not grow with the results.
    """

    def __init__(self, work: Work, files: Files) -> None:
        self._work = work
        self._files = files
        self._cache = PrefixCache()
        self._quirks = RowQuirks(work.quirks)
        self._order = array("L", range(len(work.offsets)))
        random.Random(work.seed).shuffle(self._order)  # noqa: S311 - repeatable
        self._pending = {files.output: bytearray(), files.errors: bytearray()}
        self.total = len(self._order)
        self.done = 0
        self.completed = 0
        self.failed = 0
        self.usage = Usage()

    def advance(self, until: int, when: Callable[[int], float]) -> None:
        """Execute the lines up to position `until`; `when` dates each of them."""
        if until <= self.done:
            return
        with self._work.input.path.open("rb") as file:
            for position in range(self.done, until):
                self._execute(file, position, int(when(position)))
        self.done = until
        self._flush(0)

    def abandon(self, code: str, at: float) -> None:
        """Write off the lines that were not executed."""
        with self._work.input.path.open("rb") as file:
            for position in range(self.done, self.total):
                line, custom_id = self._line(file, position)
                error = {"code": code, "message": _UNFINISHED[code]}
                rng = self._rng(line)
                self._write(self._files.errors, self._row(rng, int(at), custom_id, None, error))
        self.done = self.total
        self._flush(0)

    @property
    def input(self) -> Blob:
        return self._work.input

    def finish(self) -> tuple[Blob, Blob]:
        """The output and the error file, for good. Frees what executing needed."""
        self._order, self._cache = array("L"), PrefixCache()
        return self._files.output.commit(), self._files.errors.commit()

    def _execute(self, file: BinaryIO, position: int, at: int) -> None:
        line, custom_id = self._line(file, position)
        rng = self._rng(line)
        quirk = self._quirks.at(position)
        if quirk == "zero-status-rows":
            response = {"status_code": 0, "request_id": "", "body": ""}
            self._write(self._files.errors, self._row(rng, at, custom_id, response, None))
            self.completed += 1  # the service counts them as good
            return
        if quirk == "blank-rows":
            self._write(self._files.errors, self._row(rng, at, custom_id, None, None))
            self.failed += 1
            return
        status, body, usage = self._answered(line, rng, at, quirk)
        response = {"status_code": status, "request_id": _uuid(rng), "body": body}
        row = self._row(rng, at, custom_id, response, None)
        if status != 200:
            self._write(self._files.errors, row)
            self.failed += 1
            return
        self.completed += 1
        self.usage.add(usage)
        for text in self._quirks.spoiled(quirk, row):
            self._write(self._files.output, text)
        if position == 0 and "stranger-row" in self._work.quirks:
            stranger = self._row(rng, at, f"stranger-{rng.getrandbits(32):08x}", response, None)
            self._write(self._files.output, stranger)

    def _answered(
        self, line: bytes, rng: random.Random, at: int, quirk: str | None
    ) -> tuple[int, dict[str, Any], Usage]:
        work = self._work
        try:
            if quirk == "flaky-rows":
                raise _passing_failure(rng)
            body = msgspec.json.decode(line)["body"]
            check_body(work.endpoint, body, work.model)
            if POLICY_MARKER in line:
                raise work.dialect.policy_error()
            row = Row(body, work.model, rng, at, self._cache)
            result = answer(work.endpoint, row)
            return 200, work.dialect.answer_document(result.body), result.usage
        except ApiError as error:
            return error.status, work.dialect.error_document(error), Usage()
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            # a body of a shape that nobody thought of: that row fails, as it would in a service
            _LOGGER.exception("the emulator could not digest a line")
            crash = ApiError("The server had an error.", status=500, kind="server_error")
            return 500, work.dialect.error_document(crash), Usage()

    def _line(self, file: BinaryIO, position: int) -> tuple[bytes, str]:
        file.seek(self._work.offsets[self._order[position]])
        line = file.readline()
        return line, msgspec.json.decode(line, type=_Identified).custom_id

    def _rng(self, line: bytes) -> random.Random:
        digest = hashlib.blake2b(line, key=self._work.seed.encode()[:64], digest_size=16)
        return random.Random(digest.digest())  # noqa: S311 - the same line gets the same answer

    def _row(
        self,
        rng: random.Random,
        at: int,
        custom_id: str,
        response: dict[str, Any] | None,
        error: dict[str, str] | None,
    ) -> str:
        document = {
            "id": f"batch_req_{at:08x}{rng.getrandbits(96):024x}",
            "custom_id": custom_id,
            "response": response,
            "error": error,
        }
        return _ENCODER.encode(self._work.dialect.row_document(document)) + "\n"

    def _write(self, writer: BlobWriter, row: str) -> None:
        self._pending[writer] += row.encode()
        self._flush(_FLUSH_AT)

    def _flush(self, threshold: int) -> None:
        for writer, pending in self._pending.items():
            if len(pending) > threshold:
                writer.write(pending)
                pending.clear()


class _Identified(msgspec.Struct):
    custom_id: str


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _passing_failure(rng: random.Random) -> ApiError:
    """A failure that another try would not meet."""
    if rng.random() < 0.5:
        return ApiError(
            "Rate limit reached. Please try again later.",
            status=429,
            kind="rate_limit_error",
            code="rate_limit_exceeded",
        )
    return ApiError(
        "The server had an error while processing your request. Sorry about that!",
        status=500,
        kind="server_error",
        code="server_error",
    )
