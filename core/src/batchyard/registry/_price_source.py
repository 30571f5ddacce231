"""A source of prices, behind the typed face of its hook."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import Any

from batchyard.errors import PluginContractError
from batchyard.models import Rates
from batchyard.registry._checks import manager_for, register
from batchyard.registry._registry import Registry

__all__ = ["PriceSource"]

RANK = 100

_AMOUNTS = (
    "input",
    "output",
    "cached_input",
    "cache_write",
    "input_audio",
    "output_audio",
    "input_image",
    "output_image",
)


class PriceSource:
    """Calls the hook of one source, and takes no answer that is no price."""

    def __init__(self, name: str, plugin: object) -> None:
        self.name = name
        self.rank = int(getattr(plugin, "rank", RANK))
        self._plugin = plugin
        self._manager = manager_for("prices")
        register(self._manager, "prices", name, plugin)

    @classmethod
    def load(cls, registry: Registry, name: str, context: object) -> PriceSource:
        """The installed source of that name; *context* is for a class that needs an argument."""
        arguments = (context,) if _needs_one(registry.load("prices", name)) else ()
        return cls(name, registry.plugin("prices", name, *arguments))

    @property
    def edition(self) -> str:
        """Changes when the source's answers do."""
        return str(getattr(self._plugin, "edition", ""))

    def rates(self, **asked: Any) -> Rates | None:
        """What the hook answers to all the arguments of its spec."""
        answer = self._manager.hook.rates(**asked)
        if answer is not None and not _sane(answer):
            raise PluginContractError(f"price source {self.name}: {answer!r} is not Rates")
        rates: Rates | None = answer
        return rates


def _needs_one(source: Any) -> bool:
    """Whether a class, called with nothing, would lack an argument."""
    if not inspect.isclass(source):
        return False
    return any(
        one.default is one.empty and one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}
        for one in inspect.signature(source).parameters.values()
    )


def _sane(rates: Any) -> bool:
    if not isinstance(rates, Rates):
        return False
    amounts = [getattr(rates, name) for name in _AMOUNTS]
    known = [one for one in amounts if one is not None]
    fine = all(isinstance(one, Decimal) and one.is_finite() and one >= 0 for one in known)
    whole = amounts[0] is not None and amounts[1] is not None
    return fine and whole and (rates.long_context is None or _sane(rates.long_context))
