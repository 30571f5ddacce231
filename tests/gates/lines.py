"""Lines and gates for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from batchyard.hookspecs import GateLine, Verdict, hookimpl


def request(custom_id: str, text: str = "hello", **body: Any) -> bytes:
    """An input line, without its end."""
    wanted = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **body}
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": wanted}
    return json.dumps(line).encode()


def numbered(*lines: bytes) -> list[GateLine]:
    return [
        GateLine(number, json.loads(data)["custom_id"], data)
        for number, data in enumerate(lines, 1)
    ]


def body_of(data: bytes) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(data)["body"]
    return body


def changed(line: GateLine, **fields: Any) -> Verdict:
    """The line with other fields at its top."""
    return Verdict.rewrite(json.dumps({**json.loads(line.data), **fields}).encode())


class EachLine:
    """A gate that answers line by line, and keeps what it saw."""

    def __init__(self, answer: Callable[[GateLine], Any]) -> None:
        self._answer = answer
        self.chunks: list[list[GateLine]] = []

    @property
    def seen(self) -> list[GateLine]:
        return [line for chunk in self.chunks for line in chunk]

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        self.chunks.append(list(lines))
        return [self._answer(line) for line in lines]


class WholeChunk:
    """A gate that answers anything at all."""

    def __init__(self, answer: Callable[[Sequence[GateLine]], Any]) -> None:
        self._answer = answer

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> Any:
        return self._answer(lines)


class OfBatches:
    """A gate that answers for batches alone."""

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer

    @hookimpl
    def check_batch(self, batch: Any) -> Any:
        return self._answer(batch)


def redact(line: GateLine) -> Verdict:
    """Takes a word out."""
    if b"secret" not in line.data:
        return Verdict.keep()
    return Verdict.rewrite(line.data.replace(b"secret", b"[redacted]"))


def refuse_long(line: GateLine) -> Verdict:
    if len(line.data) > 1000:
        return Verdict.refuse("too_long", "Prompts are limited here.", "body.messages")
    return Verdict.keep()
