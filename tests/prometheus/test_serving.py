"""``batchyard prometheus serve``, as Prometheus meets it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from batchyard.ledger.database import Database

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


async def made(url: str) -> None:
    async with Database(url):
        pass


def test_one_process_shows_the_ledger_and_what_all_processes_count(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    asyncio.run(made(str(ledger)))
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
        address = serving.stdout.readline().split()[-1]
        with urllib.request.urlopen(address) as reply:  # noqa: S310 - our own
            text = reply.read().decode()
    finally:
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=30)
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples["batchyard_ledger_up"] == 1
    assert samples["batchyard_http_requests_total"] == 2
    assert serving.returncode == 0
