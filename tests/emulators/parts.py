from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import httpx2
from openai import OpenAI
from openai.types import Batch, FileObject

from batchyard_openai.emulator import OpenAIEmulator

START = 1_790_000_000.0
CHAT: Final = "/v1/chat/completions"
LONG_ENOUGH = 300
"""Seconds after which any small batch has ended, at a time scale of 1."""

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""One for all: reading the machine's certificates takes longer than most tests."""


class Hands:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


def chat(custom_id: str, text: str = "hello", **body: Any) -> dict[str, Any]:
    content = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]} | body
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": content}


def chats(count: int) -> list[dict[str, Any]]:
    return [chat(f"row-{number}") for number in range(count)]


def request(url: str, custom_id: str = "row", **body: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def jsonl(lines: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@dataclass
class Rig:
    """An emulator that serves, its clock, and the official client pointed at it."""

    emulator: OpenAIEmulator
    clock: Hands
    client: OpenAI
    http: httpx.Client

    def upload(self, lines: Iterable[Any] | bytes, name: str = "in.jsonl") -> FileObject:
        content = lines if isinstance(lines, bytes) else jsonl(lines)
        return self.client.files.create(file=(name, content), purpose="batch")

    def create(self, lines: Iterable[Any] | bytes, endpoint: Any = CHAT) -> Batch:
        return self.client.batches.create(
            input_file_id=self.upload(lines).id, endpoint=endpoint, completion_window="24h"
        )

    def again(self, batch: Batch) -> Batch:
        return self.client.batches.retrieve(batch.id)

    def finish(self, lines: Iterable[Any] | bytes, endpoint: Any = CHAT) -> Batch:
        """Create a batch, let its time pass, and see how it ended."""
        batch = self.create(lines, endpoint)
        self.clock.advance(LONG_ENOUGH)
        return self.again(batch)

    def rows(self, file_id: str | None) -> list[dict[str, Any]]:
        if not file_id:
            return []
        return [json.loads(line) for line in self.client.files.content(file_id).text.splitlines()]

    def answers(self, lines: Iterable[Any], endpoint: str = CHAT) -> dict[str, Any]:
        """Every row's status and body, by custom_id, good or not."""
        batch = self.finish(lines, endpoint)
        assert batch.status == "completed", batch.errors
        rows = self.rows(batch.output_file_id) + self.rows(batch.error_file_id)
        return {row["custom_id"]: row["response"] for row in rows}

    def answer(self, line: dict[str, Any]) -> Any:
        """The body of the good answer to one line."""
        (response,) = self.answers([line], line["url"]).values()
        assert response["status_code"] == 200, response
        return response["body"]

    def refusal(self, line: dict[str, Any]) -> Any:
        """The error that one line is answered with."""
        (response,) = self.answers([line], line["url"]).values()
        assert response["status_code"] == 400, response
        assert response["body"]["error"].keys() == {"message", "type", "param", "code"}
        return response["body"]["error"]


@contextmanager
def rigged(**options: Any) -> Iterator[Rig]:
    clock = Hands()
    settled: dict[str, Any] = {"clock": clock, "time_scale": 1.0, "latency": 0.0} | options
    with closing(OpenAIEmulator(**settled)) as emulator, emulator.serve() as server:
        settings = emulator.environment(server.url)
        key, url = settings["OPENAI_API_KEY"], settings["OPENAI_BASE_URL"]
        headers = {"authorization": f"Bearer {key}"}
        with (
            httpx.Client(base_url=server.url, headers=headers, timeout=10, verify=TLS) as http,
            OpenAI(
                api_key=key,
                base_url=url,
                max_retries=0,
                timeout=10,
                http_client=httpx2.Client(verify=TLS),
            ) as client,
        ):
            yield Rig(emulator, clock, client, http)


@contextmanager
def peak_memory() -> Iterator[Callable[[], int]]:
    """How many bytes the process grew by at its highest, compared with the beginning."""
    Path("/proc/self/clear_refs").write_text("5", "ascii")  # forget earlier peaks
    before = _status("VmRSS")
    yield lambda: _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
