"""A receiver of HTTP posts that can be well, down, slow, rejecting, raising, and hanging."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

__all__ = ["Post", "Receiver"]


@dataclass(frozen=True)
class Post:
    """What came in; the names of headers are in small letters."""

    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Receiver:
    """Listens on this machine; a context manager.

    ``posts`` has what was answered with a 2xx, ``status`` what it answers in the
    moods ``well`` and ``slow``, and ``entered`` is set when a post hangs.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.attempts = 0
        self.status = 200
        self.answer_headers: dict[str, str] = {}
        self.mood = "well"
        self.entered = threading.Event()
        self._let_go = threading.Event()
        self._tls = tls
        self._server = self._listening(0)
        self.port = self._server.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        if self.mood != "down":
            self._close()

    def set(self, mood: str) -> None:
        """Change the mood; what hangs is let go, and is not taken."""
        if mood == "down" and self.mood != "down":
            self._close()
        if mood != "down" and self.mood == "down":
            self._server = self._listening(self.port)
        self.mood = mood
        self._let_go.set()
        self._let_go = threading.Event()

    def take(self, post: Post) -> tuple[int, Callable[[], object]]:
        """The status to answer with, and what to do first."""
        self.attempts += 1
        if self.mood == "rejecting":
            return 503, lambda: None
        if self.mood == "raising":
            # it goes away in the middle of it
            return 0, lambda: None
        if self.mood == "hanging":
            let_go = self._let_go
            self.entered.set()
            return 0, let_go.wait
        if self.mood == "slow":
            pause = threading.Event()
            return self._taken(post), lambda: pause.wait(0.02)
        return self._taken(post), lambda: None

    def _taken(self, post: Post) -> int:
        if 200 <= self.status < 300:
            self.posts.append(post)
        return self.status

    def _listening(self, port: int) -> ThreadingHTTPServer:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {
                    name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers
                }
                status, first = receiver.take(Post(self.path, headers, body))
                first()
                if status:
                    self.send_response(status)
                    for name, value in receiver.answer_headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                pass

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        if self._tls is not None:
            server.socket = self._tls.wrap_socket(server.socket, server_side=True)
        # it looks as often whether it is to stop
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server

    def _close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
