"""What people run against such a gateway: curl, and the official client."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from batchyard.errors import BatchyardError
from scripts.demo._places import FOLDER, REQUESTS, ROOT

__all__ = ["curl_commands", "reviews_with_openai"]

CHAT = "/v1/chat/completions"
KEY = "Authorization: Bearer sk-1234"
ENDED = {"completed", "failed", "expired", "cancelled"}
PATIENCE = 120.0
"""Seconds for a batch that an emulator answers in some."""


def curl_commands(url: str) -> None:
    """A file, a batch, the batch again, and the list of batches."""
    data = FOLDER / "mydata.jsonl"
    data.write_bytes(b"".join(REQUESTS.read_bytes().splitlines(keepends=True)[:3]))
    if shutil.which("curl") is None:
        print("(curl is not installed here: the same requests are sent from Python)")
    here = data.relative_to(ROOT)
    file = _curl(f"{url}/v1/files", "-F", "purpose=batch", "-F", f"file=@{here}")
    body = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
    json_type = ("-H", "Content-Type: application/json")
    batch = _curl(f"{url}/v1/batches", *json_type, "-d", json.dumps(body))
    _curl(f"{url}/v1/batches/{batch['id']}", *json_type)
    _curl(f"{url}/v1/batches", *json_type)


def _curl(url: str, *arguments: str) -> Any:
    command = ["curl", "-sS", url, "-H", KEY, *arguments]
    print("$", shlex.join(command), flush=True)
    if shutil.which("curl") is None:
        answer = _sent(url, arguments)
    else:
        answer = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    print(f"  {answer.decode()[:300]}{'…' if len(answer) > 300 else ''}\n", flush=True)
    found = json.loads(answer)
    if "error" in found:
        raise BatchyardError(f"the gateway refused: {found['error']['message']}")
    return found


def _sent(url: str, arguments: tuple[str, ...]) -> bytes:
    """The request that curl makes of these arguments."""
    name, _, value = KEY.partition(": ")
    headers, form, content = {name: value}, {}, None
    for option, given in zip(arguments[::2], arguments[1::2], strict=True):
        if option == "-F":
            key, _, text = given.partition("=")
            form[key] = text
        elif option == "-d":
            content = given
        else:
            name, _, value = given.partition(": ")
            headers[name] = value
    if form:
        path = ROOT / form.pop("file").removeprefix("@")
        files = {"file": (path.name, path.read_bytes())}
        return httpx.post(url, headers=headers, data=form, files=files).content
    method = "GET" if content is None else "POST"
    return httpx.request(method, url, headers=headers, content=content).content


def reviews_with_openai(url: str, provider: str) -> str:
    """All the example's requests, sent with the official client; the batch's id.

    Its answers and its errors are two files in the demo's folder.
    """
    base_url = f"{url}/{provider}/v1"
    print(f'# with OpenAI(base_url="{base_url}"): {REQUESTS.relative_to(ROOT)}', flush=True)
    with OpenAI(base_url=base_url, api_key="sk-1234") as client:
        file = client.files.create(file=REQUESTS, purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        batch = _ended(client, batch.id)
        counts = batch.request_counts
        assert counts is not None  # noqa: S101 - a batch that was settled has been counted
        print(
            f"  {batch.id} {batch.status}: {counts.total} requests, "
            f"{counts.completed} answered, {counts.failed} refused\n",
            flush=True,
        )
        for file_id, name in ((batch.output_file_id, "results"), (batch.error_file_id, "errors")):
            if file_id is not None:
                path = Path(FOLDER / f"{provider}.{name}.jsonl")
                with client.files.with_streaming_response.content(file_id) as content:
                    content.stream_to_file(path)
    return batch.id


def _ended(client: OpenAI, batch_id: str) -> Any:
    until = time.monotonic() + PATIENCE
    seen = None
    while time.monotonic() < until:
        batch = client.batches.retrieve(batch_id)
        if batch.status != seen:
            print(f"  {batch.status}", flush=True)
            seen = batch.status
        if batch.status in ENDED:
            return batch
        time.sleep(0.5)
    raise BatchyardError(f"the batch {batch_id} is {seen} after {PATIENCE:g} seconds")
