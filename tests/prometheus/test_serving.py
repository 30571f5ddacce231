"""``batchyard prometheus serve``, as Prometheus meets it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from batchyard.ledger.database import Database
from batchyard_prometheus._command import command

COUNTED = """
import os
from batchyard.models import RequestEvent
from batchyard_prometheus import PrometheusListener
child = os.fork()
PrometheusListener().request_sent(RequestEvent(hook="request_sent", at=0.0, provider="openai",
    account="main", method="GET", url="u", status=200, seconds=0.1))
if child:
    os.waitpid(child, 0)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    async def made() -> None:
        async with Database(str(tmp_path / "ledger.db")):
            """With its tables."""

    asyncio.run(made())
    return tmp_path / "ledger.db"


def samples(address: str) -> dict[str, float]:
    with urllib.request.urlopen(address) as reply:  # noqa: S310 - our own
        text = reply.read().decode()
    return {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_ledgers_metrics_are_served_until_it_is_told_to_stop(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCHYARD_LEDGER__URL", str(ledger))
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    found: list[dict[str, float]] = []
    scraping: list[threading.Thread] = []

    def scraped(said: str) -> None:
        def main() -> None:
            found.append(samples(said.rsplit(maxsplit=1)[-1]))
            os.kill(os.getpid(), signal.SIGTERM)

        scraping.append(threading.Thread(target=main))
        scraping[0].start()

    monkeypatch.setattr(click, "echo", scraped)
    done = CliRunner().invoke(command, ["serve", "--port", "0"], catch_exceptions=False)
    scraping[0].join()
    assert done.exit_code == 0
    assert found[0]["batchyard_ledger_up"] == 1
    assert "batchyard_http_requests_total" not in found[0]


@pytest.mark.slow
def test_one_process_shows_the_ledger_and_what_all_processes_count(
    ledger: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    environ = {
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": str(shared),
        "BATCHYARD_LEDGER__URL": str(ledger),
    }
    # two processes, by one start of the interpreter
    subprocess.run([sys.executable, "-c", COUNTED], env=environ, check=True)
    serving = subprocess.Popen(
        [sys.executable, "-m", "batchyard", "prometheus", "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        found = samples(serving.stdout.readline().split()[-1])
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=30)
    assert found["batchyard_ledger_up"] == 1
    assert found["batchyard_http_requests_total"] == 2
    assert serving.returncode == 0


def test_without_a_ledger_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BATCHYARD_LEDGER__URL", raising=False)
    monkeypatch.chdir(tmp_path)
    failure = CliRunner().invoke(command, ["serve"]).exception
    assert "no ledger is configured" in str(failure)
