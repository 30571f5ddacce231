"""Budgets and reports, over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

from batchyard.registry import Registry
from tests.gateway.keys import key_of
from tests.gateway.site import CHAT, MASTER, Site, gateway, lines


@pytest.fixture(scope="module")
def gated(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway with two of core's own gates, which gives each key next to nothing."""
    folder = tmp_path_factory.mktemp("gated")
    shutil.copy(sqlite_template, folder / "ledger.db")
    registry = Registry({})
    gates = [
        ("spend", registry.gate("budget", {"budgets": [{"key": "*", "limit": "0.0000001"}]})),
        ("privacy", registry.gate("redact", {"patterns": ["email"]})),
    ]
    settings = {"master_key": MASTER}
    with gateway(folder, str(folder / "ledger.db"), settings=settings, gates=gates) as made:
        yield made


def test_what_a_budget_has_not_left_is_a_402_that_names_it(gated: Site) -> None:
    key = key_of(gated)
    client = gated.openai(key.secret or "")
    file = client.files.create(file=("in.jsonl", lines(1)), purpose="batch")
    with pytest.raises(openai.APIStatusError) as refused:
        client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    assert refused.value.status_code == 402
    error = refused.value.body
    assert isinstance(error, dict)
    assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exceeded")
    assert error["budget"]["name"] == f"key {key.id} (month)"
    assert error["budget"]["limit"] == "0.000000100"
    assert list(client.batches.list()) == []


def test_the_report_of_a_file_says_what_gates_did(gated: Site) -> None:
    content = lines(2) + lines(1).replace(b"r-0", b"x").replace(b"Say", b"ana@example.com")
    with gated.http(key_of(gated).secret) as client:
        uploads = {"file": ("in.jsonl", content)}
        file = client.post("/v1/files", files=uploads, data={"purpose": "batch"}).json()
        report = client.get(f"/v1/files/{file['id']}/report").json()
        assert (report["object"], report["file_id"]) == ("file.report", file["id"])
        assert (report["lines"], report["refused"], report["rewritten"]) == (3, 0, 1)
        (gate,) = report["gates"]
        assert gate["gate"] == "privacy"
        assert gate["reasons"][0]["examples"] == [{"line": 3, "custom_id": "x", "message": None}]
        # what its owner reads is what was uploaded
        assert client.get(f"/v1/files/{file['id']}/content").content == content

        plain = client.post(
            "/v1/files", files={"file": ("in.jsonl", lines(1))}, data={"purpose": "batch"}
        ).json()
        nothing = client.get(f"/v1/files/{plain['id']}/report").json()
        assert (nothing["lines"], nothing["refused"], nothing["gates"]) == (1, 0, [])
