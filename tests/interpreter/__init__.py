"""A Python interpreter that starts at once, for the hundreds of programs that the suite runs.

Importing what a command needs takes most of a second, and the pages alone type a hundred
commands.  So one process imports it all, and forks for each program that is run:
:func:`python` is what to write instead of ``sys.executable``.  The program has its own
process, arguments, environment, folder and files all the same.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

__all__ = ["python"]

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


def python() -> tuple[str, ...]:
    """The command that runs a program: append what ``python`` would be given."""
    return sys.executable, "-ISE", str(FOLDER / "asking.py"), _address(os.getpid())


@cache
def _address(_owner: int) -> str:
    """The socket of the process that forks, which lives as long as this one."""
    folder = tempfile.mkdtemp(prefix="batchyard-python-")
    address = f"{folder}/socket"
    plain = {one: value for one, value in os.environ.items() if not one.startswith("BATCHYARD_")}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.interpreter.forking", address],
        cwd=ROOT,
        env=plain,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"

    def end() -> None:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return address
