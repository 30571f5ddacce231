"""``model_list``: models, and the accounts that run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from batchyard.config._configuration import plain
from batchyard.config.from_litellm._accounts import AccountDraft, Accounts
from batchyard.config.from_litellm._prices import PRICES, prices_of
from batchyard.config.from_litellm._remarks import Remarks
from batchyard.registry import Registry

__all__ = ["Guess", "Models"]

Guess: TypeAlias = Callable[[str], str | None]
"""The provider of a model that is named without one."""

OF_REQUESTS = "it is about single requests, not batches"

LIMITS = "limits are set for keys, not for models"

REASONS: Mapping[str, str] = {
    "rpm": LIMITS,
    "tpm": LIMITS,
    "max_parallel_requests": LIMITS,
    "max_budget": "budgets are set for keys, teams and tags",
    "budget_duration": "budgets are set for keys, teams and tags",
    "tags": "batches have the tags of their key",
}

SHARES = 1000
"""Into so many parts a weight that is a fraction is cut."""


@dataclass(slots=True)
class _Run:
    account: AccountDraft
    called: str
    weight: Decimal
    path: str


class Models:
    """Models by name, each with where it runs."""

    def __init__(
        self, registry: Registry, accounts: Accounts, remarks: Remarks, guess: Guess
    ) -> None:
        self._installed = {one.name for one in registry.installed("providers")}
        self._accounts = accounts
        self._remarks = remarks
        self._guess = guess
        self._runs: dict[str, list[_Run]] = {}

    def add(self, entry: Any, path: str) -> None:
        """One entry of the list."""
        params = entry.get("litellm_params") if isinstance(entry, Mapping) else None
        name = entry.get("model_name") if isinstance(entry, Mapping) else None
        if not isinstance(params, Mapping) or not isinstance(params.get("model"), str) or not name:
            self._remarks.lost(path, "it has no model_name, or no litellm_params with a model")
            return
        name = str(name)
        if "*" in name or "*" in params["model"]:
            self._remarks.lost(path, f"{name}: there are no wildcards; name each model")
            return
        if not self._named_well(name, path):
            return
        found = self._provider(params, f"{path}.litellm_params")
        if found is not None:
            self._add(name, *found, entry, path)

    def alias(self, name: str, target: Any, path: str) -> None:
        """Another name for a model that is there."""
        of = target.get("model") if isinstance(target, Mapping) else target
        if of not in self._runs:
            self._remarks.lost(path, f"there is no model {of!r}")
        elif name in self._runs:
            self._remarks.lost(path, "there is a model of this name")
        elif self._named_well(name, path):
            self._runs[name] = list(self._runs[of])

    def tables(self) -> dict[str, dict[str, Any]]:
        return {name: _table(name, runs) for name, runs in self._runs.items()}

    def _named_well(self, name: str, path: str) -> bool:
        """Whether the name can be told from those of the others here."""
        other = next((one for one in self._runs if plain(one) == plain(name) and one != name), None)
        if other is not None:
            self._remarks.lost(
                path, f"{name} and {other} are one name here: case, - and _ do not count"
            )
        return other is None

    def _provider(self, params: Mapping[str, Any], path: str) -> tuple[str, str] | None:
        """The provider, and what the model is called there."""
        model: str = params["model"].strip()
        prefix, slash, rest = model.partition("/")
        named = params.get("custom_llm_provider")
        if slash and prefix in self._installed and named in {None, prefix}:
            return prefix, rest
        if named is not None:
            if named in self._installed:
                return named, model
            self._remarks.lost(path, f"no provider {named!r} is installed")
            return None
        guessed = None if slash else self._guess(model)
        if guessed is None or guessed not in self._installed:
            of = f"no provider {prefix!r} is installed" if slash else "it names no provider"
            self._remarks.lost(path, f"{model}: {of}")
            return None
        return guessed, model

    def _add(
        self, name: str, provider: str, called: str, entry: Mapping[str, Any], path: str
    ) -> None:
        params: Mapping[str, Any] = entry["litellm_params"]
        inside = f"{path}.litellm_params"
        account, taken = self._accounts.of(provider, params, inside)
        given = entry.get("model_info")
        info = given if isinstance(given, Mapping) else {}
        weight = self._weight(params.get("weight"), f"{inside}.weight")
        self._runs.setdefault(name, []).append(_Run(account, called, weight, path))
        self._base(account, called, (params, info), path)
        self._price(account, called, (params, info), path)
        known = {"base_model", *PRICES, *(f"{one}_batches" for one in PRICES)}
        taken |= {"model", "custom_llm_provider", "weight", *known}
        for key in params:
            if key not in taken:
                self._remarks.lost(f"{inside}.{key}", REASONS.get(key, OF_REQUESTS))
        described = "it only describes the model"
        self._remarks.rest(f"{path}.model_info", info, known, described)
        self._remarks.rest(path, entry, {"model_name", "litellm_params", "model_info"}, described)

    def _weight(self, value: Any, path: str) -> Decimal:
        if value is None:
            return Decimal(1)
        try:
            weight = Decimal(str(value))
        except InvalidOperation:
            weight = Decimal(0)
        if not 0 < weight <= SHARES:
            self._remarks.lost(path, f"a weight is more than 0, and at most {SHARES}")
            return Decimal(1)
        return weight

    def _base(
        self,
        account: AccountDraft,
        called: str,
        tables: tuple[Mapping[str, Any], ...],
        path: str,
    ) -> None:
        base = next((one["base_model"] for one in tables if one.get("base_model")), None)
        if base is None:
            return
        if not self._accounts.has_deployments(account):
            self._remarks.lost(f"{path}.base_model", "here the results say what is billed")
            return
        prefix, slash, rest = str(base).partition("/")
        billed = rest if slash and prefix in self._installed else str(base)
        known = account.deployments.setdefault(called, {"name": called, "base_model": billed})
        if known["base_model"] != billed:
            self._remarks.lost(
                f"{path}.base_model", f"{called} is {known['base_model']} at this account already"
            )

    def _price(
        self,
        account: AccountDraft,
        called: str,
        tables: tuple[Mapping[str, Any], ...],
        path: str,
    ) -> None:
        # what the parameters say stands above what is said of the model
        stated = {name: value for one in reversed(tables) for name, value in one.items()}
        found = prices_of(stated, path, self._remarks)
        if found and account.prices.setdefault(called, found) != found:
            self._remarks.lost(path, f"{called} has another price at this account already")


def _table(name: str, runs: list[_Run]) -> dict[str, Any]:
    merged: dict[tuple[str, str], Decimal] = {}
    for one in runs:
        key = (one.account.name, one.called)
        merged[key] = merged.get(key, Decimal(0)) + one.weight
    scale = 1 if all(one == int(one) for one in merged.values()) else SHARES
    rows = [
        {
            "account": account,
            **({} if called == name else {"model": called}),
            **({} if len(merged) == 1 else {"weight": max(1, round(weight * scale))}),
        }
        for (account, called), weight in merged.items()
    ]
    return rows[0] if len(rows) == 1 else {"accounts": rows}
