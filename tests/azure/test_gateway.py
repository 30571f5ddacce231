"""Azure OpenAI behind the gateway, for clients that know nothing of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from batchyard.config import GatewaySettings
from batchyard.testing import ManualClock
from batchyard_azure.emulator import ALL_QUIRKS, AzureEmulator
from tests.client.requests import chat_lines
from tests.gateway.site import CHAT, Site
from tests.ledger.life.place import Place, books

DEPLOYMENTS = {"ours": "gpt-4.1-mini"}
MODELS = {"gpt-4.1-mini": {"name": "ours", "base_model": "gpt-4.1-mini", "type": "GlobalBatch"}}
FLAGGED = [{"role": "user", "content": "[[flagged]] do it"}]


@pytest.fixture(params=[None, "2025-04-01-preview"], ids=["v1", "dated"])
def site(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path, clock: ManualClock
) -> Iterator[Site]:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    place = Place(str(tmp_path / "ledger.db"), tmp_path, clock)
    try:
        place.emulate("azure", quirks=[ALL_QUIRKS], deployments=DEPLOYMENTS)
        account = place.served("azure", deployments=MODELS, api_version=request.param)
        setup = {"accounts": [account], "default_account": "azure"}
        with Site(place, GatewaySettings(follow=False), setup).served() as site:
            yield site
    finally:
        place.close()


def test_all_quirks_at_once_are_nothing_that_a_client_of_the_gateway_sees(site: Site) -> None:
    emulator: AzureEmulator = site.place.emulate("azure")
    content = chat_lines(20) + chat_lines(3, prefix="bad", temperature=9)
    content += chat_lines(2, prefix="no", messages=FLAGGED)
    with site.openai() as client:
        file = client.files.create(file=("in.jsonl", content), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", metadata={"a": "b"}
        )
        site.follow()
        done = client.batches.retrieve(batch.id)
        assert (done.status, done.metadata, done.endpoint) == ("completed", {"a": "b"}, CHAT)
        counts = done.request_counts
        assert counts is not None
        assert (counts.total, counts.completed, counts.failed) == (25, 20, 5)
        output = client.files.content(done.output_file_id or "").text.splitlines()
        errors = client.files.content(done.error_file_id or "").text.splitlines()
        ids = [json.loads(row)["custom_id"] for row in (*output, *errors)]
        assert ids == [json.loads(line)["custom_id"] for line in content.splitlines()]
        # what was sent is the gateway's own copy, with the models that the client named
        assert client.files.content(file.id).content == content
    receipt = site.run(lambda ledger: ledger.receipt(batch.id))
    assert receipt.proof.outcomes == {"ok": 20, "error": 3, "blocked": 2}
    tokens = books(emulator)
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == tokens
    cached = receipt.usage.cached_tokens
    # half of 0.40, 0.10 (cached) and 1.60 dollars a million: gpt-4.1-mini, not "ours"
    cost = (tokens[0] - cached) * Decimal("0.20") + cached * Decimal("0.05")
    assert receipt.cost == round((cost + tokens[1] * Decimal("0.80")) / 1_000_000, 9)
