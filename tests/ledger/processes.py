"""Processes of their own for tests, each forked from one that has imported what they need."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

__all__ = ["forked"]


def forked() -> ForkServerContext:
    """What makes them.  The server that they are forked from is there once in each test process."""
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.ledger.preloaded"])
    return context
