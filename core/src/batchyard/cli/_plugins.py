"""``batchyard plugins``."""

from __future__ import annotations

import difflib
from importlib import metadata
from typing import Any

import click

from batchyard.cli._failures import EXIT_ERROR
from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import details, echo, emit, table
from batchyard.cli._plugin_checks import Checked, examined
from batchyard.cli._plugin_switches import disable, enable
from batchyard.cli._plugin_templates import new
from batchyard.errors import UnknownPluginError
from batchyard.hookspecs import CONTRACT
from batchyard.registry import GROUPS, PluginInfo, Registry

__all__ = ["command"]


@click.group("plugins", short_help="See what is installed and whether it works; begin your own.")
def command() -> None:
    """Plugins of all kinds: providers, listeners, gates, commands, and so on."""


for _one in (disable, enable, new):
    command.add_command(_one)


def _installed(registry: Registry) -> list[PluginInfo]:
    return [info for group in GROUPS for info in registry.installed(group)]


def _record(info: PluginInfo) -> dict[str, Any]:
    return {
        "group": info.group,
        "name": info.name,
        "value": info.value,
        "distribution": info.distribution,
        "version": info.version,
    }


@command.command("list", short_help="List the plugins that are installed.")
@json_option
@debug_option
def list_plugins(as_json: bool) -> None:
    """List the plugins that are installed, without importing any."""
    found = _installed(Registry())
    if as_json:
        emit({"plugins": [_record(one) for one in found]})
    elif found:
        table((one.group, one.name, f"{one.distribution} {one.version}") for one in found)
    else:
        echo("No plugin is installed.")


@command.command("info", short_help="Show where a plugin comes from.")
@click.argument("name")
@json_option
@debug_option
def info(name: str, as_json: bool) -> None:
    """Show the plugins called NAME, or of the package NAME, without importing any."""
    found = _installed(Registry())
    chosen = [one for one in found if name in {one.name, one.distribution}]
    if not chosen:
        names = sorted({one.name for one in found})
        close = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        known = f"installed: {', '.join(names)}" if names else "none is installed"
        raise UnknownPluginError(f"there is no plugin {name!r}: {known}{hint}", param="name")
    records = [{**_record(one), **_published(one.distribution)} for one in chosen]
    if as_json:
        emit({"plugins": records})
        return
    for number, record in enumerate(records):
        if number:
            echo("")
        details((key, _text(value)) for key, value in record.items())


def _published(distribution: str) -> dict[str, Any]:
    """What its authors say of it."""
    try:
        said = metadata.metadata(distribution).json
    except metadata.PackageNotFoundError:
        return {"summary": None, "license": None, "requires": []}
    return {
        "summary": said.get("summary"),
        "license": said.get("license_expression") or said.get("license"),
        "requires": said.get("requires_dist") or [],
    }


def _text(value: Any) -> Any:
    return ", ".join(value) or None if isinstance(value, list) else value


@command.command("doctor", short_help="Load each plugin, and say which cannot be used.")
@json_option
@debug_option
def doctor(as_json: bool) -> None:
    """Load each plugin by itself, and say which cannot be used.  Exit code 1 if one cannot.

    It looks at the versions that a plugin is written for, at its hooks, at names
    that several packages claim, and at what is switched off.
    """
    registry = Registry()
    found = [examined(registry, one) for one in _installed(registry)]
    off = [one for group in GROUPS for one in registry.disabled(group)]
    well = all(one.problem is None for one in found)
    if as_json:
        emit(
            {
                "ok": well,
                "contract": ".".join(map(str, CONTRACT)),
                "plugins": [{**_record(one.info), **one.record} for one in found],
                "off": [_record(one) for one in off],
            }
        )
    elif found or off:
        table([*map(_row, found), *(("off", one.group, one, "") for one in off)])
    else:
        echo("No plugin is installed.")
    if not well:
        raise SystemExit(EXIT_ERROR)


def _row(one: Checked) -> tuple[object, ...]:
    state = "ok" if one.problem is None else "error"
    if one.problem is None and one.warning:
        state = "warning"
    return (state, one.info.group, one.info, one.problem or one.warning or one.summary)
