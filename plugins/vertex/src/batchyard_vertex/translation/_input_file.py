"""Batch files of OpenAI's on their way to Vertex AI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from batchyard.effects import Source
from batchyard.errors import InvalidLinesError, LineProblem
from batchyard.lines import decode_input, split
from batchyard.steps import spooled
from batchyard_vertex.translation._importer import Importer
from batchyard_vertex._jobs import ENDPOINTS
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._row_ids import Entry, row_id
from batchyard_vertex.translation._chat import gemini_request

__all__ = ["LABEL", "SIBLING", "Translated", "translated"]

LABEL = "batchyard_id"
"""The label that brings a row's id back: labels are echoed with the request, always."""

SIBLING = "custom_id"
"""The key beside ``request`` that brings it back where the service echoes such keys."""

MAX_PROBLEMS = 1000

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Translated:
    """A file for Vertex AI.

    ``ids`` has an entry for each request of the original, in its order; ``model``
    is the one that they name; ``left_out`` counts those that were refused.
    """

    source: Source
    ids: bytes
    model: str
    endpoint: str
    lines: int
    left_out: int


def translated(source: Source, models: Mapping[str, str]) -> Translated:
    """Translate a whole file, to a temporary one.  Blocks.

    Raises :class:`InvalidLinesError` with the lines that cannot be carried.
    """
    translator = _Translator(models)
    spool = spooled(translator.run(source))
    translator.finish()
    return Translated(
        spool,
        b"".join(translator.ids),
        translator.model or "",
        translator.endpoint or "",
        len(translator.ids),
        translator.left_out,
    )


class _Translator:
    def __init__(self, models: Mapping[str, str]) -> None:
        self.ids: list[bytes] = []
        self.left_out = 0
        self.model: str | None = None
        self.endpoint: str | None = None
        self._models = models
        self._importer = Importer()
        self._seen: set[str] = set()
        self._problems: list[LineProblem] = []
        self._rows: list[tuple[int, RowRefusedError]] = []
        self._count = 0

    def run(self, source: Source) -> Iterator[bytes]:
        for number, (_, _, data) in enumerate(split(source.chunks()), 1):
            if data is not None and not data.strip():
                continue
            try:
                line = self._line(data, number)
            except LineRefusedError as refused:
                self._tell(number, refused)
                continue
            if line is not None:
                yield line

    def finish(self) -> None:
        if not self.ids and not self._count:
            self._tell(0, LineRefusedError("The file has no requests.", code="empty_file"))
        elif self.left_out and self.left_out == len(self.ids):
            # there would be nothing to send
            for number, refused in self._rows:
                message, param = refused.error["message"], refused.error["param"]
                self._tell(number, LineRefusedError(message, param, "invalid_request"))
            self._count = self.left_out
        if self._count:
            raise InvalidLinesError(self._problems, self._count)

    def _line(self, data: bytes | None, number: int) -> bytes | None:
        """The line for Vertex AI; ``None`` for one that is left out."""
        if data is None:
            raise LineRefusedError("This line is too long.", code="line_too_long")
        try:
            given = decode_input(data)
            body = given.request
        except msgspec.DecodeError as error:
            message = f"This line is not a request ({error})."
            raise LineRefusedError(message, code="invalid_json_line") from None
        if given.custom_id in self._seen:
            message = "The custom_id occurs before in this file."
            raise LineRefusedError(message, "custom_id", "duplicate_custom_id")
        self._seen.add(given.custom_id)
        self._agree(given.url, body.get("model"))
        short = row_id(len(self.ids) + 1)
        try:
            request = gemini_request(body, self._models.get(self.model or "", self.model or ""))
        except RowRefusedError as refused:
            self.ids.append(Entry(given.custom_id, refused.error).encoded())
            self.left_out += 1
            if len(self._rows) < MAX_PROBLEMS:
                self._rows.append((number, refused))
            return None
        line = {SIBLING: short, "request": {**request, "labels": {LABEL: short}}}
        self._importer.check(line, number)
        self.ids.append(Entry(given.custom_id).encoded())
        return _encode(line) + b"\n"

    def _agree(self, url: str, model: object) -> None:
        """A job has one model and one kind of request."""
        if url not in ENDPOINTS:
            taken = " and ".join(ENDPOINTS)
            raise LineRefusedError(f"`url` is {url}. Vertex takes {taken}.", "url", "invalid_url")
        if not isinstance(model, str) or not model:
            message = "`body.model` is missing. Name the model."
            raise LineRefusedError(message, "body.model", "invalid_request")
        self.model, self.endpoint = self.model or model, self.endpoint or url
        if model != self.model:
            message = f"`body.model` is {model!r}, and that of the first line {self.model!r}."
            raise LineRefusedError(message, "body.model", "mismatched_model")

    def _tell(self, number: int, refused: LineRefusedError) -> None:
        self._count += 1
        if self._count <= MAX_PROBLEMS:
            problem = LineProblem(number, refused.code, refused.message, refused.param)
            self._problems.append(problem)
