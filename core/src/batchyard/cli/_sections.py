"""What is configured beside the accounts, as ``batchyard config`` shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from batchyard.config import (
    Configuration,
    Table,
    configured_gate,
    configured_ledger,
    configured_model,
    configured_prices,
    configured_sink,
    is_reference,
    masked,
    resolve_gateway,
)
from batchyard.errors import BatchyardError
from batchyard.registry import Registry

__all__ = ["Section", "sections"]


@dataclass(frozen=True, slots=True)
class Section:
    """A table with its settings as they may be printed, or why it cannot be used."""

    kind: str
    name: str | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def title(self) -> str:
        return self.kind if self.name is None else f"{self.kind}.{self.name}"

    @property
    def record(self) -> dict[str, Any]:
        named = {} if self.name is None else {"name": self.name}
        return {
            **named,
            "settings": self.settings,
            "sources": self.sources,
            "problem": self.problem,
        }


def sections(registry: Registry, config: Configuration) -> Iterator[Section]:
    """All that is configured beside the accounts; nothing of what is not."""
    ledger, prices = config.table("ledger"), config.table("prices")
    if ledger is not None:
        yield _section("ledger", None, ledger, lambda: configured_ledger(registry, config))
    gateway = config.table("gateway")
    if gateway is not None:
        yield _section("gateway", None, gateway, lambda: resolve_gateway(registry, config))
    for name in config.names_of("models"):
        yield _model(registry, config, name)
    for name in config.names_of("sinks"):
        yield _plugin(registry, config, "sinks", name)
    for name in config.names_of("gates"):
        yield _plugin(registry, config, "gates", name)
    if prices is not None:
        yield _section("prices", None, prices, lambda: configured_prices(registry, config))


def _plugin(registry: Registry, config: Configuration, kind: str, name: str) -> Section:
    make = {"sinks": configured_sink, "gates": configured_gate}[kind]
    table = config.find_named(kind, name)
    return _section(kind, name, table, lambda: make(registry, config, name))


def _model(registry: Registry, config: Configuration, name: str) -> Section:
    table = config.find_named("models", name)
    return _section("models", name, table, lambda: configured_model(registry, config, name))


def _section(
    kind: str, name: str | None, table: Table | None, make: Callable[[], BaseModel]
) -> Section:
    values = table.values if table else {}
    try:
        made = make()
    except BatchyardError as error:
        sources = {key: table.origin(key) or "-" for key in values} if table else {}
        return Section(kind, name, masked(values), sources, error.message)
    shown = _shown(made, values)
    origins = {key: (table.origin(key) if table else None) or "default" for key in shown}
    return Section(kind, name, shown, origins)


def _shown(made: BaseModel, written: Mapping[str, Any]) -> dict[str, Any]:
    """The settings; those of a plugin beside our own, as they are written."""
    shown = masked(made)
    shown.pop("name", None)
    if "settings" not in shown:
        return shown
    own = shown.pop("settings")
    if not isinstance(getattr(made, "settings", None), BaseModel):
        # only a model knows its secrets; without one, what is not in the file is none to print
        own = {key: masked(written)[key] if _refers(written[key]) else own[key] for key in own}
    return {**shown, **own}


def _refers(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_refers, value.values()))
    if isinstance(value, list):
        return any(map(_refers, value))
    return is_reference(value)
