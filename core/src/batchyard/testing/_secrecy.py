"""Looking for secrets where none may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretBytes, SecretStr

if TYPE_CHECKING:
    import pytest

__all__ = ["PIECE", "check_logs", "check_text", "secrets_in", "texts_of"]

PIECE = 12
"""As many characters of a secret in a row are found, however the text was cut."""


def secrets_in(value: object) -> Iterator[str]:
    """The secret values in settings, however deep."""
    match value:
        case SecretStr():
            yield value.get_secret_value()
        case SecretBytes():
            yield value.get_secret_value().decode(errors="replace")
        case BaseModel():
            for name in type(value).model_fields:
                yield from secrets_in(getattr(value, name))
        case Mapping():
            for one in value.values():
                yield from secrets_in(one)
        case list() | tuple() | set() | frozenset():
            for one in value:
                yield from secrets_in(one)
        case _:
            return


def check_text(where: str, text: str, secrets: Sequence[str]) -> None:
    """Refuse a text that shows a secret, or a good part of one."""
    for secret in secrets:
        starts = range(max(1, len(secret) - PIECE + 1))
        if any(secret[start : start + PIECE] in text for start in starts):
            raise AssertionError(f"{where} shows a secret: {text[:1000]}")


def check_logs(caplog: pytest.LogCaptureFixture, secrets: Sequence[str]) -> None:
    """Refuse log records, tracebacks and arguments included, that show a secret."""
    check_text("a log record", caplog.text, secrets)
    for record in caplog.records:
        check_text("a log record", repr(vars(record)), secrets)


def texts_of(error: BaseException) -> Iterator[str]:
    """All that an error and the errors behind it say of themselves."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield f"{one!s} {one!r} {one.args!r} {vars(one)!r} {getattr(one, '__notes__', '')!r}"
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
