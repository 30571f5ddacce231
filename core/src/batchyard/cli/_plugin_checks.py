"""What ``batchyard plugins doctor`` finds out of one plugin."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import click

from batchyard.errors import PluginError
from batchyard.registry import SPECS, PluginInfo, Registry, declared, hooks_of, wanted_core

__all__ = ["Checked", "examined"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A plugin: why it cannot be used, or what may become a problem, and what it implements."""

    info: PluginInfo
    problem: str | None = None
    warning: str | None = None
    contract: str | None = None
    hooks: tuple[str, ...] = ()

    @property
    def record(self) -> dict[str, Any]:
        return {
            "ok": self.problem is None,
            "problem": self.problem,
            "warning": self.warning,
            "contract": self.contract,
            "hooks": list(self.hooks),
        }

    @property
    def summary(self) -> str:
        return f"contract {self.contract}" if self.contract else ""


def examined(registry: Registry, info: PluginInfo) -> Checked:
    """What is wrong with it, as far as that shows without settings of its own."""
    try:
        loaded = registry.load(info.group, info.name)
        problem = _problem(registry, info, loaded)
    except PluginError as error:
        return Checked(info, error.message)
    hooks = hooks_of(loaded) if info.group in SPECS else ()
    return Checked(info, problem, wanted_core(info.distribution), declared(loaded), hooks)


def _problem(registry: Registry, info: PluginInfo, loaded: Any) -> str | None:
    if info.group == "providers":
        registry.provider(info.name)
    elif info.group in {"listeners", "middleware"}:
        # those are made without settings
        registry.plugin(info.group, info.name)
    elif info.group == "commands":
        return None if isinstance(loaded, click.Command) else f"{info.value} is not a click command"
    elif info.group == "emulators":
        return None if inspect.isclass(loaded) else f"{info.value} is not a class"
    if info.group in SPECS:
        registry.check_hooks(info, loaded)
    return None
