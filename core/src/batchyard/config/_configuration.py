"""What is configured, by source: whose value counts, and what a setting is called in its source."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchyard.errors import ConfigError

__all__ = ["AccountTable", "Configuration", "Layer", "Location", "merged", "plain", "suggestion"]

Location = tuple[str | int, ...]
"""The path of a setting within its account."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One source.  ``accounts`` are by :func:`plain` name; ``called`` names a path in it."""

    origin: str
    called: Callable[[Location], str]
    default_account: str | None
    accounts: Mapping[str, tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class AccountTable:
    """An account as it is configured; its settings are not checked yet."""

    name: str
    provider: str
    values: Mapping[str, Any]
    layers: tuple[Layer, ...]

    def called(self, location: Location) -> str:
        """What a setting is called where its value comes from."""
        for layer in self.layers:
            written, table = layer.accounts[plain(self.name)]
            if _has(table, location):
                return layer.called(("accounts", written, *location))
        written, _ = self.layers[-1].accounts[plain(self.name)]
        return self.layers[-1].called(("accounts", written, *location))

    def origin(self, setting: str) -> str | None:
        """The source of a setting, if it is configured."""
        for layer in self.layers:
            if setting in layer.accounts[plain(self.name)][1]:
                return layer.origin
        return None


@dataclass(frozen=True, slots=True)
class Configuration:
    """All accounts.  The first of the layers wins."""

    path: Path | None = None
    layers: tuple[Layer, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The accounts, as the file spells them; those of variables with hyphens."""
        found: dict[str, str] = {}
        for layer in self.layers:
            found.update((key, written) for key, (written, _) in layer.accounts.items())
        return tuple(sorted(found.values()))

    @property
    def default_account(self) -> str | None:
        return next((one.default_account for one in self.layers if one.default_account), None)

    @property
    def default_called(self) -> str:
        """Where the default account is named."""
        layer = next(one for one in self.layers if one.default_account)
        return layer.called(("default_account",))

    def find(self, name: str) -> AccountTable | None:
        """The account of that name; case, hyphens and underscores do not count."""
        layers = tuple(layer for layer in self.layers if plain(name) in layer.accounts)
        if not layers:
            return None
        values: dict[str, Any] = {}
        for layer in reversed(layers):
            values = merged(values, layer.accounts[plain(name)][1])
        # the file's spelling, where it is in the file
        written = layers[-1].accounts[plain(name)][0]
        provider = values.pop("provider", written)
        found = AccountTable(written, str(provider), values, layers)
        if not isinstance(provider, str) or not provider:
            raise ConfigError(
                f"{found.called(('provider',))}: must be a provider's name", param="provider"
            )
        return found


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
