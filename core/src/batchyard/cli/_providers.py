"""``batchyard providers``: what is installed."""

from __future__ import annotations

import os
import tomllib
from importlib.resources import files

import click

from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit, table
from batchyard.registry import LIMIT, PluginInfo, Registry

__all__ = ["command"]


@click.command("providers", short_help="List the providers that are installed.")
@json_option
@debug_option
def command(as_json: bool) -> None:
    """List the providers that are installed, without importing any."""
    found = Registry().installed("providers")
    if as_json:
        emit({"providers": [_record(one) for one in found]})
    elif found:
        table((one.name, f"{one.distribution} {one.version}") for one in found)
    else:
        _suggest()


def _record(info: PluginInfo) -> dict[str, str]:
    return {"name": info.name, "distribution": info.distribution, "version": info.version}


def _suggest() -> None:
    if LIMIT in os.environ:
        echo(f"{LIMIT} limits what loads, and no provider that is installed is among it.")
        return
    echo("No provider is installed. Install one:")
    for provider in known():
        echo(f"  pip install {provider['distribution']:<20}  {provider['title']}")


def known() -> list[dict[str, str]]:
    """Providers that are published, from the directory that ships with core."""
    text = files("batchyard.cli").joinpath("directory.toml").read_text(encoding="utf-8")
    providers: list[dict[str, str]] = tomllib.loads(text)["providers"]
    return providers
