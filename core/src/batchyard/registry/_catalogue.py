"""What is installed.  Reads metadata only: no plugin is imported here."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import importlib_metadata

from batchyard.errors import PluginConflictError, UnknownPluginError
from batchyard.registry._switches import Switches, plain

__all__ = ["GROUPS", "LIMIT", "Catalogue", "PluginInfo"]

GROUPS = (
    "commands",
    "emulators",
    "engines",
    "gates",
    "listeners",
    "middleware",
    "prices",
    "providers",
    "sinks",
)
"""The kinds of plugin; the entry point group of each has ``batchyard.`` before it."""

LIMIT = "BATCHYARD_PLUGINS"
"""The variable that limits what loads: names of entry points or distributions, by commas."""

OWN = "batchyard"
"""The distribution that this is."""

UNASKED = frozenset({"listeners", "middleware"})
"""Groups whose plugins load with every account, named or not."""


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One entry point, and the distribution that brings it."""

    group: str
    name: str
    value: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"

    def is_called(self, entry: str) -> bool:
        """Whether *entry* means it: ``NAME``, of the plugin or of its package, or ``KIND:NAME``.

        Core as a whole is no plugin; each of its own is.
        """
        names = {self.name, f"{self.group}:{self.name}"}
        if self.distribution != OWN:
            names.add(self.distribution)
        return plain(entry) in {plain(one) for one in names}


class Catalogue:
    """The entry points of Batchyard's groups, read once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        limit = environ.get(LIMIT)
        self._limit = None if limit is None else {plain(one) for one in limit.split(",")}
        self._off = Switches(environ).off
        self._found: dict[str, tuple[PluginInfo, ...]] = {}
        self._disabled: dict[str, tuple[PluginInfo, ...]] = {}

    def installed(self, group: str) -> tuple[PluginInfo, ...]:
        """All plugins of a group, by name, that may be loaded.

        That is, as far as ``BATCHYARD_PLUGINS`` allows them, and none that is switched off.
        """
        if group not in self._found:
            self._read(group)
        return self._found[group]

    def disabled(self, group: str) -> tuple[PluginInfo, ...]:
        """The plugins of a group that are installed, and switched off."""
        if group not in self._disabled:
            self._read(group)
        return self._disabled[group]

    def _read(self, group: str) -> None:
        points = _points(_places()).select(group=f"batchyard.{group}")
        infos = sorted(
            (_info(group, point) for point in points), key=lambda one: (one.name, one.distribution)
        )
        self._found[group] = tuple(
            one for one in infos if self._allows(group, one) and not self._is_off(one)
        )
        self._disabled[group] = tuple(one for one in infos if self._is_off(one))

    def find(self, group: str, name: str) -> PluginInfo:
        """The one plugin of that name.

        Raises :class:`UnknownPluginError`, with what is installed, and
        :class:`PluginConflictError` when several distributions bring it.
        """
        found = [one for one in self.installed(group) if one.name == name]
        if not found:
            raise UnknownPluginError(self._unknown(group, name), param=group)
        if len(found) > 1:
            claims = " and ".join(f"{one.distribution} {one.version}" for one in found)
            raise PluginConflictError(
                f"{len(found)} packages claim {group.removesuffix('s')} {name!r}: {claims}; "
                "uninstall one, switch it off (batchyard plugins disable PACKAGE), or set "
                f"{LIMIT} to the packages to load"
            )
        return found[0]

    def _allows(self, group: str, info: PluginInfo) -> bool:
        if self._limit is None:
            return True
        if info.distribution == OWN and group not in UNASKED:
            # the limit is for what others bring: without our prices nothing would have one
            return True
        return bool({plain(info.name), plain(info.distribution)} & self._limit)

    def _is_off(self, info: PluginInfo) -> bool:
        return any(info.is_called(one) for one in self._off)

    def _unknown(self, group: str, name: str) -> str:
        if any(one.name == name for one in self.disabled(group)):
            kind = group.removesuffix("s")
            return f"{kind} {name!r} is switched off; try: batchyard plugins enable {name}"
        names = list(dict.fromkeys(one.name for one in self.installed(group)))
        close = difflib.get_close_matches(name, names, 1)
        known = f"installed: {', '.join(names)}" if names else "none is installed"
        hint = f"; did you mean {close[0]!r}?" if close else ""
        limited = f" ({LIMIT} limits what loads)" if self._limit is not None else ""
        kind = group.removesuffix("s")
        install = f"; try: pip install batchyard-{name}" if _installable(group, name, close) else ""
        return f"there is no {kind} {name!r}: {known}{limited}{hint}{install}"


@lru_cache(maxsize=1)
def _points(_places: tuple[tuple[str, int], ...]) -> importlib_metadata.EntryPoints:
    """The entry points of all groups: each look reads a file of every package there is."""
    return importlib_metadata.entry_points()


def _places() -> tuple[tuple[str, int], ...]:
    """Where packages are looked for, and when one was last added there or taken away."""
    found = []
    for path in sys.path:
        with suppress(OSError):
            found.append((path, Path(path or ".").stat().st_mtime_ns))
    return tuple(found)


def _installable(group: str, name: str, close: Sequence[str]) -> bool:
    return group == "providers" and not close and name.isidentifier()


def _info(group: str, point: importlib_metadata.EntryPoint) -> PluginInfo:
    distribution = point.dist
    name = distribution.name if distribution else "?"
    version = distribution.version if distribution else "?"
    return PluginInfo(group, point.name, point.value, name, version)
