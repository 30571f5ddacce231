"""What gates and price sources take and return."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

__all__ = ["GateLine", "Rates", "Verdict"]


@dataclass(frozen=True, slots=True)
class GateLine:
    """An input line as a gate sees it.  ``line`` counts from 1; ``data`` is its JSON."""

    line: int
    custom_id: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate decides.  Use :meth:`keep`, :meth:`rewrite` or :meth:`refuse`."""

    action: Literal["keep", "rewrite", "refuse"]
    data: bytes | None = field(default=None, repr=False)
    code: str | None = None
    message: str | None = None
    param: str | None = None

    @classmethod
    def keep(cls) -> Verdict:
        return cls("keep")

    @classmethod
    def rewrite(cls, data: bytes) -> Verdict:
        """The line with other JSON; its ``custom_id`` must stay."""
        return cls("rewrite", data)

    @classmethod
    def refuse(cls, code: str, message: str, param: str | None = None) -> Verdict:
        return cls("refuse", None, code, message, param)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens.  ``None`` is *unknown*; ``source`` is their origin."""

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    source: str = ""
