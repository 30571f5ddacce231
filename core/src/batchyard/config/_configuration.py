"""What is configured, by source: whose value counts, and what a setting is called in its source."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batchyard.errors import ConfigError

__all__ = [
    "AccountTable",
    "Configuration",
    "Layer",
    "Location",
    "Table",
    "merged",
    "plain",
    "suggestion",
]

Location = tuple[str | int, ...]
"""The path of a setting within its table."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source.  ``called`` names a path in it, ``folder`` is where its relative paths begin.

    ``tables`` are the single ones by their kind (``ledger``), ``named`` those of
    which there may be several (``accounts``) by kind and by :func:`plain` name.
    """

    origin: str
    called: Callable[[Location], str]
    default_account: str | None
    named: Mapping[str, Mapping[str, tuple[str, Mapping[str, Any]]]]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)


@dataclass(frozen=True, slots=True)
class Part:
    """What one source says of a table, and the path by which it is known there."""

    layer: Layer
    at: Location
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is configured, over all sources; its values are not checked yet."""

    name: str
    values: Mapping[str, Any]
    parts: tuple[Part, ...]

    def called(self, location: Location) -> str:
        """What a setting is called where its value comes from."""
        part = next((one for one in self.parts if _has(one.values, location)), self.parts[-1])
        return part.layer.called((*part.at, *location))

    def origin(self, setting: str) -> str | None:
        """The source of a setting, if it is configured."""
        part = self._of(setting)
        return part.layer.origin if part else None

    def folder(self, setting: str) -> Path:
        """Where the path begins that a setting has as its value."""
        part = self._of(setting)
        return part.layer.folder if part else Path()

    def written(self, origin: str) -> tuple[Mapping[str, Any], ...]:
        """What that source says of it."""
        return tuple(one.values for one in self.parts if one.layer.origin == origin)

    def _of(self, setting: str) -> Part | None:
        return next((one for one in self.parts if setting in one.values), None)


@dataclass(frozen=True, slots=True)
class AccountTable(Table):
    """An account as it is configured."""

    provider: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that is configured.  The first of the layers wins."""

    path: Path | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, as the file spells them; those of variables with hyphens."""
        return self.names_of("accounts")

    @property
    def default_account(self) -> str | None:
        return next((one.default_account for one in self.layers if one.default_account), None)

    @property
    def default_called(self) -> str:
        """Where the default account is named."""
        layer = next(one for one in self.layers if one.default_account)
        return layer.called(("default_account",))

    @property
    def ledger_enabled(self) -> bool | None:
        """Whether there is to be a ledger; ``None`` where nothing is said of one."""
        table = self.table("ledger")
        if table is None:
            return None
        # a variable has only text
        return str(table.values.get("enabled", True)).lower() not in {"false", "0", "no", "off"}

    def find(self, name: str) -> AccountTable | None:
        """The account of that name; case, hyphens and underscores do not count."""
        found = self.find_named("accounts", name)
        if found is None:
            return None
        values = dict(found.values)
        provider = values.pop("provider", found.name)
        if not isinstance(provider, str) or not provider:
            raise ConfigError(
                f"{found.called(('provider',))}: must be a provider's name", param="provider"
            )
        return AccountTable(found.name, values, found.parts, provider)

    def names_of(self, kind: str) -> tuple[str, ...]:
        """The tables of a kind, by name."""
        found: dict[str, str] = {}
        for layer in self.layers:
            named = layer.named.get(kind, {})
            found.update((key, written) for key, (written, _) in named.items())
        return tuple(sorted(found.values()))

    def find_named(self, kind: str, name: str) -> Table | None:
        """The table of that kind and name, in the file's spelling where it is in the file."""
        key = plain(name)
        found = [(one, *one.named[kind][key]) for one in self.layers if key in one.named[kind]]
        parts = (Part(layer, (kind, written), values) for layer, written, values in found)
        return _table(found[-1][1], tuple(parts)) if found else None

    def table(self, kind: str) -> Table | None:
        """The one table of that kind."""
        found = [one for one in self.layers if kind in one.tables]
        return _table(kind, tuple(Part(one, (kind,), one.tables[kind]) for one in found))


def _table(name: str, parts: tuple[Part, ...]) -> Table | None:
    values: dict[str, Any] = {}
    for part in reversed(parts):
        values = merged(values, part.values)
    return Table(name, values, parts) if parts else None


def plain(name: str) -> str:
    """A name as names are compared: ``Azure_EU`` is ``azure-eu``."""
    return name.strip().lower().replace("_", "-")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, tables within tables too; where both say something, *above* counts."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        both = isinstance(value, Mapping) and isinstance(known, Mapping)
        result[key] = merged(known, value) if both else value  # type: ignore[arg-type]  # both are
    return result


def suggestion(word: str, known: tuple[str, ...]) -> str:
    """``; did you mean …?``, if something is near."""
    by_plain = {plain(one): one for one in known}
    close = difflib.get_close_matches(plain(word), list(by_plain), 1)
    return f"; did you mean {by_plain[close[0]]!r}?" if close else ""


def _has(table: Any, location: Location) -> bool:
    for step in location:
        keys = range(len(table)) if isinstance(table, list) else table
        if not isinstance(keys, Mapping | range) or step not in keys:
            return False
        table = table[step]
    return True
