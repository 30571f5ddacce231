"""The rows that a job leaves in the bucket, in whichever objects."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from batchyard.emulators import Quirks
from batchyard.emulators.openai_wire._prompts import PrefixCache
from batchyard_vertex.emulator._embeddings import embedding, legacy_predictions
from batchyard_vertex.emulator._gemini import RowFailedError, answer
from batchyard_vertex.emulator._importer import Imported
from batchyard_vertex.emulator._models import Kind
from batchyard_vertex.emulator._objects import Objects, rfc3339
from batchyard_vertex.emulator._partners import claude_message, open_completion

__all__ = ["Output", "Work", "written"]

_INTEGER = re.compile(r"-?\d{1,18}")
_FLOAT = re.compile(r"-?\d{1,15}\.\d{1,15}")
_PROVISIONING = (
    "Service agents are being provisioned (https://cloud.google.com/vertex-ai/docs/general/"
    "access-control#service-agents). Service agents are needed to read the Cloud Storage file "
    "provided. So please try again in a few minutes."
)


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: rows of a kind for a model, ended at a time, into a folder."""

    kind: Kind
    model: str
    rows: Imported
    at: float
    directory: str
    seed: str


@dataclass(slots=True)
class Output:
    """What came of it."""

    succeeded: int = 0
    failed: int = 0
    lines: list[str] = field(default_factory=list)


def written(work: Work, objects: Objects, quirks: Quirks) -> Output:
    """Answer every row, and put the answers into the bucket in an order of their own."""
    output = _Answers(work, quirks).all()
    chance = random.Random(f"{work.seed}:order")  # noqa: S311 - repeatable
    chance.shuffle(output.lines)
    output.lines = list(_spoilt(output.lines, quirks))
    _put(work, output.lines, objects, quirks)
    return output


def _spoilt(lines: list[str], quirks: Quirks) -> Iterator[str]:
    yield from lines[int(quirks.value("missing-rows")) :]
    yield from lines[: int(quirks.value("duplicate-rows"))]
    for number in range(int(quirks.value("torn-rows"))):
        # neither JSON, nor anything that says whose it is
        yield f'{{"status": "", "request": {{"contents": [{number}\n'


def _put(work: Work, lines: list[str], objects: Objects, quirks: Quirks) -> None:
    shards = max(1, int(quirks.value("shards")))
    listed = work.at + quirks.value("late-objects")
    bucket, _, folder = work.directory.removeprefix("gs://").partition("/")

    def put(name: str, text: str, visible_at: float) -> None:
        writer = objects.store.writer()
        writer.write(text.encode())
        objects.put(bucket, f"{folder}/{name}", writer.commit(), at=work.at, visible_at=visible_at)

    for number in range(shards):
        is_last = number == shards - 1
        late = quirks.value("late-shard") if is_last and shards > 1 else 0.0
        name = _shard(shards - number, shards, named="shard-names" in quirks)
        put(name, "".join(lines[number::shards]), listed + late)
    if "empty-shard" in quirks:
        put(_shard(shards + 1, shards + 1, named="shard-names" in quirks), "", listed)
    if "error-stats" in quirks:
        put("prediction.errors_stats-00000-of-00001", '{"errors": 0}\n', listed)


def _shard(number: int, shards: int, *, named: bool) -> str:
    if named:
        return f"prediction.results-{number - 1:05d}-of-{shards:05d}"
    return "predictions.jsonl" if shards == 1 else f"predictions_{number:04d}.jsonl"


class _Answers:
    def __init__(self, work: Work, quirks: Quirks) -> None:
        self._work = work
        self._quirks = quirks
        self._cache = PrefixCache()
        self._every = int(quirks.value("flaky-rows"))

    def all(self) -> Output:
        output = Output()
        for number, row in enumerate(self._work.rows, 1):
            answered = self._row(row, number)
            failed = bool(answered.get("status"))
            output.failed += failed
            output.succeeded += not failed
            output.lines.append(json.dumps(answered) + "\n")
        return output

    def _row(self, row: dict[str, Any], number: int) -> dict[str, Any]:
        # by its place too: two rows that ask the same have answers of their own
        chance = random.Random(f"{self._work.seed}:{number}")  # noqa: S311 - repeatable
        status: str = ""
        try:
            self._fail(number)
            made = self._answer(row, chance)
        except RowFailedError as error:
            status, made = error.text, None
        return self._shown(row, status, made)

    def _fail(self, number: int) -> None:
        if "agent-provisioning" in self._quirks:
            raise RowFailedError(400, "Bad Request", _PROVISIONING, "FAILED_PRECONDITION")
        if "all-rows-fail" in self._quirks:
            message = "Please use a valid role: user, model."
            raise RowFailedError(400, "Bad Request", message, "INVALID_ARGUMENT")
        if self._every and number % self._every == 0:
            message = "Resource exhausted. Please try again later."
            raise RowFailedError(429, "Too Many Requests", message, "RESOURCE_EXHAUSTED")

    def _answer(self, row: dict[str, Any], chance: random.Random) -> Any:
        work = self._work
        match work.kind:
            case Kind.EMBEDDING:
                return self._counted(embedding(row["request"], chance, self._quirks))
            case Kind.LEGACY_EMBEDDING:
                return legacy_predictions(row, chance)
            case Kind.CLAUDE:
                return claude_message(row["request"], work.model, chance)
            case Kind.OPEN:
                return open_completion(row["body"], work.model, chance)
            case _:
                return self._generated(row["request"], chance)

    def _generated(self, request: dict[str, Any], chance: random.Random) -> dict[str, Any]:
        response = answer(request, self._work.model, chance, self._cache)
        response["createTime"] = rfc3339(self._work.at)
        response["responseId"] = f"{chance.getrandbits(96):024x}"
        if "no-model-version" not in self._quirks:
            response["modelVersion"] = f"{self._work.model}@default"
        if "citations" in self._quirks:
            for one in response.get("candidates", ()):
                source = {"startIndex": 0, "endIndex": 4, "uri": "https://example.com/a"}
                one["citationMetadata"] = {"citations": [source]}
        return self._counted(response)

    def _counted(self, response: dict[str, Any]) -> dict[str, Any]:
        if "no-usage" in self._quirks:
            response.pop("usageMetadata", None)
        elif "no-total" in self._quirks:
            response.get("usageMetadata", {}).pop("totalTokenCount", None)
        return response

    def _shown(self, row: dict[str, Any], status: str, made: Any) -> dict[str, Any]:
        if self._work.kind is Kind.LEGACY_EMBEDDING:
            predictions = {"predictions": made} if made else {}
            return {"instance": {"content": row.get("content")}, **predictions, "status": status}
        given = {"request", "body", "method", "url"}
        siblings = {key: _retyped(one) for key, one in row.items() if key not in given}
        if "no-sibling-echo" in self._quirks and self._work.kind is Kind.GEMINI:
            siblings = {}
        times = rfc3339(self._work.at).replace("Z", "+00:00")
        shown = {**siblings, "status": status, "processed_time": times}
        if "request" in row:
            labelled = "no-label-echo" not in self._quirks
            shown["request"] = _reserialised(row["request"], labelled=labelled)
        return {**shown, "response": made or {}}


def _retyped(value: Any) -> Any:
    """What the importer makes of a text that looks like a number, a truth or a day."""
    if not isinstance(value, str):
        return value
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value):
        return float(value)
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    try:
        return f"{date.fromisoformat(value).isoformat()}T00:00:00Z"
    except ValueError:
        return value


def _reserialised(request: dict[str, Any], *, labelled: bool) -> dict[str, Any]:
    """The request as it comes back: members in another order, and with nulls."""
    echoed = {key: request[key] for key in sorted(request) if labelled or key != "labels"}
    if isinstance(request.get("contents"), list):
        echoed["contents"] = [
            {
                "parts": [
                    {"fileData": None, "text": None, **part} for part in content.get("parts") or []
                ],
                "role": content.get("role"),
            }
            for content in request["contents"]
        ]
    return echoed
