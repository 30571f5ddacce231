"""`batchyard serve` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI

from tests.gateway.site import CHAT, lines

__all__ = ["Serving", "children_of", "serve", "serving"]


class Serving:
    """The process, from its start to its end."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *options: str) -> None:
        theirs = {one: it for one, it in os.environ.items() if not one.startswith("BATCHYARD_")}
        own = {
            "BATCHYARD_LEDGER__URL": str(folder / "ledger.db"),
            "BATCHYARD_LEDGER__STORE": str(folder / "store"),
            "BATCHYARD_LEDGER__POLL_FIRST": "0.2",
            "XDG_CONFIG_HOME": str(folder),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "batchyard", *(options or serve())],
            cwd=folder,
            env={**theirs, **own, **environ},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        self.log = ""
        self.url = ""
        self._there = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line
            if found := re.search(r"Serving at (\S+)/v1", line):
                self.url = found[1]
                self._there.set()
        self._there.set()

    def ready(self) -> Serving:
        """Once it answers."""
        assert self._there.wait(90)
        assert self.url, self.log
        with self.http() as http:
            http.get("/healthz").raise_for_status()
        return self

    def ended(self, seconds: float = 90) -> int:
        code = self.process.wait(seconds)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code

    def http(self, **options: Any) -> httpx.Client:
        # a socket that nobody takes from yet is there before the process answers
        return httpx.Client(base_url=self.url, timeout=90, **options)

    def openai(self, key: str = "sk-any") -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=90)

    def batch(self, count: int = 2, **values: Any) -> str:
        client = self.openai()
        file = client.files.create(file=("in.jsonl", lines(count)), purpose="batch")
        made = client.batches.create(
            input_file_id=file.id, endpoint=CHAT, completion_window="24h", **values
        )
        return made.id

    def completed(self, *batch_ids: str) -> None:
        """Wait until they are."""
        client = self.openai()
        for one in batch_ids:
            for _ in range(900):
                status = client.batches.retrieve(one).status
                if status == "completed":
                    break
                threading.Event().wait(0.1)
            assert status == "completed"


def serve(*options: str) -> tuple[str, ...]:
    return ("serve", "--port", "0", *options)


@contextmanager
def serving(folder: Path, environ: Mapping[str, str], *options: str) -> Iterator[Serving]:
    """A gateway that answers; whatever is left of it at the end is killed."""
    made = Serving(folder, environ, *serve(*options))
    try:
        yield made.ready()
    finally:
        for child in children_of(made.process.pid):
            os.kill(child, signal.SIGKILL)
        made.process.kill()
        made.ended()


def children_of(pid: int) -> list[int]:
    """The processes that serve, without multiprocessing's own helper; none once it has ended."""
    with suppress(OSError):
        all_of_them = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in all_of_them if b"spawn_main" in _command(one)]
    return []


def _command(pid: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
