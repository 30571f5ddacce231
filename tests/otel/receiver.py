"""What receives OTLP over HTTP, and decodes it by the official protobufs."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    message: Any
    raw: bytes

    @property
    def signal(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass
class Receiver:
    """``statuses`` are given in turn to what comes, then ``status``.

    Where it is ``endless``, an answer has no end; ``answered`` are the bytes that
    were taken of it.
    """

    url: str
    received: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    status: int = 200
    rejects: int = 0
    endless: bool = False
    answered: int = 0
    leads_to: str = "http://127.0.0.1:9/"

    def of(self, signal: str) -> list[Any]:
        return [one.message for one in self.received if one.signal == signal]

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for message in self.of("traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def records(self) -> list[Any]:
        return [
            record
            for message in self.of("logs")
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    @property
    def metrics(self) -> dict[str, Any]:
        return {
            metric.name: metric
            for message in self.of("metrics")
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    @property
    def raw(self) -> bytes:
        return b"".join(one.raw for one in self.received)


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as they are in Python."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            raw = gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body
            status = receiver.statuses.pop(0) if receiver.statuses else receiver.status
            headers = {name.lower(): value for name, value in self.headers.items()}
            if status < 300:
                message = KINDS[self.path.rsplit("/", 1)[-1]].FromString(raw)
                receiver.received.append(Received(self.path, headers, message, raw))
            self._answer(status)

        def _answer(self, status: int) -> None:
            said = ExportTraceServiceResponse()
            said.partial_success.rejected_spans = receiver.rejects
            reply = said.SerializeToString() if status < 300 else b""
            self.send_response(status)
            if receiver.endless:
                self._go_on()
                return
            if 300 <= status < 400:
                self.send_header("location", receiver.leads_to)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def _go_on(self) -> None:
            self.close_connection = True
            self.end_headers()
            with suppress(OSError):
                # which no test has to wait for
                while receiver.answered < 64_000_000:
                    receiver.answered += self.wfile.write(bytes(65_536))

        def log_message(self, *arguments: Any) -> None:
            """To nobody."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
