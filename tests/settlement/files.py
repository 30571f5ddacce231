"""Files to settle, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchyard.ledger.settlement import (
    FilePaths,
    JobFiles,
    ResultContent,
    Row,
    Settled,
    SettleTask,
    Written,
    settle,
)
from batchyard.lines import LineIndexWriter, ResultLine, decode_input, split
from batchyard.models import BatchError, Usage
from batchyard.steps.openai_wire import usage_reader

MODEL = "m-1"
CREATED = 1_790_000_000


def request(custom_id: str, **body: Any) -> bytes:
    line = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": []} | body,
    }
    return json.dumps(line).encode()


def answer(custom_id: str, given: int = 10, made: int = 5, **body: Any) -> bytes:
    """A chat completion."""
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    return row(
        custom_id,
        {"model": MODEL, "created": CREATED, "choices": [], "usage": usage} | body,
    )


def row(custom_id: str, body: Any, status: int = 200, error: Any = None) -> bytes:
    response = {"status_code": status, "request_id": "r", "body": body}
    return line_of(custom_id, response, error)


def line_of(custom_id: str, response: Any, error: Any) -> bytes:
    whole = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}
    return json.dumps(whole).encode()


def not_run(custom_id: str, code: str = "batch_expired") -> bytes:
    return line_of(custom_id, None, {"code": code, "message": "not run"})


@dataclass
class Outcome:
    """A settlement, and its files as they are read."""

    settled: Settled
    output: list[Row]
    errors: list[Row]
    strays: list[bytes]
    task: SettleTask

    @property
    def outcomes(self) -> dict[str, int]:
        return {str(one): count for one, count in self.settled.proof.outcomes.items()}

    @property
    def rows(self) -> list[Row]:
        return sorted([*self.output, *self.errors], key=lambda one: one.number)

    @property
    def ids(self) -> list[str]:
        """The ids of all rows, in the order of the input."""
        return [json.loads(one.data)["custom_id"] for one in self.rows]

    def reason(self, number: int) -> dict[str, Any]:
        """The error of the row of that number."""
        data = next(one.data for one in self.errors if one.number == number)
        error: dict[str, Any] = json.loads(data)["error"]
        return error


class Desk:
    """A folder in which batches are settled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.read: Callable[[ResultLine], Usage] = usage_reader("/v1/chat/completions")

    def file(self, lines: Iterable[bytes] | bytes | None) -> Path | None:
        if lines is None:
            return None
        self._count += 1
        path = self._folder / f"{self._count}.jsonl"
        data = lines if isinstance(lines, bytes) else b"".join(one + b"\n" for one in lines)
        path.write_bytes(data)
        return path

    def index(self, path: Path) -> Path:
        """What an upload leaves beside the file."""
        index = path.with_suffix(".index")
        with path.open("rb") as file, LineIndexWriter(index) as writer:
            for offset, length, data in split(file):
                if data:
                    writer.add(decode_input(data).custom_id, offset, length)
            writer.finish()
        return index

    def job(
        self,
        *results: Iterable[bytes] | bytes,
        name: str = "job-1",
        status: str = "completed",
        errors: Iterable[dict[str, Any]] = (),
        models: tuple[str, ...] = ("m",),
        sent: Path | None = None,
        carries: Iterable[str] | None = None,
    ) -> JobFiles:
        index = None
        if carries is not None:
            part = self.file([request(one) for one in carries])
            assert part
            index = self.index(part)
        paths = tuple(path for one in results if (path := self.file(one)))
        told = tuple(BatchError.model_validate(one) for one in errors)
        return JobFiles(name, models, status, told, paths, sent, index)

    def task(
        self,
        requests: Iterable[bytes] | bytes | None,
        *jobs: JobFiles,
        refusals: Iterable[bytes] | None = None,
        indexed: bool = True,
        digests: bool = False,
    ) -> SettleTask:
        self._count += 1
        folder = self._folder / f"settled-{self._count}"
        scratch = folder / "scratch"
        scratch.mkdir(parents=True)
        source = self.file(requests)
        return SettleTask(
            self.read,
            jobs,
            FilePaths(folder / "output.jsonl", folder / "output.offsets"),
            FilePaths(folder / "errors.jsonl", folder / "errors.offsets"),
            scratch,
            source,
            self.index(source) if source and indexed else None,
            self.file(refusals),
            folder / "strays.jsonl",
            digests,
        )

    def settle(
        self, requests: Iterable[bytes] | bytes | None, *jobs: JobFiles, **more: Any
    ) -> Outcome:
        task = self.task(requests, *jobs, **more)
        return self.outcome(task, settle(task))

    def outcome(self, task: SettleTask, settled: Settled) -> Outcome:
        assert task.strays
        found = Outcome(
            settled,
            rows_of(task.output, settled.output),
            rows_of(task.errors, settled.errors),
            task.strays.read_bytes().splitlines(),
            task,
        )
        proof = settled.proof
        assert all(one.outcome == "ok" for one in found.output)
        assert all(one.outcome != "ok" for one in found.errors)
        assert sum(proof.outcomes.values()) == len(found.rows)
        assert proof.lines in {None, len(found.rows)}
        assert [one.number for one in found.rows] == list(range(1, len(found.rows) + 1))
        return found


def rows_of(paths: FilePaths, written: Written) -> list[Row]:
    """The file's rows, which are as many as was said; without any there is no file."""
    if not written.lines:
        assert written.bytes == 0
        assert not paths.content.exists()
        assert not paths.offsets.exists()
        return []
    with opened(paths) as content:
        assert (content.size, content.lines) == (written.bytes, written.lines)
        assert content.size == paths.content.stat().st_size
        return list(content.rows())


@contextmanager
def opened(paths: FilePaths) -> Iterator[ResultContent]:
    with ResultContent(paths.content, paths.offsets) as content:
        yield content
