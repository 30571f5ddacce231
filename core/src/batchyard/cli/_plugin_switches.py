"""``batchyard plugins disable`` and ``enable``."""

from __future__ import annotations

import difflib
import os

import click

from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit
from batchyard.errors import UnknownPluginError
from batchyard.registry import GROUPS, OFF, PluginInfo, Registry, Switches

__all__ = ["disable", "enable"]


@click.command("disable", short_help="Switch a plugin off, for good.")
@click.argument("name")
@json_option
@debug_option
def disable(name: str, as_json: bool) -> None:
    """Switch the plugins called NAME, or of the package NAME, off: they are not loaded any more.

    KIND:NAME, such as sinks:table, is one of several that share a name. It is
    written beside your configuration and stays until `plugins enable NAME`.
    """
    registry = Registry()
    on = [one for group in GROUPS for one in registry.installed(group)]
    off = [one for group in GROUPS for one in registry.disabled(group)]
    chosen = _named(name, on)
    if not chosen and not _named(name, off):
        raise _unknown(name, [*on, *off])
    path = Switches(os.environ).add(name)
    _say(name, chosen, "off", str(path), as_json=as_json)


@click.command("enable", short_help="Switch a plugin on again.")
@click.argument("name")
@json_option
@debug_option
def enable(name: str, as_json: bool) -> None:
    """Switch the plugins called NAME, or of the package NAME, on again."""
    switches = Switches(os.environ)
    registry = Registry()
    chosen = _named(name, [one for group in GROUPS for one in registry.disabled(group)])
    if not chosen and name not in switches:
        raise UnknownPluginError(f"no plugin {name!r} is switched off", param="name")
    path = switches.remove([name])
    left = _named(name, [one for group in GROUPS for one in Registry().disabled(group)])
    if left:
        # by another name, or by the variable
        others = ", ".join(sorted(set(Switches(os.environ).off)))
        raise UnknownPluginError(
            f"{left[0]} is off by another name, or by {OFF}: what is off is {others}", param="name"
        )
    _say(name, chosen, "on", str(path), as_json=as_json)


def _named(name: str, infos: list[PluginInfo]) -> list[PluginInfo]:
    return [one for one in infos if one.is_called(name)]


def _say(name: str, chosen: list[PluginInfo], state: str, path: str, *, as_json: bool) -> None:
    if as_json:
        plugins = [{"group": one.group, "name": one.name} for one in chosen]
        emit({"name": name, "state": state, "file": path, "plugins": plugins})
        return
    for one in chosen:
        echo(f"{state}  {one.group}  {one}")
    if not chosen:
        echo(f"{name} was {state} before")


def _unknown(name: str, infos: list[PluginInfo]) -> UnknownPluginError:
    names = sorted({one.name for one in infos})
    close = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    known = f"installed: {', '.join(names)}" if names else "none is installed"
    if name in {one.distribution for one in infos}:
        hint = f"; {name} as a whole cannot be switched off"
    return UnknownPluginError(f"there is no plugin {name!r}: {known}{hint}", param="name")
