"""What people run with LiteLLM today runs after changing the import, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines

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


def test_litellms_quickstart_runs_after_changing_the_import(tmp_path: Path) -> None:
    (tmp_path / "openai_batch_completions.jsonl").write_bytes(chat_lines(2))
    script = tmp_path / "quickstart.py"
    script.write_text(QUICKSTART, encoding="utf-8")
    with OpenAIEmulator().serve() as server:
        done = subprocess.run(
            [sys.executable, script],
            env={**os.environ, "OPENAI_BASE_URL": f"{server.url}/v1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    metadata = {"key1": "value1", "key2": "value2"}
    assert done.stdout.strip() == f"{metadata} {len(chat_lines(2))} 1"
