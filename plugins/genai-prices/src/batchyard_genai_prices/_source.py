"""The source; genai-prices itself is imported when it is first asked."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version
from typing import ClassVar

from batchyard.hookspecs import hookimpl
from batchyard.models import Rates
from batchyard.prices import fine_tuned

__all__ = ["GenAIPrices"]


class GenAIPrices:
    """Answers only what the data set says of batches, of the provider's own model, at that time."""

    contract: ClassVar[str] = ">=1.1,<2"
    rank: ClassVar[int] = 300
    """After the file that ships with Batchyard, whose prices have been looked at one by one."""

    @property
    def edition(self) -> str:
        """The release, and the time of its last update where ``UpdatePrices`` runs."""
        snapshots = sys.modules.get("genai_prices.data_snapshot")
        custom = snapshots and snapshots._custom_snapshot  # noqa: SLF001 - there is no other way to see a change without building it
        return f"{_release()} {custom.timestamp:%Y-%m-%dT%H:%M:%S.%f}" if custom else _release()

    @hookimpl
    def rates(self, model: str, provider: str, tier: str, at: float) -> Rates | None:
        if fine_tuned(model):
            # the data set matches them by their beginnings
            return None
        from batchyard_genai_prices import _data  # noqa: PLC0415 - it takes a quarter of a second

        found = _data.find(provider, model)
        if found is None:
            return None
        return _data.rates(*found, tier, at, self.edition)


@cache
def _release() -> str:
    return version("genai-prices")
