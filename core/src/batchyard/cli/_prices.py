"""``batchyard prices``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._options import Where, debug_option, json_option, with_account
from batchyard.cli._output import echo, emit, moment, note, table
from batchyard.config import Configuration, load, resolve, resolve_ledger, resolve_prices
from batchyard.drivers import SystemClock
from batchyard.errors import BatchyardError, ConfigError, UnknownPluginError
from batchyard.models import Billing, Rates
from batchyard.prices import (
    Asked,
    Found,
    PriceOptions,
    PriceSources,
    override_rates,
    rates_record,
)
from batchyard.registry import Account, Registry

if TYPE_CHECKING:
    from batchyard.config import LedgerSettings

__all__ = ["command"]

DAY = 86_400

KINDS = (
    "input",
    "cached_input",
    "cache_write",
    "output",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
)


@click.group("prices", short_help="Show what models cost in batches, and what has no price.")
def command() -> None:
    """Prices of batches: US dollars for a million tokens, and where they are from."""


@dataclass(frozen=True, slots=True)
class Payer:
    """An account, or a provider that has none: whose prices are asked for."""

    name: str
    provider: str
    account: Account | None = None
    prices: Mapping[str, Rates] = field(default_factory=dict)
    models: tuple[str, ...] = ()

    def billing(self, model: str, region: str | None = None) -> Billing:
        found = self._billed(self.account, model) if self.account else Billing(model)
        return replace(found, region=region or found.region)

    def _billed(self, account: Account, model: str) -> Billing:
        """As what lines ask for, or else as what results call it."""
        try:
            return account.billing(None, model)
        except BatchyardError:
            return account.billing(model, None)


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one model for one payer."""

    model: str
    payer: Payer
    billing: Billing
    found: Found


@command.command("show", short_help="Show what a model costs in a batch.")
@click.argument("model")
@click.option("--region", metavar="NAME", help="A region with prices of its own.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day of which the prices are, as 2026-11-23; today without it.",
)
@with_account
@json_option
@debug_option
def show(model: str, region: str | None, at: datetime | None, where: Where, as_json: bool) -> None:
    """Show what MODEL costs in a batch: for an account, or for all of them.

    With no account configured, for the providers that are installed.  Exit code
    1 says that no price is known.
    """
    sources, payers = _sources(where)
    day = _day(at)
    lines = [_line(sources, payer, model, day, region) for payer in payers]
    if as_json:
        emit({"model": model, "at": moment(day * DAY), "prices": [_record(one) for one in lines]})
    else:
        for number, one in enumerate(lines):
            _show(one, first=not number)
    if not any(one.found.rates for one in lines):
        raise SystemExit(EXIT_ERROR)


@command.command("check", short_help="Say which models have no price.")
@click.argument("models", nargs=-1)
@click.option("--days", type=click.IntRange(1), default=30, help="How far to look back; 30.")
@with_account
@json_option
@debug_option
def check(models: tuple[str, ...], days: int, where: Where, as_json: bool) -> None:
    """Say which models have no price today, and which only a derived one.

    Every MODEL that is named; without one, the models that the accounts'
    settings name, and those that the ledger's batches used.  Exit code 1 says
    that one has no price.
    """
    sources, payers = _sources(where)
    wanted = {(payer.name, model): payer for payer in payers for model in models or payer.models}
    if not models:
        wanted |= _used(where, payers, days)
    lines = [_line(sources, payer, model, _day(None)) for (_, model), payer in wanted.items()]
    missing = [one for one in lines if one.found.rates is None]
    if as_json:
        emit({"ok": not missing, "prices": [_record(one) for one in lines]})
    elif lines:
        table((_level(one), one.payer.name, one.model, _said(one)) for one in lines)
    else:
        echo("No model is configured, and none was used. Name one: batchyard prices check MODEL")
    if missing:
        raise SystemExit(EXIT_ERROR)


def _sources(where: Where) -> tuple[PriceSources, list[Payer]]:
    registry = Registry()
    config = load(registry.environ, where.config)
    names = (where.account,) if where.account else config.names or registry.offered()
    payers = list(_payers(registry, config, names, lenient=where.account is None))
    if not names:
        payers = [Payer(one, one) for one in _installed(registry)]
    settings = resolve_prices(registry, config)
    overrides = {one.name: one.prices for one in payers}
    options = PriceOptions(overrides, settings.litellm_file, settings.sources)
    return PriceSources.load(registry, options), payers


def _payers(
    registry: Registry, config: Configuration, names: Iterable[str], *, lenient: bool
) -> Iterator[Payer]:
    """An account that cannot be used is left out with a note; of a provider the name will do."""
    known = {one.name for one in registry.installed("providers")}
    for name in names:
        try:
            yield _payer(registry, config, name)
        except (ConfigError, UnknownPluginError) as error:
            if config.find(name) is None and name in known:
                provider = registry.provider(name).name
                yield Payer(provider, provider)
            elif lenient:
                note(f"{name} is left out: {error.message}")
            else:
                raise


def _payer(registry: Registry, config: Configuration, name: str) -> Payer:
    found = resolve(registry, name, config=config)
    account = registry.account(found.provider, found.settings, name=found.name)
    prices = {model: override_rates(stated) for model, stated in found.prices.items()}
    # a provider's settings may name models, by a mapping or a list
    named = getattr(found.settings, "models", ())
    return Payer(found.name, found.provider, account, prices, (*prices, *named))


def _installed(registry: Registry) -> tuple[str, ...]:
    # each once, by the first of its names: an alias is an entry point too
    found = {one.value: one.name for one in reversed(registry.installed("providers"))}
    return tuple(sorted(found.values()))


def _used(where: Where, payers: Iterable[Payer], days: int) -> dict[tuple[str, str], Payer]:
    """What the ledger's batches were answered by, where there is a ledger."""
    registry = Registry()
    settings = resolve_ledger(registry, None, load(registry.environ, where.config))
    if settings is None:
        return {}
    import asyncio

    by_name = {one.name: one for one in payers}
    since = SystemClock().now() - days * DAY
    used = asyncio.run(_of_ledger(settings, since))
    return {pair: by_name[pair[0]] for pair in used if pair[0] in by_name}


async def _of_ledger(settings: LedgerSettings, since: float) -> list[tuple[str, str]]:
    from batchyard.ledger.database import Database
    from batchyard.ledger.query import Wanted, items

    used: dict[tuple[str, str], None] = {}
    async with Database(settings.url, migrate=False) as db:
        after = None
        while True:
            page = await items(db, Wanted(since=since, after=after, limit=1000))
            used |= {(one.account, one.model): None for one in page.rows if one.model}
            after = page.next
            if after is None:
                return list(used)


def _line(
    sources: PriceSources, payer: Payer, model: str, day: int, region: str | None = None
) -> Line:
    try:
        billing = payer.billing(model, region)
    except BatchyardError as error:
        return Line(model, payer, Billing(model, region), Found(None, error.message))
    found = sources.rates(Asked(billing, model, payer.provider, payer.name, day))
    return Line(model, payer, billing, found)


def _day(at: datetime | None) -> int:
    seconds = SystemClock().now() if at is None else at.replace(tzinfo=UTC).timestamp()
    return int(seconds // DAY)


def _record(line: Line) -> dict[str, Any]:
    rates = line.found.rates
    return {
        "account": line.payer.name,
        "provider": line.payer.provider,
        "model": line.model,
        "billed_as": line.billing.model,
        "region": line.billing.region,
        "tier": line.billing.tier,
        "rates": None if rates is None else rates_record(rates),
        "reason": line.found.reason,
    }


def _show(line: Line, *, first: bool) -> None:
    if not first:
        echo("")
    region = f", {line.billing.region}" if line.billing.region else ""
    of = f" ({line.payer.provider}{region})" if line.payer.name != line.payer.provider else region
    echo(f"{line.payer.name}{of}: {line.billing.model}")
    rates = line.found.rates
    if rates is None:
        echo(f"  {line.found.reason}")
        return
    long = rates.long_context
    head = [("", "$/Mtok", f"above {rates.long_context_above} input")] if long else []
    rows = [(kind, _amount(rates, kind), _amount(long, kind)) for kind in KINDS]
    shown = [row if long else row[:2] for row in rows if row[1] is not None]
    table([*head, *shown], indent="  ")
    since = f", since {(moment(rates.valid_from) or '')[:10]}" if rates.valid_from else ""
    echo(f"  {rates.basis}, from {rates.source} {rates.version or ''}".rstrip() + since)


def _amount(rates: Rates | None, kind: str) -> str | None:
    amount = getattr(rates, kind, None)
    return None if amount is None else f"{amount.normalize():f}"


def _level(line: Line) -> str:
    rates = line.found.rates
    if rates is None:
        return "error"
    return "warning" if rates.basis == "derived" else "ok"


def _said(line: Line) -> str | None:
    rates = line.found.rates
    return line.found.reason if rates is None else f"{rates.basis}, from {rates.source}"
