"""Files of requests on their way: looked through once, and sent as one body."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from batchyard.effects import Source
from batchyard.errors import InputError, InvalidLinesError, LineProblem
from batchyard.lines import is_blank, split
from batchyard.steps import BLOCK
from batchyard_anthropic._ids import is_digest, sent_id
from batchyard_anthropic._lines import Prepared, id_of, prepared
from batchyard_anthropic._settings import Settings
from batchyard_anthropic.translation import LossReport, Options, RefusedError

__all__ = ["Body", "Examined", "body_of", "digests_in", "examined", "options_of"]

log = logging.getLogger(__name__)

MAX_PROBLEMS = 1000

MAX_IDS = 256 * 1024
"""Characters of ids that a file's state may have; beyond them the file itself is looked at."""

BEGIN, END = b'"requests":[', b"]}"


def options_of(settings: Settings) -> Options:
    return Options(settings.max_tokens, settings.thinking)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a file has in it.  ``length`` is that of the body that its batch is created with."""

    requests: int
    endpoint: str
    length: int
    ids: dict[str, str]
    losses: LossReport


def examined(source: Source, settings: Settings) -> Examined:
    """Look through a whole file.  Blocks.

    Raises :class:`InvalidLinesError` with the lines that cannot be carried, and
    :class:`InputError` for a file that no batch takes.
    """
    found = _Examination(settings)
    for number, (_, _, data) in enumerate(split(source.chunks()), 1):
        if is_blank(data):
            continue
        try:
            found.take(number, data)
        except RefusedError as refused:
            found.tell(number, refused)
    result = found.result()
    if settings.lossy == "warn":
        _warn(result.losses)
    return result


@dataclass(slots=True)
class _Examination:
    settings: Settings
    requests: int = 0
    length: int = len(BEGIN) + len(END) + 1
    endpoint: str = ""
    losses: LossReport = field(default_factory=LossReport)
    seen: set[int] = field(default_factory=set)
    ids: dict[str, str] = field(default_factory=dict)
    room: int = MAX_IDS
    problems: list[LineProblem] = field(default_factory=list)
    count: int = 0

    def take(self, number: int, data: bytes | None) -> None:
        if data is None:
            raise RefusedError("This line is too long.", None, "line_too_long")
        found = prepared(data, options_of(self.settings))
        self._agree(found)
        if self.settings.lossy == "error":
            _refuse_losses(found)
        if found.notes:
            self.losses.add(number, found.notes)
        self._remember(found.custom_id)
        self.requests += 1
        self.length += len(found.request) + 1

    def _agree(self, found: Prepared) -> None:
        identity = hash(found.custom_id)
        if identity in self.seen:
            message = "The custom_id occurs before in this file."
            raise RefusedError(message, "custom_id", "duplicate_custom_id")
        self.seen.add(identity)
        self.endpoint = self.endpoint or found.endpoint
        if found.endpoint != self.endpoint:
            message = f"`url` is {found.endpoint}, and that of the first line {self.endpoint}."
            raise RefusedError(message, "url", "invalid_url")

    def _remember(self, custom_id: str) -> None:
        sent = sent_id(custom_id)
        if is_digest(sent) and self.room > 0:
            self.ids[sent] = custom_id
            self.room -= len(sent) + len(custom_id)

    def tell(self, number: int, refused: RefusedError) -> None:
        self.count += 1
        if self.count <= MAX_PROBLEMS:
            problem = LineProblem(number, refused.code, refused.message, refused.param)
            self.problems.append(problem)

    def result(self) -> Examined:
        if not self.requests and not self.count:
            self.tell(0, RefusedError("The file has no requests.", None, "empty_file"))
        if self.count:
            raise InvalidLinesError(self.problems, self.count)
        for name, found, most in (
            ("requests", self.requests, self.settings.max_lines),
            ("bytes", self.length, self.settings.max_bytes),
        ):
            if found > most:
                raise InputError(
                    f"a batch takes {most} {name}, and the file has {found}; split it",
                    param="file",
                )
        ids = self.ids if self.room > 0 else {}
        return Examined(self.requests, self.endpoint, self.length, ids, self.losses)


def _refuse_losses(found: Prepared) -> None:
    for loss in found.notes:
        if loss.kind == "lost":
            raise RefusedError(
                f"`{loss.field}` cannot be carried to Claude: {loss.reason} Remove it, or set the "
                "account's `lossy` to `warn` or `drop` to have it left out.",
                f"body.{loss.field}",
            )


def _warn(losses: LossReport) -> None:
    for one in losses.fields():
        if one.kind == "lost":
            log.warning(
                "`%s` cannot be carried to Claude and was left out of %d lines, the first of them "
                "line %d: %s",
                one.field,
                one.count,
                one.lines[0],
                one.reason,
            )
    if losses.others:
        log.warning("%d more losses are in fields that are not told one by one", losses.others)


@dataclass(frozen=True, slots=True)
class Body:
    """The JSON that creates a batch: *head* and the file's requests, translated as they pass by."""

    source: Source = field(repr=False)
    options: Options
    head: bytes
    length: int = 0

    def chunks(self) -> Iterator[bytes]:
        block = bytearray(self.head + BEGIN)
        comma = b""
        for _, _, data in split(self.source.chunks()):
            if data is None or is_blank(data):
                continue
            block += comma + prepared(data, self.options).request
            comma = b","
            if len(block) >= BLOCK:
                yield bytes(block)
                block.clear()
        yield bytes(block) + END


def body_of(source: Source, options: Options, head: bytes) -> Body:
    """The body, measured by a first pass.  Blocks."""
    try:
        length = sum(map(len, Body(source, options, head).chunks()))
    except RefusedError as refused:
        # the account's settings may have changed since it was uploaded
        raise InputError(refused.message, param=refused.param) from None
    return Body(source, options, head, length)


def digests_in(source: Source) -> dict[str, str]:
    """The ids of a file that cannot be read back, by what is sent for them.  Blocks."""
    ids = {}
    for _, _, data in split(source.chunks()):
        if data is None or is_blank(data):
            continue
        custom_id = id_of(data)
        if custom_id is not None and is_digest(sent_id(custom_id)):
            ids[sent_id(custom_id)] = custom_id
    return ids
