"""Google's own client works against the emulator, as it is."""

from __future__ import annotations

import gc
import importlib
import io
import json
from typing import Any

import pytest

from batchyard.testing import Emulated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]

ROWS = [
    {"key": f"r{n}", "request": {"contents": [{"role": "user", "parts": [{"text": f"Hi {n}"}]}]}}
    for n in range(3)
]


def test_googles_client_takes_a_batch_through_its_life() -> None:
    genai: Any = importlib.import_module("google.genai")
    types: Any = importlib.import_module("google.genai.types")
    with Emulated("gemini") as place:
        client = genai.Client(
            api_key=place.environment["GEMINI_API_KEY"],
            http_options=types.HttpOptions(base_url=place.url),
        )
        content = io.BytesIO("".join(json.dumps(one) + "\n" for one in ROWS).encode())
        config = types.UploadFileConfig(display_name="in", mime_type="application/jsonl")
        file = client.files.upload(file=content, config=config)
        job = client.batches.create(
            model="gemini-2.5-flash", src=file.name, config={"display_name": "mine"}
        )
        assert job.state.name == "JOB_STATE_PENDING"
        place.clock.advance(600.0)
        job = client.batches.get(name=job.name)
        assert job.state.name == "JOB_STATE_SUCCEEDED"
        data = client.files.download(file=job.dest.file_name)
        keys = [json.loads(line)["key"] for line in data.splitlines()]
        assert keys == ["r0", "r1", "r2"]
        inline = client.batches.create(
            model="gemini-2.5-flash",
            src=[{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}],
            config={"display_name": "inline"},
        )
        client.batches.cancel(name=inline.name)
        assert client.batches.get(name=inline.name).state.name == "JOB_STATE_CANCELLED"
        assert len(list(client.batches.list(config={"page_size": 1}))) == 2
        client.batches.delete(name=inline.name)
        client.files.delete(name=file.name)
        assert [one.name for one in client.batches.list()] == [job.name]
        client.close()
    del client
    # what it leaves to the garbage collector is collected here, and warns nobody else
    gc.collect()
