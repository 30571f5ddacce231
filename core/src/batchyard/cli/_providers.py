"""``batchyard providers``: what is installed."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files

import click

from batchyard.registry import PluginInfo, Registry

__all__ = ["command"]


@click.command("providers", short_help="List the providers that are installed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the providers that are installed, without importing any."""
    found = Registry().installed("providers")
    if as_json:
        click.echo(json.dumps({"providers": [_record(one) for one in found]}, indent=2))
    elif found:
        width = max(len(one.name) for one in found)
        for one in found:
            click.echo(f"{one.name:<{width}}  {one.distribution} {one.version}")
    else:
        _suggest()


def _record(info: PluginInfo) -> dict[str, str]:
    return {"name": info.name, "distribution": info.distribution, "version": info.version}


def _suggest() -> None:
    click.echo("No provider is installed. Install one:")
    for provider in known():
        click.echo(f"  pip install {provider['distribution']:<20}  {provider['title']}")


def known() -> list[dict[str, str]]:
    """Providers that are published, from the directory that ships with core."""
    text = files("batchyard.cli").joinpath("directory.toml").read_text(encoding="utf-8")
    providers: list[dict[str, str]] = tomllib.loads(text)["providers"]
    return providers
