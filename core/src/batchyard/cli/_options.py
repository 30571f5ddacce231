"""Options that many commands have."""

from __future__ import annotations

import functools
import logging
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from batchyard.cli._failures import DEBUG, JSON

if TYPE_CHECKING:
    from batchyard.client import Client
    from batchyard.models import Identity

__all__ = [
    "Where",
    "debug_option",
    "json_option",
    "logs",
    "metadata_option",
    "with_account",
    "with_account_and_ledger",
    "with_client",
    "with_ledger",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Where:
    """The account and the ledger that a command is to talk to, as the user named them.

    ``ledger`` is an address; ``None`` is as configured, ``False`` none.
    """

    account: str | None = None
    config: Path | None = None
    ledger: str | bool | None = None

    def client(self, who: Identity | None = None) -> Client:
        """The account's client; for an owner, one that sees no other's files and batches."""
        from batchyard.client import Client

        return Client(
            self.account,
            config_file=self.config,
            ledger=self.ledger,
            owner=(who and who.owner) or None,
            team=who.team if who else None,
            tags=who.tags if who else (),
        )

    def __str__(self) -> str:
        """The options, to be typed again; an address may have a password in it."""
        parts = [("--account", self.account), ("--config", self.config)]
        if isinstance(self.ledger, str):
            scheme, found, _ = self.ledger.partition("://")
            hidden = f"{scheme}://…" if found and "@" in self.ledger else self.ledger
            parts.append(("--ledger", hidden))
        typed = "".join(f" {name} {shlex.quote(str(value))}" for name, value in parts if value)
        return f"{typed} --no-ledger" if self.ledger is False else typed


def _remember_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.meta.get(DEBUG):
        ctx.meta[DEBUG] = True
        ctx.find_root().with_resource(logs())


@contextmanager
def logs(
    level: int = logging.DEBUG, style: str = "%(levelname)s %(name)s: %(message)s"
) -> Iterator[None]:
    """What is logged from *level* on goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(style))
    # no more than our own: HTTP libraries log what they send
    logger = logging.getLogger("batchyard")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(level, before or level))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _remember_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    if value:
        ctx.meta[JSON] = True
    return value


debug_option = click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_remember_debug,
    help="Show logs, and the traceback of an error.",
)

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    callback=_remember_json,
    help="Print JSON; an error too, on standard error.",
)


_account = click.option(
    "--account",
    "--provider",
    "account",
    metavar="NAME",
    help="An account of the configuration, or a provider.",
)

_config = click.option(
    "--config",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The configuration, in place of batchyard.toml.",
)

_ledger = click.option(
    "--ledger",
    metavar="URL",
    help="A path, sqlite:///PATH or postgresql://…, in place of the configured ledger.",
)

_no_ledger = click.option(
    "--no-ledger", is_flag=True, help="Ask the provider itself, whatever is configured."
)


def with_account(function: F) -> F:
    """``--account`` and ``--config``, which arrive as ``where``."""
    return _account(_config(_taking_where(function)))


def with_client(function: F) -> F:
    """Those, and ``--ledger`` or ``--no-ledger``: for what works with a ledger and without."""
    return _account(_config(_ledger(_no_ledger(_taking_where(function)))))


def with_ledger(function: F) -> F:
    """``--ledger`` and ``--config``: for what is about the ledger alone."""
    return _ledger(_config(_taking_where(function)))


def with_account_and_ledger(function: F) -> F:
    """Those, and ``--account``: for what brings the two together."""
    return _account(_ledger(_config(_taking_where(function))))


def _taking_where(function: F) -> F:
    @functools.wraps(function)
    def called(
        *args: Any,
        config: Path | None,
        account: str | None = None,
        ledger: str | None = None,
        no_ledger: bool = False,
        **options: Any,
    ) -> Any:
        if ledger is not None and no_ledger:
            raise click.UsageError("--ledger and --no-ledger exclude each other.")
        where = Where(account, config, False if no_ledger else ledger)
        return function(*args, where=where, **options)

    return called  # type: ignore[return-value]  # click takes whatever can be called


def _pairs(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    bad = [pair for pair in pairs if "=" not in pair]
    if bad:
        raise click.BadParameter(f"{bad[0]!r} is not of the form name=value", ctx, param)
    return dict(pair.split("=", 1) for pair in pairs)


metadata_option = click.option(
    "--metadata", multiple=True, callback=_pairs, help="name=value, repeatable."
)
