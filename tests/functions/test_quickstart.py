"""What people run with LiteLLM today runs after changing the import, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from batchyard import Client
from batchyard.config import LedgerSettings
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines
from tests.interpreter import python

# LiteLLM's batch page, its snippets joined into one file; only the import is another one.
QUICKSTART = """
import asyncio
import os

import batchyard as litellm


async def main():
    file_name = "openai_batch_completions.jsonl"
    _current_dir = os.path.dirname(os.path.abspath(__file__))
    file_path = os.path.join(_current_dir, file_name)

    file_obj = await litellm.acreate_file(file=open(file_path, "rb"), purpose="batch", custom_llm_provider="openai")
    create_batch_response = await litellm.acreate_batch(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id=file_obj.id,
        custom_llm_provider="openai", metadata={"key1": "value1", "key2": "value2"},
    )
    retrieved_batch = await litellm.aretrieve_batch(batch_id=create_batch_response.id, custom_llm_provider="openai")
    assert retrieved_batch.id == create_batch_response.id
    file_content = await litellm.afile_content(file_id=file_obj.id, custom_llm_provider="openai")
    list_batches_response = litellm.list_batches(custom_llm_provider="openai", limit=2)   # sync
    print(retrieved_batch.metadata, len(file_content.content), len(list(list_batches_response)))


os.environ["OPENAI_API_KEY"] = "sk-.."
asyncio.run(main())
"""  # noqa: E501 - as it stands there


def run(folder: Path, emulator: OpenAIEmulator, **environ: str) -> str:
    """The quickstart in a process of its own; what it says beside its result."""
    (folder / "openai_batch_completions.jsonl").write_bytes(chat_lines(2))
    script = folder / "quickstart.py"
    script.write_text(QUICKSTART, encoding="utf-8")
    with emulator.serve() as server:
        done = subprocess.run(
            [*python(), script],
            env={**os.environ, "OPENAI_BASE_URL": f"{server.url}/v1", **environ},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    metadata = {"key1": "value1", "key2": "value2"}
    assert done.stdout.strip() == f"{metadata} {len(chat_lines(2))} 1"
    return done.stderr


def test_litellms_quickstart_runs_after_changing_the_import(tmp_path: Path) -> None:
    run(tmp_path, OpenAIEmulator())


def test_litellms_quickstart_runs_with_a_ledger_and_leaves_its_batch_there(
    tmp_path: Path,
) -> None:
    emulator = OpenAIEmulator()
    ledger = tmp_path / "ledger.db"
    said = run(tmp_path, emulator, BATCHYARD_LEDGER=str(ledger))
    assert said.startswith("nobody follows batch batch_")
    assert said.count("\n") == 1, said
    assert len(emulator.requests) == 0, "whoever follows it sends it"
    settings = LedgerSettings(url=str(ledger), poll_first=0.1)
    options: dict[str, Any] = {"api_key": "sk-..", "ledger": settings}
    with (
        emulator.serve() as server,
        Client("openai", base_url=f"{server.url}/v1", **options) as client,
    ):
        (batch,) = client.batches.list()
        assert client.batches.wait(batch).status == "completed"
        assert client.batches.cost(batch).cost
