"""An event as signals, each handed to its exporter."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from batchyard.models import BatchEvent, Event
from batchyard_otel._logs import record_of
from batchyard_otel._metrics import metrics_of
from batchyard_otel._settings import OtelSettings
from batchyard_otel._spans import span_of
from batchyard_otel.attributes import Attributes, of_event
from batchyard_otel.exporting import Exporters, Target

__all__ = ["Teller"]


class Teller:
    def __init__(self, settings: OtelSettings, release: str) -> None:
        self._settings = settings
        secrets = {name: value.get_secret_value() for name, value in settings.headers.items()}
        target = Target(settings.endpoint, secrets, settings.timeout, settings.compression)
        self._exporters = Exporters(target)
        self._resource = Resource.create(
            {"service.name": settings.service_name, **settings.resource}
        )
        self._scope = InstrumentationScope("batchyard", release)

    def tell(self, event: Event) -> None:
        """Raises :class:`~batchyard_otel.exporting.NotTakenError`."""
        attributes = of_event(event, metadata=self._settings.capture_metadata)
        if "traces" in self._settings.signals:
            self._trace(event, attributes)
        if "logs" in self._settings.signals:
            record = record_of(event, attributes, self._resource, self._scope)
            self._exporters.logs([record])
        if "metrics" in self._settings.signals and isinstance(event, BatchEvent):
            metrics = metrics_of(event, self._resource, self._scope)
            if metrics is not None:
                self._exporters.metrics(metrics)

    def _trace(self, event: Event, attributes: Attributes) -> None:
        if not isinstance(event, BatchEvent):
            return
        span = span_of(event, attributes, self._resource, self._scope)
        if span is not None:
            self._exporters.spans([span])
