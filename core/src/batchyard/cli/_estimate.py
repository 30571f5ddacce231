"""``batchyard estimate``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._options import Where, debug_option, json_option, with_account
from batchyard.cli._output import details, echo, emit, note, table
from batchyard.errors import ConfigError, PluginError

if TYPE_CHECKING:
    from batchyard.client._estimating import Estimator
    from batchyard.estimates import CostRange, Estimate, LimitFit, TokenRange

__all__ = ["command"]

UNKNOWN = "unknown"

LIMITS = {
    "lines": "requests",
    "bytes": "bytes",
    "models": "models in one file",
    "endpoint": "endpoint",
    "enqueued_tokens": "tokens that may wait",
}

FITS = {True: "fits", False: "does not fit", None: UNKNOWN}


@click.command("estimate", short_help="Estimate the tokens and the cost of FILE.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output-tokens",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many tokens you expect an answer to have.",
)
@with_account
@json_option
@debug_option
def command(where: Where, file: Path, output_tokens: int | None, as_json: bool) -> None:
    """Estimate what FILE, a JSONL file of requests, would use and cost.  Nothing is sent.

    Tokens are counted in a sample of the lines: with the models' own vocabulary
    where there is one (pip install 'batchyard[tokens]'), else roughly.  How long
    answers will be nobody knows: the most is what the lines allow.  The prices
    and limits are those of the account, if there is one.
    """
    found = _estimated(where, file, output_tokens)
    if as_json:
        emit(_record(file, found))
    else:
        _show(found)


def _estimated(where: Where, file: Path, output_tokens: int | None) -> Estimate:
    from batchyard.drivers import SystemClock
    from batchyard.estimates import Question, estimate
    from batchyard.steps import PathSource

    now = SystemClock().now()
    estimator = _estimator(where)
    if estimator is not None:
        return estimator.estimated(file, output_tokens, now)
    return estimate(PathSource(file), Question(output_tokens=output_tokens, at=now))


def _estimator(where: Where) -> Estimator | None:
    """The account's; without an account, none: tokens can be counted anywhere."""
    from batchyard.client._estimating import Estimator
    from batchyard.config import load, resolve
    from batchyard.registry import Registry

    registry = Registry()
    config = load(registry.environ, where.config)
    try:
        found = resolve(registry, where.account, config=config)
        account = registry.account(found.provider, found.settings, name=found.name)
    except (ConfigError, PluginError) as error:
        if where.account:
            raise
        note(f"No prices and limits are known: {error}")
        return None
    return Estimator(account, registry, config, found.prices)


def _show(found: Estimate) -> None:
    about = "" if found.exact else "about "
    details(
        [
            ("requests", f"{about}{found.lines:,}"),
            ("bytes", f"{found.bytes:,}"),
            ("sample", f"{found.sampled:,} requests"),
            ("account", found.account),
        ]
    )
    if found.unreadable:
        note(
            f"Warning: {found.unreadable:,} lines of the sample are no requests; validate the file"
        )
    echo("")
    table([("model", "requests", "counted with", "", "low", "expected", "high"), *_tokens(found)])
    echo("")
    table([("", "low", "expected", "high"), ("cost in USD", *_money(found.cost))])
    for reason in found.cost.reasons:
        note(f"Unknown: {reason}")
    if found.limits:
        echo("")
        table(_limit(one) for one in found.limits)


def _tokens(found: Estimate) -> Iterator[tuple[object, ...]]:
    for one in found.models:
        yield one.model, f"{one.lines:,}", one.tokenizer, "input", *_range(one.input)
        for kind, count in one.extras.items():
            yield "", "", "", f"+ {kind}", f"{count:,}", UNKNOWN, UNKNOWN
        yield "", "", "", "output", *_range(one.output)
    if len(found.models) > 1:
        yield "all", f"{found.lines:,}", "", "input", *_range(found.input)
        yield "", "", "", "output", *_range(found.output)


def _range(tokens: TokenRange) -> tuple[str, ...]:
    each = (tokens.low, tokens.expected, tokens.high)
    return tuple(UNKNOWN if one is None else f"{one:,}" for one in each)


def _money(cost: CostRange) -> tuple[str, ...]:
    low = UNKNOWN if cost.low is None else f"at least {_dollars(cost.low)}"
    rest = (UNKNOWN if one is None else _dollars(one) for one in (cost.expected, cost.high))
    return low, *rest


def _dollars(amount: Decimal) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.6f}"


def _limit(one: LimitFit) -> tuple[str, ...]:
    value = UNKNOWN if one.value is None else _number(one.value)
    most = UNKNOWN if one.most is None else _number(one.most)
    if one.limit == "endpoint":
        most = f"{len(most.split())} that are taken"
    return LIMITS[one.limit], value, f"of {most}", FITS[one.fits]


def _number(value: int | str) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _record(file: Path, found: Estimate) -> dict[str, Any]:
    cost = {name: _plain(value) for name, value in asdict(found.cost).items()}
    return {
        "file": str(file),
        **asdict(found),
        "input": asdict(found.input),
        "output": asdict(found.output),
        "cost": cost,
    }


def _plain(value: object) -> object:
    return format(value, "f") if isinstance(value, Decimal) else value
