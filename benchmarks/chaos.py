"""Batches under chaos: workers killed with ``kill -9``, providers that fail, and the sums.

    python -m benchmarks.chaos [--batches 10000] [--database postgres] [--engine local]

Method: emulators of OpenAI, Azure OpenAI and Vertex AI in this process fail one
request in twenty, before or after they have carried it out.  Workers are other
processes, each on a clock that runs ten times as fast, and one of them is
killed every six seconds or so, and replaced.  Batches have one to four lines; a
tenth names a model that is not there, and some are cancelled.  When all are
settled and all events delivered, the settlements, the sink's lines and the
tokens are held against what the emulators themselves have counted.  The same
trial, smaller, is part of the test suite (tests/ledger/chaos).
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.ledger.chaos.harness import Trial, carry_out
from tests.ledger.conftest import migrated, started


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """An empty ledger of that kind."""
    if kind == "sqlite":
        url = str(folder / "ledger.db")
        asyncio.run(migrated(url))
        yield url
        return
    with started() as server:
        server.run("CREATE DATABASE chaos")
        url = server.url("chaos")
        asyncio.run(migrated(url))
        yield url


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--batches", type=int, default=10_000)
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--faults", type=float, default=0.05)
    parser.add_argument("--kill-every", type=float, default=6.0)
    parser.add_argument("--speed", type=float, default=10.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="batchyard-chaos-"))
    try:
        with database(options.database, folder) as url:
            trial = Trial(
                url,
                folder,
                options.batches,
                workers=options.workers,
                engine=options.engine,
                providers=("openai", "azure", "vertex"),
                faults=options.faults,
                kill_every=options.kill_every,
                most_kills=1_000_000,
                speed=options.speed,
                patience=4 * 3600.0,
            )
            figures = carry_out(trial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.report())
    figures.check()


if __name__ == "__main__":
    main()
