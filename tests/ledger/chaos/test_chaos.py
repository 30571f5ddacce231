"""Workers are killed and providers misbehave, until all is quiet: then everything adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.chaos.harness import Trial, carry_out

PROVIDERS = ("openai", "azure", "vertex")

KILLS = 12
"""How many workers the short trials kill: each that follows costs a start."""


def test_batches_in_sqlite_outlive_their_workers(sqlite_url: str, tmp_path: Path) -> None:
    trial = Trial(sqlite_url, tmp_path, 60, workers=2, providers=PROVIDERS, most_kills=KILLS)
    carry_out(trial).check()


@pytest.mark.parametrize("engine", ["local", "procrastinate"])
def test_batches_in_postgres_outlive_three_workers(
    postgres_url: str, tmp_path: Path, engine: str
) -> None:
    trial = Trial(
        postgres_url,
        tmp_path,
        40,
        workers=3,
        engine=engine,
        providers=PROVIDERS,
        most_kills=KILLS,
    )
    carry_out(trial).check()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "procrastinate"])
def test_ten_thousand_batches_in_postgres(postgres_url: str, tmp_path: Path, engine: str) -> None:
    figures = carry_out(
        Trial(
            postgres_url,
            tmp_path,
            5_000,
            workers=3,
            engine=engine,
            providers=PROVIDERS,
            kill_every=6.0,
            most_kills=10_000,
            # slower than in the short trials, where the claim of a worker that gets no turn of
            # a busy machine for two seconds runs out
            speed=10.0,
            patience=3600.0,
        )
    )
    print(f"\n{engine}\n{figures.report()}")  # noqa: T201 - for the documentation
    figures.check()
