"""A script behind a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from batchyard.effects import Reply, Request
from batchyard.testing._script import Script, ScriptError

__all__ = ["Server", "serving"]

POLL = 0.005
"""Seconds that stopping may take."""


class Server(ThreadingHTTPServer):
    """Answers by script on a loopback port.

    A request that the script does not have is answered with 500; ``complaint`` says why.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.script = Script(())
        self.complaint: ScriptError | None = None
        self._lock = threading.Lock()

    def answer(self, request: Request, body: bytes) -> Reply:
        try:
            with self._lock:
                turn = self.script.turn(request)
                turn.check(body)
        except ScriptError as error:
            self.complaint = self.complaint or error
            return Reply(500, {}, str(error).encode())
        if not isinstance(turn.outcome, Reply):
            raise TypeError("a server can only reply; other faults are for a replay")
        return turn.outcome


class _Handler(BaseHTTPRequestHandler):
    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        server = self.server
        if not isinstance(server, Server):
            raise TypeError(f"served by {type(server).__name__}")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, f"{server.url}{self.path}", headers, body)
        self._reply(server.answer(request, body))

    def _reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        headers = {**reply.headers, "content-length": str(len(reply.body)), "connection": "close"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep tests quiet."""


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
