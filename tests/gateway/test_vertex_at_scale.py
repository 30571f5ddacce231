"""Twenty thousand lines through the gateway, to Vertex AI with all its quirks: nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard_vertex.emulator import VertexEmulator
from batchyard_vertex.emulator._quirks import expanded
from tests.gateway.site import CHAT, Site, gateway, lines

LINES = 20_000
FAILED = LINES // 50


@pytest.fixture
def vertex(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    url = tmp_path / "ledger.db"
    shutil.copy(sqlite_template, url)
    with gateway(tmp_path, str(url), emulators=("vertex",)) as made:
        yield made


def emulator(site: Site) -> VertexEmulator:
    found = site.place.emulate("vertex")
    assert isinstance(found, VertexEmulator)
    return found


@pytest.mark.slow
def test_every_line_has_one_outcome_and_the_receipt_a_price(vertex: Site) -> None:
    for quirk in expanded(["everything"]):
        emulator(vertex).quirks.enable(quirk)
    client = vertex.openai(timeout=300)
    content = lines(LINES, model="gemini-2.5-flash")
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    vertex.follow()
    done = client.batches.retrieve(batch.id)
    assert done.status == "completed"
    assert done.request_counts is not None
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (LINES, LINES - FAILED, FAILED)
    rows: list[dict[str, Any]] = []
    for identity in (done.output_file_id, done.error_file_id):
        assert identity is not None
        rows += [json.loads(row) for row in client.files.content(identity).iter_lines()]
    found = [row["custom_id"] for row in rows if row["custom_id"] is not None]
    assert sorted(found) == sorted(f"r-{number}" for number in range(LINES))
    receipt = vertex.run(lambda ledger: ledger.receipt(batch.id))
    assert receipt.cost is not None
    assert receipt.cost > 0
    assert receipt.proof.lines == LINES
