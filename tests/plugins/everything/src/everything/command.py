from __future__ import annotations

import click

from batchyard.errors import ConfigError


@click.command("everything")
@click.option("--fail", is_flag=True)
def command(*, fail: bool) -> None:
    """Say hello."""
    if fail:
        raise ConfigError("everything is not configured")
    click.echo("hello from a plugin")
