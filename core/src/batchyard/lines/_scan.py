"""One pass over the lines of an input file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec

from batchyard.errors import LineProblem
from batchyard.lines._faults import Fault, examine
from batchyard.lines._split import MAX_LINE, RawLine, is_blank

__all__ = ["MAX_PROBLEMS", "AddId", "Scan"]

MAX_PROBLEMS = 1000
"""Problems told in detail."""
MAX_DISTINCT = 1000
"""Endpoints, and models, that are counted one by one."""

K = TypeVar("K")
AddId = Callable[[str, int, int], None]
"""Takes the ``custom_id``, the offset and the length of a line."""


class _Body(msgspec.Struct, gc=False):
    model: str | None = None
    stream: bool | None = None


class _Head(msgspec.Struct, gc=False):
    custom_id: str
    method: str
    url: str
    body: _Body


_decode = msgspec.json.Decoder(_Head).decode


class Scan:
    """Counts the lines and finds what is wrong with them, but for ids that occur twice."""

    def __init__(self, endpoints: tuple[str, ...] | None, add_id: AddId) -> None:
        self.lines = 0
        self.endpoints: dict[str, int] = {}
        self.models: dict[str | None, int] = {}
        self.problems: list[LineProblem] = []
        self.problem_count = 0
        self._allowed = endpoints
        self._add_id = add_id
        self._endpoint: str | None = None
        self._endpoint_line = 0
        self._plain_url: str | None = None

    def run(self, lines: Iterable[RawLine]) -> None:
        models = self.models
        add_id = self._add_id
        plain = 0
        for number, (offset, length, data) in enumerate(lines, 1):
            try:
                head = _decode(data or b"")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._look_closely(number, offset, length, data)
                continue
            body = head.body
            if (
                head.url == self._plain_url
                and body.model in models
                and not body.stream
                and head.method == "POST"
                and head.custom_id
                and data
                and (data.isascii() or _is_utf8(data))
            ):
                plain += 1
                models[body.model] += 1
                add_id(head.custom_id, offset, length)
            else:
                self._look_closely(number, offset, length, data)
        self.lines += plain
        if self._plain_url is not None:
            self.endpoints[self._plain_url] += plain

    def _look_closely(self, number: int, offset: int, length: int, data: bytes | None) -> None:
        if is_blank(data):
            return
        self.lines += 1
        if data is None:
            self._tell(number, _too_long(length))
            return
        fields = examine(data, _decode)
        faults = fields.faults
        if fields.url is not None:
            faults.extend(self._url_faults(number, fields.url))
            _count(self.endpoints, fields.url)
        for fault in faults:
            self._tell(number, fault)
        if fields.model is not None or not faults:
            _count(self.models, fields.model)
        if not faults:
            # and so it is the endpoint of the file
            self._plain_url = fields.url
        if fields.custom_id:
            self._add_id(fields.custom_id, offset, length)

    def _url_faults(self, number: int, url: str) -> Iterator[Fault]:
        if self._endpoint is None:
            self._endpoint = url
            self._endpoint_line = number
        if self._allowed is not None and url not in self._allowed:
            message = (
                f"`url` is {url}. The provider takes {' and '.join(self._allowed)} in batches."
            )
            yield Fault("invalid_url", message, "url")
        elif url != self._endpoint:
            message = (
                f"`url` is {url}, and that of line {self._endpoint_line} is {self._endpoint}. "
                "Put requests to another endpoint into a file of their own."
            )
            yield Fault("invalid_url", message, "url")

    def _tell(self, number: int, fault: Fault) -> None:
        self.problem_count += 1
        if self.problem_count <= MAX_PROBLEMS:
            self.problems.append(LineProblem(number, *fault))


def _is_utf8(data: bytes) -> bool:
    """The decoder does not look into what it skips."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _too_long(length: int) -> Fault:
    return Fault(
        "line_too_long",
        f"This line has {length} bytes, and {MAX_LINE} are taken. Shorten it: give large media by "
        "their address.",
    )


def _count(counts: dict[K, int], value: K) -> None:
    if value in counts:
        counts[value] += 1
    elif len(counts) < MAX_DISTINCT:
        counts[value] = 1
