"""A process that serves one ledger's queue until it is killed; run by test_procrastinate."""

from __future__ import annotations

import asyncio
import sys

from batchyard.hookspecs import EngineContext
from batchyard_procrastinate import Procrastinate
from tests.ledger.engines.patience import QUICK


async def stuck(name: str) -> None:
    """Says that it has begun, and never ends."""
    sys.stdout.write(f"{name}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


async def main(url: str) -> None:
    engine = Procrastinate(EngineContext(url, "another-process"), QUICK)
    await engine.serve(stuck)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
