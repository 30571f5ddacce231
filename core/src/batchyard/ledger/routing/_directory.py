"""Which accounts there are, of which providers, and which models run where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from batchyard.config import Configuration, ModelAccount, ModelSettings, plain
from batchyard.errors import PluginError
from batchyard.ledger.accounts import Accounts
from batchyard.registry import Registry

__all__ = ["Directory"]


class Directory:
    """What can be chosen from.  Nothing is made and no provider imported before it must be."""

    def __init__(
        self,
        registry: Registry,
        config: Configuration,
        models: Sequence[ModelSettings] = (),
        *,
        accounts: Accounts | None = None,
        default: str | None = None,
    ) -> None:
        self.models: Mapping[str, ModelSettings] = {one.name: one for one in models}
        self._runs: dict[str, tuple[ModelAccount, ...]] = {}
        self._registry = registry
        self._config = config
        self._accounts = accounts
        self._wanted_default = default or config.default_account
        self._providers: dict[str, str] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All accounts: those made already, the configured ones, those that models name.

        Without any, the providers that the environment has settings for.
        """
        found = [*self._given, *self._config.names]
        named = [one.account for model in self.models.values() for one in model.accounts]
        if self._wanted_default is not None:
            named.append(self._wanted_default)
        found += [self._own(one) for one in named]
        return tuple(dict.fromkeys(found)) or self._registry.offered()

    @cached_property
    def default(self) -> str | None:
        """The account that takes what names none, if that is clear."""
        if self._wanted_default is not None:
            return self._own(self._wanted_default)
        return self.names[0] if len(self.names) == 1 else None

    def find(self, name: str) -> str | None:
        """The account's own spelling of its name."""
        key = plain(name)
        return next((one for one in self.names if one == name or plain(one) == key), None)

    def provider_of(self, account: str) -> str:
        """The provider's own name; what is written, where it is not installed."""
        if account not in self._providers:
            served = self._accounts.known(account) if self._accounts else None
            if served is not None:
                return served.account.provider
            table = self._config.find(account)
            written = table.provider if table else account
            self._providers[account] = self.provider(written) or written
        return self._providers[account]

    def of_provider(self, provider: str, among: Collection[str]) -> tuple[str, ...]:
        return tuple(one for one in self.names if one in among and self._is_of(one, provider))

    def provider(self, name: str) -> str | None:
        """The installed provider of that name or alias, by its own name."""
        if name not in self.providers:
            return None
        try:
            return self._registry.provider(name).name
        except PluginError:
            # it is there, and broken: whoever uses it hears why
            return name

    @cached_property
    def providers(self) -> tuple[str, ...]:
        """Names and aliases of those installed."""
        return tuple(dict.fromkeys(one.name for one in self._registry.installed("providers")))

    def accounts_of(self, model: str) -> tuple[ModelAccount, ...]:
        """Where a configured model runs; nowhere, if it is not configured."""
        if model not in self.models:
            return ()
        if model not in self._runs:
            self._runs[model] = tuple(
                one.model_copy(update={"account": self._own(one.account)})
                for one in self.models[model].accounts
            )
        return self._runs[model]

    def _is_of(self, account: str, provider: str) -> bool:
        return self.provider_of(account) == provider

    @property
    def _given(self) -> tuple[str, ...]:
        return self._accounts.made if self._accounts else ()

    def _own(self, name: str) -> str:
        """The account as it is spelled; one of the environment is called as its provider is."""
        key = plain(name)
        spelled = (one for one in (*self._given, *self._config.names) if plain(one) == key)
        return next(spelled, None) or self.provider(name) or name
