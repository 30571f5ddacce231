"""What is measured: servers in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Self
from urllib.request import Request, urlopen

__all__ = ["KEY", "KINDS", "Contestant", "installed"]

OWN = Path(__file__).parent.parent.parent / "build/benchmarks"
KEY = "sk-benchmark-0123456789abcdef"
PATIENCE = 120.0


class Contestant(ABC):
    """A server.  ``batch`` and ``file`` are what it is asked for."""

    name: ClassVar[str]
    alive: ClassVar[str] = "/readyz"

    def __init__(self, folder: Path, upstream: str) -> None:
        self.folder = folder
        self.upstream = upstream
        self.port = 0
        self.cold_start = 0.0
        self.batch = "batch_1"
        self.file = "file-1"
        self.pids: tuple[int, ...] = ()

    @classmethod
    def available(cls) -> bool:
        return True

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it."""

    def environment(self) -> Mapping[str, str]:
        return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": self.upstream}

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """What has to be there before it is asked."""

    @contextmanager
    def served(self) -> Iterator[Self]:
        self.folder.mkdir(parents=True)
        self.port = _free_port()
        began = time.monotonic()
        with (self.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environment()},
                stdout=log,
                stderr=log,
            )
        try:
            while not self._answers():
                if process.poll() is not None or time.monotonic() > began + PATIENCE:
                    said = (self.folder / "log").read_text("utf-8", "replace")[-2000:]
                    raise SystemExit(f"{self.name} did not start:\n{said}")
                time.sleep(0.01)
            self.cold_start = time.monotonic() - began
            self.prepare()
            self.pids = tuple(_family(process.pid))
            yield self
        finally:
            process.terminate()
            process.wait(30)

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        headers = {"authorization": f"Bearer {KEY}", "content-type": kind}
        url = f"http://127.0.0.1:{self.port}{path}"
        with urlopen(Request(url, body, headers), timeout=30) as reply:
            answer: bytes = reply.read()
        return answer

    def _answers(self) -> bool:
        try:
            self.ask(self.alive)
        except OSError:
            return False
        return True


class Direct(Contestant):
    """The upstream itself, which is as fast as all of this can be."""

    name = "upstream"

    @contextmanager
    def served(self) -> Iterator[Self]:
        self.port = int(self.upstream.rpartition(":")[2].partition("/")[0])
        yield self


class Batchyard(Contestant):
    name = "batchyard"

    def command(self) -> Sequence[str]:
        own = str(Path(sys.executable).with_name("batchyard"))
        return (own, "serve", "--port", str(self.port), "--ledger", "ledger.db")

    def prepare(self) -> None:
        line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
        body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello!"}]}
        form = (
            '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b\r\n'
            'Content-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
            f"{json.dumps({**line, 'body': body})}\r\n--b--\r\n"
        )
        made = self.ask("/v1/files", form.encode(), "multipart/form-data; boundary=b")
        order = {
            "input_file_id": json.loads(made)["id"],
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
        }
        self.batch = json.loads(self.ask("/v1/batches", json.dumps(order).encode()))["id"]
        until = time.monotonic() + 20
        while b'"in_progress"' not in self.ask(f"/v1/batches/{self.batch}"):
            if time.monotonic() > until:
                raise SystemExit("the batch did not begin")
            time.sleep(0.1)


class LiteLLM(Contestant):
    name = "litellm"
    alive = "/health/liveliness"

    @classmethod
    def available(cls) -> bool:
        return (OWN / "litellm-proxy/bin/litellm").exists()

    def command(self) -> Sequence[str]:
        config = self.folder / "config.yaml"
        upstream = f"    api_base: {self.upstream}\n    api_key: {KEY}\n"
        config.write_text(
            "model_list:\n- model_name: gpt-5-mini\n  litellm_params:\n"
            f"    model: openai/gpt-5-mini\n{upstream}"
            f"files_settings:\n- custom_llm_provider: openai\n{upstream.replace('    ', '  ')}"
            f"general_settings:\n  master_key: {KEY}\n",
            encoding="utf-8",
        )
        program = str(OWN / "litellm-proxy/bin/litellm")
        return (program, "--config", str(config), "--port", str(self.port), "--host", "127.0.0.1")

    def environment(self) -> Mapping[str, str]:
        return {
            **super().environment(),
            "OPENAI_API_BASE": self.upstream,
            # else it asks the internet for its prices
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }


class FerroGW(Contestant):
    name = "ferrogw"
    alive = "/health"

    @classmethod
    def available(cls) -> bool:
        return (OWN / "ferrogw/bin/ferrogw").exists()

    def command(self) -> Sequence[str]:
        return (str(OWN / "ferrogw/bin/ferrogw"), "serve")

    def environment(self) -> Mapping[str, str]:
        config = self.folder / "config.yaml"
        # without it, it takes neither batches nor more than ten megabytes
        config.write_text(
            "strategy:\n  mode: single\ntargets:\n  - virtual_key: openai\n"
            "batch_target: openai\nmax_request_bytes: 1000000000\n",
            encoding="utf-8",
        )
        limits = {"RATE_LIMIT_RPS": "1000000", "RATE_LIMIT_BURST": "1000000"}
        own = {"GATEWAY_CONFIG": str(config), "MASTER_KEY": KEY, "PORT": str(self.port)}
        return {**super().environment(), **limits, **own}


KINDS: Mapping[str, type[Contestant]] = {
    one.name: one for one in (Direct, Batchyard, LiteLLM, FerroGW)
}


def installed(names: Sequence[str], *, litellm: bool, ferrogw: bool) -> None:
    """Install those that are asked for, each into an environment of its own."""
    for name, folder, spec, wanted in (
        ("litellm", "litellm-proxy", "litellm[proxy]", litellm),
        ("ferrogw", "ferrogw", "ferrogw", ferrogw),
    ):
        target = OWN / folder
        if wanted and name in names and not target.exists():
            subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
            pip = [str(target / "bin/python"), "-m", "pip", "install", "--quiet", spec]
            subprocess.run(pip, check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _family(pid: int) -> Iterator[int]:
    """The process and all that it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))
