"""Which accounts there are, of which providers, and which models run where."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from batchyard.config import Configuration, ModelAccount, ModelSettings
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
        made = self._accounts.made if self._accounts else ()
        named = [one.account for model in self.models.values() for one in model.accounts]
        found = [*made, *self._config.names, *named]
        if self._wanted_default is not None:
            found.append(self._spelled(self._wanted_default, found))
        return tuple(dict.fromkeys(found)) or self._registry.offered()

    @cached_property
    def default(self) -> str | None:
        """The account that takes what names none, if that is clear."""
        if self._wanted_default is not None:
            return self._spelled(self._wanted_default, self.names)
        return self.names[0] if len(self.names) == 1 else None

    def find(self, name: str) -> str | None:
        """The account's own spelling of its name."""
        found = self._spelled(name, self.names)
        return found if found in self.names else None

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
        found = self.models.get(model)
        return found.accounts if found else ()

    def _is_of(self, account: str, provider: str) -> bool:
        return self.provider_of(account) == provider

    @staticmethod
    def _spelled(name: str, among: Collection[str]) -> str:
        key = _plain(name)
        return next((one for one in among if one == name), None) or next(
            (one for one in among if _plain(one) == key), name
        )


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", "-")
