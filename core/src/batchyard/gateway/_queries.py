"""Values of a query: texts from outside, held against what they may be."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from starlette.requests import Request

from batchyard.errors import InputError
from batchyard.models import PageRequest

__all__ = ["Query"]

LONGEST = 512
"""Characters of a value."""


class Query:
    """The query of a request.  Each value is taken by name; :meth:`end` refuses the rest."""

    def __init__(self, request: Request) -> None:
        self._values = dict(request.query_params)
        self._taken: set[str] = set()

    def text(self, name: str) -> str | None:
        self._taken.add(name)
        value = self._values.get(name)
        if value is None:
            return None
        if len(value) > LONGEST:
            raise self._wrong(name, f"is longer than {LONGEST} characters")
        return value

    def take(self, names: Collection[str]) -> None:
        """Let somebody else read what is called so."""
        self._taken.update(names)

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        # int() takes more than digits, and takes its time for many of them
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise self._wrong(name, f"must be a whole number from {least} to {most:,}")
        number = int(value)
        if not least <= number <= most:
            raise self._wrong(name, f"must be from {least} to {most:,}")
        return number

    def one_of(self, name: str, words: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in words:
            raise self._wrong(name, f"must be one of {', '.join(words)}")
        return value

    def page(self, most: int, *, ordered: bool = False) -> PageRequest:
        """``after`` and ``limit`` and, for files, ``order`` and ``purpose``."""
        order: Literal["asc", "desc"] | None = None
        purpose = None
        if ordered:
            order = "asc" if self.one_of("order", ("asc", "desc")) == "asc" else None
            purpose = self.text("purpose")
        return PageRequest(self.text("after"), self.whole("limit", 1, most), order, purpose)

    def end(self) -> None:
        """Refuse what nobody took: a filter that is not known would be passed over."""
        for name in self._values:
            if name not in self._taken:
                shown = name[:LONGEST]
                raise InputError(
                    f"Unknown parameter: '{shown}'.", code="unknown_parameter", param=shown
                )

    @staticmethod
    def _wrong(name: str, said: str) -> InputError:
        return InputError(f"'{name}' {said}.", code="invalid_value", param=name)
