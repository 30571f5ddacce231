"""Files to be estimated."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

TEXT = (
    "the batch of requests is read from a file and every line of it has a name that no other "
    "line has so that results which come in any order can be matched with what was asked for "
    "Überraschung naïveté 数据 данные 12345 http://example.com/a?b=c def f(x): return x**2"
)
WORDS = TEXT.split()


def line(number: int, url: str = "/v1/chat/completions", **body: Any) -> bytes:
    wanted = {"model": "gpt-4o-mini", **body}
    record = {"custom_id": f"r-{number}", "method": "POST", "url": url, "body": wanted}
    return json.dumps(record, ensure_ascii=False).encode()


def chat(number: int, text: str, **body: Any) -> bytes:
    return line(number, messages=[{"role": "user", "content": text}], **body)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing is secret about it


def prose(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def written(path: Path, lines: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        for one in lines:
            file.write(one + b"\n")
    return path
