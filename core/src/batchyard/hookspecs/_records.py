"""What gates take and return, and what engines are made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from batchyard.models import Identity

__all__ = ["Admission", "EngineContext", "Forecast", "GateLine", "Reservation", "Verdict"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a batch is estimated to use and to cost, in US dollars; ``None`` is *unknown*.

    ``low`` is the input alone.  ``priced`` is the expected cost of what has a
    price, and ``unpriced`` names the models that have none.
    """

    low: Decimal | None
    expected: Decimal | None
    high: Decimal | None
    priced: Decimal | None
    unpriced: tuple[str, ...]
    input_tokens: int | None


class Admission(Protocol):
    """Who asks for a batch, and what it would come to.

    ``account`` is where it would run, ``at`` the Unix time.
    """

    @property
    def identity(self) -> Identity: ...

    @property
    def account(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def at(self) -> float: ...

    def forecast(self, output_tokens: int) -> Forecast:
        """An estimate from a sample of the lines, which blocks for about a second at most.

        *output_tokens* is how long an answer is expected to be, where its line
        allows as much.
        """
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """US dollars to be kept of a budget for a batch, as long as they are there.

    ``budget`` is its name, ``limit`` what it has; what batches created ``since``
    that Unix time have cost, or have reserved, counts against it.
    """

    budget: str
    amount: Decimal
    limit: Decimal
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class GateLine:
    """An input line as a gate sees it.  ``line`` counts from 1; ``data`` is its JSON."""

    line: int
    custom_id: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate decides.  Use :meth:`keep`, :meth:`rewrite` or :meth:`refuse`.

    ``changes`` says what was rewritten, and how often, for the file's report.
    ``reservations`` are for a batch that is kept.
    """

    action: Literal["keep", "rewrite", "refuse"]
    data: bytes | None = field(default=None, repr=False)
    code: str | None = None
    message: str | None = None
    param: str | None = None
    changes: Mapping[str, int] = field(default_factory=dict, hash=False)
    reservations: tuple[Reservation, ...] = ()

    @classmethod
    def keep(cls, *reservations: Reservation) -> Verdict:
        """As it is; a batch, if all of the reservations can be made."""
        return cls("keep", reservations=reservations)

    @classmethod
    def rewrite(cls, data: bytes, changes: Mapping[str, int] | None = None) -> Verdict:
        """The line with other JSON; its ``custom_id`` must stay."""
        return cls("rewrite", data, changes=changes or {})

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
