"""Files that somebody made to break a reader, and processes that read them."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

MIB = 1 << 20

GOOD = (
    b'{"custom_id": "%s", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "m-1", "messages": [{"role": "user", "content": %s}]}}\n'
)
"""A line, but for its id and its content."""


def line(custom_id: str, content: bytes = b'"hello"') -> bytes:
    return GOOD % (custom_id.encode(), content)


def among_good(hostile: bytes) -> bytes:
    """The hostile line as the second of three."""
    return line("first") + hostile.rstrip(b"\n") + b"\n" + line("last")


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + b"1" + closing * depth


def write_blocks(path: Path, blocks: Iterator[bytes]) -> Path:
    with path.open("wb") as file:
        file.writelines(blocks)
    return path


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and the megabytes that it had in memory at its peak."""

    exit_code: int
    stdout: str
    stderr: str
    peak: float


def run(command: list[str], *, powerless: bool = False) -> Ended:
    """Run ``python -m batchyard``; an account is configured, and its service cannot be reached.

    *powerless*: a root that may not read what its owner may not.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "OPENAI_API_KEY": "sk-hostile-0123456789",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    # a process counts the memory of the one it was forked from as its own, so that is a small one
    done = subprocess.run(
        [sys.executable, __file__, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        preexec_fn=_give_up_powers if powerless else None,
        check=True,
        text=True,
    )
    return Ended(**json.loads(done.stdout))


def _give_up_powers() -> None:
    """Drop ``CAP_DAC_OVERRIDE`` and ``CAP_DAC_READ_SEARCH`` (capabilities(7), prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):
        if libc.prctl(24, capability, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")


def main() -> None:
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "batchyard", *sys.argv[1:]], stdout=stdout, stderr=stderr
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        # Linux counts ``ru_maxrss`` in KiB
        peak = used.ru_maxrss * 1024 / MIB
        ended = Ended(process.returncode, stdout.read().decode(), stderr.read().decode(), peak)
    sys.stdout.write(json.dumps(asdict(ended)))


if __name__ == "__main__":
    main()
