"""Importing a plugin: the only module that knows stevedore."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from stevedore.driver import DriverManager

from batchyard.errors import PluginLoadError
from batchyard.registry._catalogue import PluginInfo
from batchyard.registry._contract import check_contract, wanted_core

__all__ = ["load"]


class _Chosen(DriverManager[Any]):
    """Loads one entry point that is known already.

    stevedore would look for it by its name alone, import every plugin that has
    it, and remember for the life of the process what it had found.
    """

    def __init__(self, point: EntryPoint) -> None:
        self._point = point
        super().__init__(point.group, point.name)

    def list_entry_points(self) -> list[EntryPoint]:
        return [self._point]


def load(info: PluginInfo) -> Any:
    """Import what the entry point names, and nothing else.

    Raises :class:`PluginLoadError`, which names the distribution, whatever goes wrong,
    and :class:`PluginContractError` for one that is written for another contract.
    """
    try:
        loaded = _Chosen(EntryPoint(info.name, info.value, f"batchyard.{info.group}")).driver
    except (Exception, SystemExit) as error:
        # what is written for another version often cannot be imported
        asks = wanted_core(info.distribution)
        raise PluginLoadError(
            f"{info.group.removesuffix('s')} {info} cannot be loaded from {info.value}: "
            f"{type(error).__name__}: {error}{f'; {asks}' if asks else ''}"
        ) from error
    check_contract(info, loaded)
    return loaded
