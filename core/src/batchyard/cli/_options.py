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

__all__ = [
    "Where",
    "debug_option",
    "json_option",
    "metadata_option",
    "with_account",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Where:
    """The account that a command is to talk to, as the user named it."""

    account: str | None = None
    config: Path | None = None

    def client(self) -> Client:
        from batchyard.client import Client

        return Client(self.account, config_file=self.config)

    def __str__(self) -> str:
        """The options, to be typed again."""
        parts = (("--account", self.account), ("--config", self.config))
        return "".join(f" {name} {shlex.quote(str(value))}" for name, value in parts if value)


def _remember_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.meta.get(DEBUG):
        ctx.meta[DEBUG] = True
        ctx.find_root().with_resource(_logs())


@contextmanager
def _logs() -> Iterator[None]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    # no more than our own: HTTP libraries log what they send
    logger = logging.getLogger("batchyard")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


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


def with_account(function: F) -> F:
    """``--account`` and ``--config``, which arrive as ``where``."""

    @functools.wraps(function)
    def called(*args: Any, account: str | None, config: Path | None, **options: Any) -> Any:
        return function(*args, where=Where(account, config), **options)

    named = click.option(
        "--account",
        "--provider",
        "account",
        metavar="NAME",
        help="An account of the configuration, or a provider.",
    )
    file = click.option(
        "--config",
        metavar="PATH",
        type=click.Path(path_type=Path),
        help="The configuration, in place of batchyard.toml.",
    )
    return named(file(called))  # type: ignore[return-value]  # click keeps the callable


def _pairs(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    bad = [pair for pair in pairs if "=" not in pair]
    if bad:
        raise click.BadParameter(f"{bad[0]!r} is not of the form name=value", ctx, param)
    return dict(pair.split("=", 1) for pair in pairs)


metadata_option = click.option(
    "--metadata", multiple=True, callback=_pairs, help="name=value, repeatable."
)
