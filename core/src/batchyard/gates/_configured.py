"""The gates that are configured."""

from __future__ import annotations

from collections.abc import Sequence

from batchyard.config import Configuration, resolve_gates
from batchyard.gates._chain import GateChain
from batchyard.registry import Registry

__all__ = ["configured"]


def configured(
    registry: Registry, config: Configuration, added: Sequence[object] = ()
) -> GateChain:
    """Those of ``[gates.NAME]`` in their order, then *added* ones, which are plugins themselves.

    Raises :class:`~batchyard.errors.ConfigError` or
    :class:`~batchyard.errors.PluginError` where one cannot be used: without it,
    what it is there to stop would pass.
    """
    installed = [
        (one.name, registry.gate(one.gate, one.settings)) for one in resolve_gates(registry, config)
    ]
    return GateChain([*installed, *((type(one).__name__, one) for one in added)])
