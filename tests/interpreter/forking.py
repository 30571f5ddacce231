"""The process that has imported everything, and forks for each program."""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

PRELOADED = (
    "batchyard.cli",
    "batchyard.client",
    "batchyard.gateway",
    "batchyard.ledger",
    "batchyard.prices",
    "batchyard_azure",
    "batchyard_openai",
    "batchyard_openai.emulator",
    "batchyard_vertex",
    "httpx",
    "sqlalchemy.ext.asyncio",
)

Program = Callable[[], None]


def main() -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(64)
    for one in PRELOADED:
        importlib.import_module(one)
    gc.freeze()
    print("ready", flush=True)  # noqa: T201 - what who started it waits for
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the keepers leave no zombies
    program = _served(server)
    program()


def _served(server: socket.socket) -> Program:
    """Return in a child only, with the program that it is to be."""
    while True:
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            return _kept(connection)
        connection.close()


def _kept(connection: socket.socket) -> Program:
    """Keep a program: pass signals to it, tell its end, and end it when nobody asks any more."""
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    request = json.loads(_exactly(connection, int.from_bytes(_exactly(connection, 4), "big")))
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        connection.close()
        return _prepared(request, files)
    for one in files:
        os.close(one)
    ending = threading.Thread(target=_tell_the_end, args=(connection, child))
    ending.start()
    number = b"?"
    while number:
        number = connection.recv(1)
        with suppress(ProcessLookupError):  # it has ended in this moment
            os.kill(child, number[0] if number else signal.SIGKILL)
    ending.join()
    os._exit(1)


def _tell_the_end(connection: socket.socket, child: int) -> None:
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(OSError):  # who asked may be gone
        connection.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            os._exit(1)
        read += part
    return read


def _prepared(request: dict[str, Any], files: list[int]) -> Program:
    """Become a new process as far as a program can tell."""
    for place, one in enumerate(files):
        os.dup2(one, place)
        os.close(one)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environ"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - likewise
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    return _program(request["arguments"])


def _program(arguments: list[str]) -> Program:
    """What an interpreter makes of its arguments: ``-W``, then ``-m``, ``-c`` or a file."""
    while arguments[0] == "-W":
        warnings.simplefilter("error" if arguments[1] == "error" else "ignore")
        arguments = arguments[2:]
    own = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    kind, *rest = arguments
    if kind == "-m":
        sys.path[:0] = [str(Path.cwd()), *own]
        sys.argv = rest
        return lambda: void(runpy.run_module(rest[0], run_name="__main__", alter_sys=True))
    if kind == "-c":
        sys.path[:0] = ["", *own]
        sys.argv = ["-c", *rest[1:]]
        module = sys.modules["__main__"] = ModuleType("__main__")
        return lambda: exec(compile(rest[0], "<string>", "exec"), module.__dict__)  # noqa: S102 - as -c does
    sys.path[:0] = [str(Path(kind).absolute().parent), *own]
    sys.argv = arguments
    return lambda: void(runpy.run_path(kind, run_name="__main__"))


def void(_: object) -> None:
    """Take what is of no use."""


if __name__ == "__main__":
    main()
