"""The command line."""

from __future__ import annotations

import click

import batchyard
from batchyard.cli._group import LazyGroup

__all__ = ["main"]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(batchyard.__version__, prog_name="batchyard")
def main() -> None:
    """One front door to every LLM provider's batch API."""
