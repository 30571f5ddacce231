"""A finished batch with large files, and a process that reads its results."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

from batchyard import AsyncClient, Client


class LargeService:
    """Serves one batch whose files are made up line by line; results come in reverse order."""

    def __init__(self, lines: int, size: int) -> None:
        self._lines = lines
        self._filling = "x" * size

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        await receive()
        path = scope["path"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in self._body(path):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    def _body(self, path: str) -> Iterator[bytes]:
        if path.endswith("/file-in/content"):
            yield from self._blocks(range(self._lines), self._request)
        elif path.endswith("/file-out/content"):
            yield from self._blocks(range(self._lines - 1, -1, -1), self._result)
        else:
            batch = {
                "id": "batch_1",
                "endpoint": "/v1/chat/completions",
                "status": "completed",
                "input_file_id": "file-in",
                "output_file_id": "file-out",
            }
            yield json.dumps(batch).encode()

    def _blocks(self, numbers: range, line: Any) -> Iterator[bytes]:
        for start in range(0, len(numbers), 200):
            yield "".join(line(number) for number in numbers[start : start + 200]).encode()

    def _request(self, number: int) -> str:
        return (
            f'{{"custom_id": "r-{number}", "method": "POST", "url": "/v1/chat/completions", '
            f'"body": {{"model": "m", "x": "{self._filling}"}}}}\n'
        )

    def _result(self, number: int) -> str:
        return (
            f'{{"id": "b-{number}", "custom_id": "r-{number}", "response": {{"status_code": 200, '
            f'"body": {{"x": "{self._filling}", "usage": {{"prompt_tokens": 1, '
            f'"completion_tokens": 1}}}}}}, "error": null}}\n'
        )


def read(colour: str, url: str) -> str:
    """Go through all results, keeping none; the proof."""
    settings: dict[str, Any] = {"api_key": "sk-large-0000", "base_url": url}
    if colour == "sync":
        with Client("openai", **settings) as client:
            results = client.batches.results("batch_1")
            for _ in results:
                pass
            return str(results.completeness)

    async def main() -> str:
        async with AsyncClient("openai", **settings) as client:
            results = client.batches.results("batch_1")
            async for _ in results:
                pass
            return str(results.completeness)

    return asyncio.run(main())


def peak() -> float:
    """Megabytes; Linux counts ``ru_maxrss`` in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    import httpx  # noqa: F401 - what is imported on first use is no growth

    before = peak()
    sys.stdout.write(read(sys.argv[1], sys.argv[2]) + "\n")
    sys.stdout.write(f"{peak() - before}\n")
