"""``batchyard procrastinate``: the tables, by command."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
import psycopg
from procrastinate.schema import SchemaManager

from batchyard.config import resolve_ledger
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from batchyard_procrastinate._schema import apply_schema

__all__ = ["command"]


@click.group("procrastinate", short_help="Prepare a database for the engine procrastinate.")
def command() -> None:
    """The engine procrastinate: its tables in the ledger's database."""


@command.command("apply", short_help="Create the tables.")
@click.option(
    "--config", metavar="PATH", type=click.Path(path_type=Path), help="In place of batchyard.toml."
)
def apply(config: Path | None) -> None:
    """Create Procrastinate's tables in the configured ledger's database, if it lacks them."""
    settings = resolve_ledger(Registry(), config=config)
    if settings is None:
        raise ConfigError("no ledger is configured", param="ledger")
    try:
        applied = asyncio.run(apply_schema(settings.url))
    except psycopg.Error as error:
        # its text may quote the address
        raise ConfigError(f"the ledger's database: {type(error).__name__}") from None
    click.echo("the tables have been created" if applied else "the tables are there already")


@command.command("schema", short_help="Print the tables' SQL.")
def schema() -> None:
    """Print the SQL, to be applied by other means."""
    click.echo(SchemaManager.get_schema())
