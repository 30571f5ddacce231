"""The command line."""

from __future__ import annotations

import signal
import threading
from typing import NoReturn

import click

import batchyard
from batchyard.cli._group import LazyGroup
from batchyard.cli._options import debug_option

__all__ = ["main"]


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(batchyard.__version__, prog_name="batchyard")
@debug_option
@click.pass_context
def main(ctx: click.Context) -> None:
    """One front door to every LLM provider's batch API."""
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, _interrupted)
        ctx.call_on_close(lambda: signal.signal(signal.SIGTERM, before))


def _interrupted(*_signal: object) -> NoReturn:
    """End as on Ctrl-C: temporary files go, and the user is told how to go on."""
    raise KeyboardInterrupt
