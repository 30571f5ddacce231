"""OpenTelemetry's exporters, called directly: what they did not get through is raised."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import ReadableSpan

from batchyard.errors import BatchyardError

__all__ = ["Exporters", "NotTakenError", "Target"]

log = logging.getLogger("batchyard.otel")

MOST = 65_536
"""Bytes of an answer that are read: a receiver may send on without end."""


class NotTakenError(BatchyardError):
    """The receiver did not take what it was sent; it is to be sent again."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to.  ``endpoint`` has no path of a signal; ``None`` is as the environment has it."""

    endpoint: str | None
    headers: Mapping[str, str] = field(repr=False)
    timeout: float
    compression: Literal["none", "gzip", "deflate"] = "gzip"

    def arguments(self, signal: str, session: requests.Session) -> dict[str, Any]:
        return {
            "endpoint": None if self.endpoint is None else f"{self.endpoint}/v1/{signal}",
            "headers": dict(self.headers),
            "timeout": self.timeout,
            "compression": Compression(self.compression),
            "session": session,
        }


class _Heard(threading.local):
    """What the receiver said last to this thread: the exporters keep it to themselves."""

    said: str = "it could not be reached in time"
    taken: bool = False
    body: bytes = b""


class _Session(requests.Session):
    """Minds what is answered, and lets no ``.netrc`` stand above the headers.

    A redirection is not followed: an API key would go along to wherever it leads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard = _Heard()
        self.auth = _as_it_is
        # what is read of an answer is then no more than what was sent
        self.headers["accept-encoding"] = "identity"

    def request(self, *arguments: Any, **options: Any) -> requests.Response:
        self.heard.said, self.heard.taken = "it could not be reached in time", False
        options |= {"stream": True, "allow_redirects": False}
        try:
            response = super().request(*arguments, **options)
        except requests.RequestException as error:
            self.heard.said += f": {type(error).__name__}"
            raise
        self.heard.said = f"it answered {response.status_code} {response.reason}"
        # to the exporters, a redirection is success
        self.heard.taken = response.ok and response.status_code < 300
        self.heard.body = _beginning(response)
        return response


def _beginning(response: requests.Response) -> bytes:
    """MOST bytes of what it says beside its status, which counts also where no more comes."""
    try:
        found: bytes = next(response.iter_content(MOST), b"")
    except requests.RequestException:
        return b""
    finally:
        response.close()
    return found


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class Exporters:
    """One for each signal, made when it is first used."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._session = _Session()
        self._making = threading.Lock()
        self._made: dict[str, Any] = {}

    def spans(self, spans: Sequence[ReadableSpan]) -> None:
        """Raises :class:`NotTakenError`."""
        exporter = self._of("traces", OTLPSpanExporter)
        self._send("traces", lambda: exporter.export(spans))
        self._told(ExportTraceServiceResponse, "rejected_spans")

    def metrics(self, metrics: MetricsData) -> None:
        """Raises :class:`NotTakenError`."""
        exporter = self._of("metrics", OTLPMetricExporter)
        self._send("metrics", lambda: exporter.export(metrics, self._target.timeout * 1000))
        self._told(ExportMetricsServiceResponse, "rejected_data_points")

    def logs(self, records: Sequence[ReadableLogRecord]) -> None:
        """Raises :class:`NotTakenError`."""
        exporter = self._of("logs", OTLPLogExporter)
        self._send("logs", lambda: exporter.export(records))
        self._told(ExportLogsServiceResponse, "rejected_log_records")

    def _of(self, signal: str, exporter: Callable[..., Any]) -> Any:
        with self._making:
            if signal not in self._made:
                self._made[signal] = exporter(**self._target.arguments(signal, self._session))
            return self._made[signal]

    def _send(self, signal: str, export: Callable[[], Any]) -> None:
        heard = self._session.heard
        heard.said, heard.taken = "nothing was sent", False
        result = export()
        if result.name != "SUCCESS" or not heard.taken:
            raise NotTakenError(f"the receiver did not take the {signal}: {heard.said}")

    def _told(self, kind: Any, counted: str) -> None:
        """Log what the receiver says it will never take: it must not be sent again."""
        try:
            partial = kind.FromString(self._session.heard.body).partial_success
        except Exception:  # noqa: BLE001 - not all answer in protobuf; a 2xx is what counts
            return
        rejected = getattr(partial, counted)
        if rejected or partial.error_message:
            log.warning("the receiver left out %s %s", rejected, counted.replace("_", " "))
