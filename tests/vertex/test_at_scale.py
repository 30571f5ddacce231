"""Twenty thousand lines, all quirks at once, through the SDK and the ledger: nothing is lost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.testing import ManualClock
from batchyard_vertex.emulator import VertexEmulator
from tests.vertex.conftest import Service, chats

CHAT = "/v1/chat/completions"
LINES = 20_000
FAILED = LINES // 50
MODEL = "gemini-2.5-flash"
RATES = (Decimal("0.15"), Decimal("1.25"))
"""Dollars for a million tokens in and out, in a batch (Google's list)."""


@pytest.mark.slow
@pytest.mark.parametrize("tracked", [False, True], ids=["direct", "tracked"])
def test_every_line_of_a_large_file_has_one_outcome_and_the_receipt_its_price(
    tmp_path: Path, *, tracked: bool
) -> None:
    emulator = VertexEmulator(clock=ManualClock(), quirks=["everything"], latency=0)
    options: dict[str, Any] = {"ledger": tmp_path / "ledger.db"} if tracked else {}

    async def body(client: Any) -> None:
        batch = client.batches.create(client.files.create(chats(LINES, model=MODEL)), CHAT)
        done = client.batches.wait(batch)
        assert done.status == "completed"
        results = client.batches.results(done)
        found = [(one.custom_id, one.outcome) for one in results]
        outcomes = dict(found)
        assert len(found) == LINES
        assert outcomes.keys() == {f"r-{number}" for number in range(LINES)}
        # every fiftieth row fails, and is there to be sent again
        assert list(outcomes.values()).count("error") == FAILED
        assert list(outcomes.values()).count("ok") == LINES - FAILED
        if tracked:
            _check(client.batches.cost(done), *_tokens(emulator))

    with emulator.serve() as server:
        clock = emulator.clock
        assert isinstance(clock, ManualClock)
        Service("sync", emulator, server.url, clock).run(body, **options)
    emulator.close()


def _check(receipt: Any, given: int, made: int) -> None:
    assert receipt.proof.lines == LINES
    assert (receipt.proof.duplicates, receipt.proof.malformed) == (2, 1)
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (given, made)
    assert receipt.cost == (given * RATES[0] + made * RATES[1]) / 1_000_000


def _tokens(emulator: VertexEmulator) -> tuple[int, int]:
    """What all rows in the bucket come to, the two that are there twice twice: they are billed."""
    given = made = 0
    for bucket in emulator.objects.bucket_names():
        for one in emulator.objects.list(bucket, "", "**prediction.results*", float("inf")):
            for line in one.blob.path.read_bytes().splitlines():
                try:
                    usage = json.loads(line)["response"].get("usageMetadata", {})
                except ValueError:
                    continue
                given += usage.get("promptTokenCount", 0)
                made += usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return given, made
