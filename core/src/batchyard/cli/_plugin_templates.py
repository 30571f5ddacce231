"""``batchyard plugins new``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from batchyard.cli._options import debug_option, json_option
from batchyard.cli._output import echo, emit
from batchyard.templates import KINDS, generate

__all__ = ["new"]


@click.command("new", short_help="Begin a plugin of your own.")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What it is to be.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of the project (default: batchyard-NAME, here).",
)
@json_option
@debug_option
def new(name: str, kind: str, into: Path | None, as_json: bool) -> None:
    """Write a project for a plugin called NAME: package, tests, CI. Its tests are green.

    NAME is what the plugin will be called in configurations and on the command line.
    """
    folder = into or Path(f"batchyard-{name.replace('_', '-')}")
    files = generate(kind, name, folder)
    if as_json:
        emit({"folder": str(folder), "files": [str(one) for one in files]})
        return
    for one in files:
        echo(str(one))
    echo(f"\ncd {shlex.quote(str(folder))}\npip install --editable '.[testing]'\npytest")
