"""Estimates for an account, with whatever prices are configured."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from batchyard.config import Configuration, resolve_prices
from batchyard.effects import Blocking, Now
from batchyard.registry import Account, Registry
from batchyard.steps import FileContent, named_source

if TYPE_CHECKING:
    from batchyard.estimates import Estimate
    from batchyard.prices import PriceSources

__all__ = ["Estimator"]


class Estimator:
    """Knows the prices once it has been asked for an estimate; *prices* are the account's own."""

    def __init__(
        self,
        account: Account,
        registry: Registry,
        config: Configuration,
        prices: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._account = account
        self._registry = registry
        self._config = config
        self._own = prices
        self._lock = threading.Lock()
        self._sources: PriceSources | None = None

    async def estimate(self, file: FileContent, output_tokens: int | None) -> Estimate:
        """See :func:`batchyard.estimates.estimate`."""
        now = await Now()
        result: Estimate = await Blocking(lambda: self.estimated(file, output_tokens, now))
        return result

    def estimated(self, file: FileContent, output_tokens: int | None, at: float) -> Estimate:
        """The same, blocking, with the prices of Unix time *at*."""
        from batchyard.estimates import Question, estimate  # noqa: PLC0415 - on first use

        source, _ = named_source(file)
        return estimate(source, Question(self._account, self._prices(), output_tokens, at))

    def _prices(self) -> PriceSources:
        from batchyard.prices import PriceOptions, PriceSources, override_rates  # noqa: PLC0415

        with self._lock:
            if self._sources is None:
                own = {model: override_rates(stated) for model, stated in self._own.items()}
                stated = resolve_prices(self._registry, self._config)
                options = PriceOptions(
                    {self._account.name: own}, stated.litellm_file, stated.sources
                )
                self._sources = PriceSources.load(self._registry, options)
            return self._sources
