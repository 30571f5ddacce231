"""What gates take and return, and what engines are made with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["EngineContext", "GateLine", "Verdict"]


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
class EngineContext:
    """What an engine is made with.

    ``url`` is the ledger's database (``sqlite:////…`` or ``postgresql://…``, with
    its password), ``name`` what this process is called among those that share it,
    ``concurrency`` how many ids it may advance at a time.  Without ``migrate`` the
    engine leaves the database as it is, and whoever runs it prepares it by command.
    """

    url: str = field(repr=False)
    name: str
    concurrency: int = 50
    migrate: bool = True
