"""Accounts, as they are gathered from the places that hold their settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ValidationError

from batchyard.config._configuration import plain
from batchyard.config._fitting import keys_of
from batchyard.config.from_litellm._remarks import Remarks
from batchyard.registry import Registry

__all__ = ["OURS", "AccountDraft", "Accounts", "reference"]

OURS: Mapping[str, str] = {"api_base": "base_url"}
"""Names of settings that are called otherwise here, whatever the provider."""

NOT_CARRIED = frozenset({"model", "models", "timeout", "prices", "deployments"})
"""Parameters of single requests, and what we put together ourselves."""

ENVIRON = "os.environ/"

VARIABLE = re.compile(r"variable ([A-Z][A-Z0-9_]+)")
"""As descriptions of settings name the variables that hold them."""


@dataclass(slots=True)
class AccountDraft:
    """An account that is yet to be named.  ``deployments`` and ``prices`` are by model."""

    provider: str
    settings: Mapping[str, str]
    name: str = ""
    deployments: dict[str, dict[str, str]] = field(default_factory=dict)
    prices: dict[str, dict[str, Decimal]] = field(default_factory=dict)

    def table(self) -> dict[str, Any]:
        own = {} if self.name == self.provider else {"provider": self.provider}
        more = {"deployments": self.deployments, "prices": self.prices}
        return {**own, **self.settings, **{key: one for key, one in more.items() if one}}


def reference(value: Any) -> str | None:
    """A value as a setting's text, and a reference where it is one there.

    ``None`` for a text that would be taken for a reference here.
    """
    if isinstance(value, Mapping | list):
        return json.dumps(value, default=str)
    text = str(value).strip()
    if text.startswith(ENVIRON):
        return f"env:{text.removeprefix(ENVIRON).strip()}"
    return None if text.startswith("env:") else text


class Accounts:
    """All accounts: what has the same provider and settings is one."""

    def __init__(self, registry: Registry, remarks: Remarks) -> None:
        self._registry = registry
        self._remarks = remarks
        self.all: list[AccountDraft] = []

    def of(
        self, provider: str, table: Mapping[str, Any], path: str
    ) -> tuple[AccountDraft, set[str]]:
        """The account of that provider with the settings that *table* has; and which those are."""
        model = self._registry.provider(provider).Settings
        settings, taken = self._settings(model, table, path)
        name = self._registry.provider(provider).name
        for one in self.all:
            if (one.provider, one.settings) == (name, settings):
                return one, taken
        made = AccountDraft(name, settings)
        self.all.append(made)
        return made, taken

    def has_deployments(self, account: AccountDraft) -> bool:
        """Whether the provider is told what its users' own names for models stand for."""
        return "deployments" in self._registry.provider(account.provider).Settings.model_fields

    def name_all(self) -> None:
        """Give each a name: its provider's, with where it is if there are several."""
        used: set[str] = set()
        for one in self.all:
            alone = sum(other.provider == one.provider for other in self.all) == 1
            wanted = one.provider if alone else f"{one.provider}-{_place(one.settings)}"
            name, number = wanted.rstrip("-"), 1
            while plain(name) in used:
                number += 1
                name = f"{wanted.rstrip('-')}-{number}"
            used.add(plain(name))
            one.name = name

    def _settings(
        self, model: type[BaseModel], table: Mapping[str, Any], path: str
    ) -> tuple[dict[str, str], set[str]]:
        keys = keys_of(model)
        found: dict[str, str] = {}
        taken = set()
        for given, value in table.items():
            key = given if given in keys else OURS.get(given, given)
            if key not in keys or given in NOT_CARRIED or value is None:
                continue
            taken.add(given)
            text = reference(value)
            if text is None:
                self._remarks.lost(f"{path}.{given}", "here it would mean a variable")
            else:
                found[key] = text
        for key, why in _misfits(model, found).items():
            del found[key]
            given = next(one for one in taken if one == key or OURS.get(one) == key)
            self._remarks.lost(f"{path}.{given}", why)
        return {**found, **self._lacks(model, found, path)}, taken

    def _lacks(
        self, model: type[BaseModel], settings: Mapping[str, str], path: str
    ) -> dict[str, str]:
        """What the account needs and is not said here: the variable that its provider names."""
        found = {}
        for key in _faults(model, settings, "missing"):
            said = keys_of(model)[key].description or "it has no default"
            variable = VARIABLE.search(said)
            if variable is not None:
                found[key] = f"env:{variable[1]}"
                said = f"taken from the variable {variable[1]}, which has to be set"
            self._remarks.note(f"{path}: {key}", said)
        return found


def _misfits(model: type[BaseModel], settings: Mapping[str, str]) -> dict[str, str]:
    """Settings that the provider does not take, and why.

    What a variable will hold is checked when it is used.
    """
    return {
        key: why
        for key, why in _faults(model, settings).items()
        if key in settings and not settings[key].startswith("env:")
    }


def _faults(
    model: type[BaseModel], settings: Mapping[str, str], kind: str | None = None
) -> dict[str, str]:
    """What is wrong with the settings, by the name of each; of that kind, if one is named."""
    try:
        model(**settings)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return {
            str(one["loc"][0]): one["msg"].removeprefix("Value error, ")
            for one in found
            if one["loc"] and kind in {None, one["type"]}
        }
    return {}


def _place(settings: Mapping[str, str]) -> str:
    """Something of an account that tells it from others, and is no secret."""
    url = settings.get("base_url", "")
    if not url.startswith("env:"):
        host = (urlsplit(url).hostname or "").split(".")[0]
        if host:
            return _slug(host)
    for part in ("location", "region", "project"):
        for key, value in settings.items():
            if key.endswith(part) and not value.startswith("env:"):
                return _slug(value)
    return _slug(url.removeprefix("env:"))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-")
