"""Batch files of OpenAI's on their way to Vertex AI."""

from __future__ import annotations

import logging
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from batchyard.effects import Source
from batchyard.errors import InvalidLinesError, LineProblem
from batchyard.lines import split
from batchyard.steps import FileSource, spooled
from batchyard_vertex.translation._choosing import ENDPOINTS, dialect_of
from batchyard_vertex.translation._dialects import Dialect, Given, Prepared
from batchyard_vertex.translation._losses import MOST_FIELDS, LossReport, Notes
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._row_ids import Entry, Head, row_id

__all__ = ["Translated", "translated"]

log = logging.getLogger(__name__)

MAX_PROBLEMS = 1000

TOGETHER = 32
"""Lines written together."""


@dataclass(frozen=True, slots=True)
class Translated:
    """A file for Vertex AI.

    ``ids`` is the map of ids, with an entry for each request of the original, in
    its order; ``model`` is the one that they name; ``left_out`` counts those that
    were refused, ``rows`` the lines of the new file; ``losses`` tells what could
    not be carried.
    """

    source: Source
    ids: Source
    model: str
    endpoint: str
    lines: int
    left_out: int
    rows: int
    losses: LossReport


class _Line(msgspec.Struct, frozen=True, gc=False):
    custom_id: str
    url: str
    body: dict[str, msgspec.Raw]


_decode = msgspec.json.Decoder(_Line).decode
_text = msgspec.json.Decoder(str).decode


def translated(source: Source, options: Options) -> Translated:
    """Translate a whole file, to a temporary one.  Blocks.

    Raises :class:`InvalidLinesError` with the lines that cannot be carried.
    """
    file = tempfile.TemporaryFile(prefix="batchyard-")  # noqa: SIM115 - the map's source owns it
    try:
        translator = _Translator(options, file.write)
        spool = spooled(translator.run(source))
        translator.finish()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    ids = FileSource(file)
    weakref.finalize(ids, file.close)
    _warn(translator.losses, options)
    return Translated(
        spool,
        ids,
        translator.model or "",
        translator.endpoint or "",
        translator.lines,
        translator.left_out,
        translator.rows,
        translator.losses,
    )


def _warn(losses: LossReport, options: Options) -> None:
    if options.lossy != "warn":
        return
    for one in losses.fields():
        if one.kind == "lost":
            log.warning(
                "`%s` cannot be carried to Vertex AI and was left out of %d lines, the first of "
                "them line %d: %s",
                one.field,
                one.count,
                one.lines[0],
                one.reason,
            )
    others = losses.others("lost")
    if others:
        log.warning(
            "%d more losses, of fields beside the first %d, were left out and are not told one by "
            "one",
            others,
            MOST_FIELDS,
        )


class _Translator:
    def __init__(self, options: Options, remember: Callable[[bytes], object]) -> None:
        self.lines = self.left_out = self.rows = 0
        self.model: str | None = None
        self.endpoint: str | None = None
        self.losses = LossReport()
        self._options = options
        self._remember = remember
        self._model_json: msgspec.Raw | bytes = b""
        self._dialect: Dialect | None = None
        self._seen: set[int] = set()
        self._problems: list[LineProblem] = []
        self._refused: list[tuple[int, RowRefusedError]] = []
        self._count = 0

    def run(self, source: Source) -> Iterator[bytes]:
        """The new file, in blocks of some lines."""
        lines: list[bytes] = []
        entries: list[bytes] = []
        for prepared in self._prepared(source):
            lines.append(prepared.lines)
            entries.append(prepared.entry)
            if len(lines) >= TOGETHER:
                self._remember(b"".join(entries))
                yield b"".join(lines)
                lines, entries = [], []
        self._remember(b"".join(entries))
        yield b"".join(lines)

    def _prepared(self, source: Source) -> Iterator[Prepared]:
        """An empty line, with its entry, for one that was left out."""
        for number, (_, _, data) in enumerate(split(source.chunks()), 1):
            if data is not None and not data.strip():
                continue
            notes: Notes = []
            try:
                prepared = self._line(data, number, notes)
            except LineRefusedError as refused:
                self._tell(number, refused)
                continue
            if notes:
                self.losses.add(number, notes)
            self.rows += prepared.rows
            yield prepared

    def finish(self) -> None:
        if not self.lines and not self._count:
            self._tell(0, LineRefusedError("The file has no requests.", code="empty_file"))
        elif self.left_out and self.left_out == self.lines:
            # there would be nothing to send
            for number, refused in self._refused:
                message, param = refused.error["message"], refused.error["param"]
                self._tell(number, LineRefusedError(message, param, "invalid_request"))
            self._count = self.left_out
        if self._count:
            raise InvalidLinesError(self._problems, self._count)

    def _line(self, data: bytes | None, number: int, notes: Notes) -> Prepared:
        if data is None:
            raise LineRefusedError("This line is too long.", code="line_too_long")
        try:
            line = _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"This line is not a request ({error})."
            raise LineRefusedError(message, code="invalid_json_line") from None
        identity = hash(line.custom_id)
        if identity in self._seen:
            message = "The custom_id occurs before in this file."
            raise LineRefusedError(message, "custom_id", "duplicate_custom_id")
        self._seen.add(identity)
        dialect = self._agreed(line)
        self.lines += 1
        try:
            given = Given(line.custom_id, line.body, row_id(self.lines), number)
            prepared = dialect.prepare(given, notes)
        except RowRefusedError as refused:
            return self._left_out(line.custom_id, number, refused)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            message = f"This line is not a request ({error})."
            raise LineRefusedError(message, code="invalid_json_line") from None
        if notes and self._options.lossy == "error":
            _refuse_losses(notes)
        return prepared

    def _left_out(self, custom_id: str, number: int, refused: RowRefusedError) -> Prepared:
        self.left_out += 1
        if len(self._refused) < MAX_PROBLEMS:
            self._refused.append((number, refused))
        return Prepared(b"", Entry(custom_id, about={"error": refused.error}).encoded(), 0)

    def _agreed(self, line: _Line) -> Dialect:
        """A job has one model and one kind of request."""
        model = line.body.get("model")
        if self._dialect is not None and line.url == self.endpoint and model == self._model_json:
            return self._dialect
        if line.url not in ENDPOINTS:
            taken = " and ".join(ENDPOINTS)
            message = f"`url` is {line.url}. Vertex takes {taken}."
            raise LineRefusedError(message, "url", "invalid_url")
        name = _name(model)
        if self._dialect is not None:
            self._agree(line.url, name)
            return self._dialect
        self.model, self.endpoint, self._model_json = name, line.url, model or b""
        resolved = self._options.resolved(name)
        self._dialect = dialect_of(line.url, resolved, self._options)
        # before the entries of its lines, which are remembered together
        self._remember(Head(self._dialect.name, resolved).encoded())
        return self._dialect

    def _agree(self, url: str, model: str) -> None:
        if model != self.model:
            message = f"`body.model` is {model!r}, and that of the first line {self.model!r}."
            raise LineRefusedError(message, "body.model", "mismatched_model")
        if url != self.endpoint:
            message = f"`url` is {url}, and that of the first line {self.endpoint}."
            raise LineRefusedError(message, "url", "invalid_url")

    def _tell(self, number: int, refused: LineRefusedError) -> None:
        self._count += 1
        if self._count <= MAX_PROBLEMS:
            problem = LineProblem(number, refused.code, refused.message, refused.param)
            self._problems.append(problem)


def _name(model: msgspec.Raw | None) -> str:
    try:
        name = _text(model) if model is not None else ""
    except msgspec.DecodeError:
        name = ""
    if not name:
        message = "`body.model` is missing. Name the model."
        raise LineRefusedError(message, "body.model", "invalid_request")
    return name


def _refuse_losses(notes: Notes) -> None:
    for loss in notes:
        if loss.kind == "lost":
            raise LineRefusedError(
                f"`{loss.field}` cannot be carried to Vertex AI: {loss.reason} Remove it, or set "
                "the account's `lossy` to `warn` or `drop` to have it left out.",
                f"body.{loss.field}",
            )
