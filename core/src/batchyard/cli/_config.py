"""``batchyard config``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._from_litellm import command as from_litellm
from batchyard.cli._options import Where, debug_option, json_option, with_account
from batchyard.cli._output import echo, emit
from batchyard.cli._output import table as print_table
from batchyard.cli._sections import Section, sections
from batchyard.config import Configuration, load, masked, resolve
from batchyard.errors import BatchyardError, ConfigError
from batchyard.models import Finding
from batchyard.registry import Registry

__all__ = ["command"]


@click.group("config", short_help="Show and check the configuration.")
def command() -> None:
    """The configuration: from batchyard.toml, from variables, and from arguments."""


command.add_command(from_litellm)


@dataclass(frozen=True, slots=True)
class Shown:
    """An account with its settings as they may be printed, or why it cannot be used."""

    name: str
    provider: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    exposed: Path | None = None


@command.command("show", short_help="Show what is configured, with secrets masked.")
@with_account
@json_option
@debug_option
def show(where: Where, as_json: bool) -> None:
    """Show each account's settings as they come out, and where each comes from.

    Then the ledger, sinks, gates and prices, where they are configured, unless
    one account is named.  Secrets are masked.  What cannot be used is shown as it
    is configured, with the reason.
    """
    config, accounts, others = _all(where)
    if as_json:
        emit(
            {
                "file": str(config.path) if config.path else None,
                "default_account": config.default_account,
                "accounts": [_record(one) for one in accounts],
                **_records(others),
            }
        )
        return
    echo(f"file             {config.path or '-'}")
    echo(f"default account  {config.default_account or '-'}")
    for one in accounts:
        _print(f"{one.name} ({one.provider or 'no provider'})", one)
    for section in others:
        _print(section.title, section)


def _print(title: str, one: Shown | Section) -> None:
    echo(f"\n{title}")
    rows = ((key, _text(value), one.sources.get(key)) for key, value in one.settings.items())
    print_table(rows, indent="  ")
    if one.problem:
        echo(f"  cannot be used: {one.problem}")


@command.command("check", short_help="Check the configuration; no provider is asked.")
@with_account
@json_option
@debug_option
def check(where: Where, as_json: bool) -> None:
    """Check the configuration, all of it or one account.  No provider is asked.

    Exit code 1 says that something is wrong.
    """
    config, accounts, others = _all(where)
    findings = [*_findings(config, where, accounts), *map(_finding, others)]
    well = all(one.level != "error" for one in findings)
    if as_json:
        found = [asdict(one) for one in findings]
        emit({"ok": well, "file": str(config.path) if config.path else None, "findings": found})
    else:
        echo(f"file  {config.path or '-'}")
        print_table((one.level, one.check, one.message) for one in findings)
    if not well:
        raise SystemExit(EXIT_ERROR)


def _all(where: Where) -> tuple[Configuration, list[Shown], list[Section]]:
    registry = Registry()
    config = load(registry.environ, where.config)
    names = (where.account,) if where.account else config.names or registry.offered()
    others = [] if where.account else list(sections(registry, config))
    return config, [_shown(registry, config, name) for name in names], others


def _shown(registry: Registry, config: Configuration, name: str) -> Shown:
    try:
        found = resolve(registry, name, config=config)
    except BatchyardError as error:
        return _unusable(config, name, error.message)
    return Shown(
        found.name,
        found.provider,
        {**masked(found.settings), **_own_prices(found.prices)},
        dict(found.sources),
        exposed=found.exposed,
    )


def _own_prices(prices: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {"prices": _plain(prices)} if prices else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return str(value) if isinstance(value, Decimal) else value


def _unusable(config: Configuration, name: str, problem: str) -> Shown:
    try:
        table = config.find(name)
    except ConfigError:
        table = None
    if table is None:
        return Shown(name, None, problem=problem)
    sources = {key: table.origin(key) or "-" for key in table.values}
    return Shown(table.name, table.provider, masked(table.values), sources, problem)


def _findings(config: Configuration, where: Where, accounts: list[Shown]) -> Iterator[Finding]:
    if not where.account and (config.default_account or len(config.names) == 1):
        try:
            resolve(Registry(), config=config)
        except BatchyardError as error:
            if error.message not in {one.problem for one in accounts}:
                yield Finding("error", "default_account", error.message)
    for one in accounts:
        if one.problem:
            yield Finding("error", one.name, one.problem)
        elif one.exposed:
            said = f"{one.exposed} holds its secrets, and everybody on this machine can read it"
            yield Finding("warning", one.name, said, f"chmod 600 {one.exposed}")
        else:
            yield Finding("ok", one.name, f"an account of {one.provider}")


def _finding(one: Section) -> Finding:
    if one.problem:
        return Finding("error", one.title, one.problem)
    return Finding("ok", one.title, "can be used")


def _records(others: list[Section]) -> dict[str, Any]:
    """Each kind of section, there or not."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in others:
        found.setdefault(one.kind, []).append(one.record)
    return {
        "ledger": next(iter(found.get("ledger", [])), None),
        "gateway": next(iter(found.get("gateway", [])), None),
        "models": found.get("models", []),
        "sinks": found.get("sinks", []),
        "gates": found.get("gates", []),
        "prices": next(iter(found.get("prices", [])), None),
    }


def _record(one: Shown) -> dict[str, Any]:
    return {
        "name": one.name,
        "provider": one.provider,
        "settings": one.settings,
        "sources": one.sources,
        "problem": one.problem,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
