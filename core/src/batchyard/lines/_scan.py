"""One pass over the lines of an input file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol, TypeVar

from batchyard.errors import LineProblem
from batchyard.lines._faults import Fault, examine
from batchyard.lines._plain import PlainLines
from batchyard.lines._split import MAX_LINE, Piece, is_blank, lines_in

__all__ = ["MAX_PROBLEMS", "IdSink", "Scan"]

MAX_PROBLEMS = 1000
"""Problems told in detail."""
MAX_DISTINCT = 1000
"""Endpoints, and models, that are counted one by one."""

K = TypeVar("K")


class IdSink(Protocol):
    """Takes the ids of a file: one line's, or those of all the lines in *data*."""

    def add(self, custom_id: str, offset: int, length: int) -> None: ...

    def add_all(self, custom_ids: list[str], data: bytes, offset: int) -> None: ...


class Scan:
    """Counts the lines and finds what is wrong with them, but for ids that occur twice."""

    def __init__(
        self, endpoints: tuple[str, ...] | None, models: Collection[str] | None, ids: IdSink
    ) -> None:
        self.lines = 0
        self.endpoints: dict[str, int] = {}
        self.models: dict[str | None, int] = {}
        self.problems: list[LineProblem] = []
        self.problem_count = 0
        self._allowed_endpoints = endpoints
        self._allowed_models = models
        self._ids = ids
        self._number = 0
        self._endpoint: str | None = None
        self._endpoint_line = 0
        self._plain: PlainLines | None = None

    def run(self, pieces: Iterable[Piece]) -> None:
        """What is not plainly right is looked at closely, line by line."""
        for offset, length, data in pieces:
            if data is None:
                self._look_closely(offset, length, None)
            elif not self._take(data, offset):
                for place, size, line in lines_in(data, offset):
                    if not (line and self._take(line, place)):
                        self._look_closely(place, size, line)

    def _take(self, data: bytes, offset: int) -> bool:
        """Take all the lines in *data*, if they are plainly right."""
        taken = self._plain.take(data) if self._plain is not None else None
        if taken is None or self._plain is None:
            return False
        custom_ids, models = taken
        self._number += len(custom_ids)
        self.lines += len(custom_ids)
        self.endpoints[self._plain.url] += len(custom_ids)
        for model, count in models.items():
            self.models[model] += count
        self._ids.add_all(custom_ids, data, offset)
        return True

    def _look_closely(self, offset: int, length: int, data: bytes | None) -> None:
        self._number += 1
        if is_blank(data):
            return
        self.lines += 1
        if data is None:
            self._tell(_too_long(length))
            return
        fields = examine(data)
        if fields.url is not None:
            fields.faults.extend(self._url_faults(fields.url))
            _count(self.endpoints, fields.url)
        if fields.model is not None:
            fields.faults.extend(self._model_faults(fields.model))
        for fault in fields.faults:
            self._tell(fault)
        if fields.model is not None or not fields.faults:
            _count(self.models, fields.model)
        if fields.url is not None and not fields.faults:
            self._allow(fields.url, fields.model)
        if fields.custom_id:
            self._ids.add(fields.custom_id, offset, length)

    def _allow(self, url: str, model: str | None) -> None:
        """Lines like this one are plainly right from now on, if they can be counted."""
        if url not in self.endpoints or model not in self.models:
            return
        if self._plain is None:
            # the url is the endpoint of the file, or there would be a fault
            self._plain = PlainLines(url, model)
        else:
            self._plain.allow(model)

    def _url_faults(self, url: str) -> Iterator[Fault]:
        if self._endpoint is None:
            self._endpoint = url
            self._endpoint_line = self._number
        if self._allowed_endpoints is not None and url not in self._allowed_endpoints:
            taken = " and ".join(self._allowed_endpoints)
            message = f"`url` is {url}. The provider takes {taken} in batches."
            yield Fault("invalid_url", message, "url")
        elif url != self._endpoint:
            message = (
                f"`url` is {url}, and that of line {self._endpoint_line} is {self._endpoint}. "
                "Put requests to another endpoint into a file of their own."
            )
            yield Fault("invalid_url", message, "url")

    def _model_faults(self, model: str) -> Iterator[Fault]:
        allowed = self._allowed_models
        if allowed is None or model in allowed:
            return
        names = sorted(allowed)
        shown = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
        message = f"`body.model` is {model!r}, which is not allowed here. Use one of: {shown}."
        yield Fault("model_not_found", message, "body.model")

    def _tell(self, fault: Fault) -> None:
        self.problem_count += 1
        if self.problem_count <= MAX_PROBLEMS:
            self.problems.append(LineProblem(self._number, *fault))


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
