"""``batchyard conformance``."""

from __future__ import annotations

import tempfile
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit, note
from batchyard.errors import ConfigError
from batchyard.registry import Registry

if TYPE_CHECKING:
    from batchyard.testing._report import Report

__all__ = ["command"]


@click.command("conformance", short_help="Try whether a provider keeps the contract.")
@click.argument("provider")
@click.argument("tests", nargs=-1)
@click.option("--report", "path", type=click.Path(dir_okay=False), help="Write the report there.")
@click.option("--live", is_flag=True, help="Try the real service, with the account's own key.")
@click.option("--max-cost", help="US dollars that --live may spend.")
@click.option("--model", help="A model for --live, in place of the emulator's.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=86_400.0,
    show_default=True,
    help="Seconds that --live waits for a batch.",
)
@click.option("--config", type=click.Path(), help="A configuration with the account, for --live.")
@json_option
@debug_option
def command(
    provider: str,
    tests: tuple[str, ...],
    path: str | None,
    live: bool,
    max_cost: str | None,
    model: str | None,
    timeout: float,
    config: str | None,
    as_json: bool,
) -> None:
    """Try PROVIDER over its emulator, in seconds: through client, ledger and gateway.

    TESTS are files of its author's own suites, whose rules are then in the
    report too. With --live, PROVIDER is an account, or a provider that the
    environment has settings for; two small batches are sent, if they cannot cost
    more than --max-cost, and one is waited for. Exit code 1 if a rule is broken.
    """
    if live:
        report = _live(provider, max_cost, model, timeout, config)
    else:
        report = _emulated(provider, tests)
    if path is not None:
        report.write(Path(path))
    if as_json:
        emit(report.document())
    else:
        for line in report.lines():
            echo(line)
    if not report.passed:
        raise SystemExit(EXIT_ERROR)


def _emulated(provider: str, tests: tuple[str, ...]) -> Report:
    try:
        from batchyard.testing._conformance import conformance
    except ImportError as error:
        raise _lacking(error) from error
    return conformance(provider, tests)


def _live(
    account: str, max_cost: str | None, model: str | None, timeout: float, config: str | None
) -> Report:
    if max_cost is None:
        raise click.UsageError("--live spends money: say how much it may be, with --max-cost 0.10")
    try:
        cap = Decimal(max_cost)
    except InvalidOperation:
        raise click.BadParameter(f"{max_cost!r} is no amount", param_hint="--max-cost") from None
    if not (cap.is_finite() and cap > 0):
        raise click.BadParameter("it has to be more than nothing", param_hint="--max-cost")
    try:
        from batchyard.testing._live import Live, live
    except ImportError as error:
        raise _lacking(error) from error
    with tempfile.TemporaryDirectory(prefix="batchyard-conformance-") as folder:
        wanted = Live(account, cap, Path(folder), model, timeout, config)
        return live(wanted, Registry(), note)


def _lacking(error: ImportError) -> ConfigError:
    return ConfigError(f"this needs more packages: pip install 'batchyard[testing]' ({error})")
