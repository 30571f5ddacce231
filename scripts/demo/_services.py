"""What the demo talks to: emulators, and the gateway over them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from batchyard.errors import BatchyardError
from batchyard.registry import Registry
from scripts.demo._places import ROOT

__all__ = ["command", "emulated", "gateway"]

SERVING = "Serving at "


@contextmanager
def emulated(providers: Sequence[str]) -> Iterator[Mapping[str, str]]:
    """Serve the providers' emulators; the variables point their default accounts there."""
    environment = dict(os.environ)
    with ExitStack() as scope:
        for provider in providers:
            emulator = Registry().load("emulators", provider)()
            server = scope.enter_context(emulator.serve())
            print(f"The emulator of {provider} listens on {server.url}", flush=True)
            environment |= emulator.environment(server.url)
        yield environment


def command(*arguments: str) -> list[str]:
    """The command that a user has."""
    return [str(Path(sys.executable).with_name("batchyard")), *arguments]


@contextmanager
def gateway(configuration: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """`batchyard serve` on a free port; gives its address."""
    arguments = ("serve", "--port", "0", "--config", str(configuration.relative_to(ROOT)))
    print("$ batchyard", *arguments, flush=True)
    with subprocess.Popen(
        command(*arguments), cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = _address(process)
            print(f"  {SERVING}{url}/v1\n", flush=True)
            _keep(process, configuration.with_name("gateway.log"))
            yield url
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    """What the gateway says of where it is, once it is there."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        if SERVING in line:
            return line.partition(SERVING)[2].strip().removesuffix("/v1")
    raise BatchyardError(f"the gateway did not start: {''.join(said).strip()}")


def _keep(process: subprocess.Popen[str], path: Path) -> None:
    """Write its log to a file: a pipe that nobody reads would stop it."""

    def copy() -> None:
        with path.open("w", encoding="utf-8") as log:
            log.writelines(process.stderr or ())

    threading.Thread(target=copy, daemon=True).start()
