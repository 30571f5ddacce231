"""What a receipt adds to the metrics.

Each delivery is a delta: processes come and go, and none knows what the others
have counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from batchyard.models import BatchEvent, CostItem
from batchyard_otel.attributes import Attributes, provider_name
from batchyard_otel.times import ENDS, NANOS, began, ended, nanos

__all__ = ["metrics_of"]

TOKENS = tuple(4**power for power in range(14))
"""The conventions' bounds, to 67 million."""

SECONDS = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 57600, 86400, 172800)
"""Ours: a batch takes a day, where the conventions end after eighty seconds."""


def metrics_of(
    event: BatchEvent, resource: Resource, scope: InstrumentationScope
) -> MetricsData | None:
    """``None`` where the event adds nothing."""
    at = nanos(event.at)
    found = [*_of_end(event, at), *_of_receipt(event, at)]
    if not found:
        return None
    scoped = ScopeMetrics(scope, found, "")
    return MetricsData([ResourceMetrics(resource, [scoped], "")])


def _of_end(event: BatchEvent, at: int) -> list[Metric]:
    if event.hook not in ENDS:
        return []
    attributes = {**_of_operation(event), "gen_ai.batch.status": event.batch.status}
    seconds = (ended(event) - began(event)) / NANOS
    duration = [_observed(attributes, at, seconds, SECONDS)]
    counted = [NumberDataPoint(attributes, at, at, 1)]
    return [
        _histogram("gen_ai.client.operation.duration", "s", duration),
        _sum("gen_ai.batch.count", "{batch}", counted, monotonic=True),
    ]


def _of_receipt(event: BatchEvent, at: int) -> list[Metric]:
    receipt = event.receipt
    if receipt is None:
        return []
    tokens, costs, unpriced = [], [], []
    for item in receipt.items:
        attributes = {**_of_operation(event), "gen_ai.request.model": item.model or "unknown"}
        # a repricing takes back what it counts again, and adds no token
        if receipt.kind != "repricing":
            tokens += _tokens(item, attributes, at)
        if item.cost is None:
            unpriced.append(NumberDataPoint(attributes, at, at, item.lines))
        else:
            costs.append(NumberDataPoint(attributes, at, at, float(item.cost)))
    lines = [
        NumberDataPoint({**_of_operation(event), "gen_ai.batch.outcome": name}, at, at, count)
        for name, count in receipt.proof.outcomes.items()
        if receipt.kind != "repricing" and count > 0
    ]
    made = [
        _histogram("gen_ai.client.token.usage", "{token}", tokens),
        _sum("gen_ai.batch.cost", "USD", costs, monotonic=False),
        _sum("gen_ai.batch.unpriced", "{line}", unpriced, monotonic=False),
        _sum("gen_ai.batch.lines", "{line}", lines, monotonic=True),
    ]
    return [one for one in made if one.data.data_points]


def _tokens(item: CostItem, attributes: Attributes, at: int) -> list[HistogramDataPoint]:
    counts = {"input": item.usage.input_tokens, "output": item.usage.output_tokens}
    return [
        _observed({**attributes, "gen_ai.token.type": kind}, at, count, TOKENS)
        for kind, count in counts.items()
        if count > 0
    ]


def _of_operation(event: BatchEvent) -> Attributes:
    """Labels that have few values: no ids."""
    return {
        "gen_ai.operation.name": "batch",
        "gen_ai.provider.name": provider_name(event.provider),
        "gen_ai.batch.account": event.account,
    }


def _observed(
    attributes: Attributes, at: int, value: float, bounds: Sequence[float]
) -> HistogramDataPoint:
    counts = [0] * (len(bounds) + 1)
    counts[bisect_left(bounds, value)] = 1
    return HistogramDataPoint(attributes, at, at, 1, value, counts, bounds, value, value)


def _histogram(name: str, unit: str, points: Sequence[HistogramDataPoint]) -> Metric:
    return Metric(name, "", unit, Histogram(points, AggregationTemporality.DELTA))


def _sum(name: str, unit: str, points: Sequence[NumberDataPoint], *, monotonic: bool) -> Metric:
    return Metric(name, "", unit, Sum(points, AggregationTemporality.DELTA, monotonic))
