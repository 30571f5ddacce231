"""Texts from outside, as every log, terminal and database takes them."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["whole"]

T = TypeVar("T", str, str | None)


def whole(text: T) -> T:
    """Without halves of surrogate pairs: JSON can hold them, and UTF-8 cannot."""
    return text.encode(errors="replace").decode() if text and not text.isascii() else text
