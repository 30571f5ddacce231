"""What the ledger knows, as families of metrics.

What may fall is a gauge, also where it mostly grows: a repricing takes cost
back.  Labels are bounded: of what has many names, those with most lines are
told, and the others together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from batchyard.ledger.outbox import Backlog
from batchyard.ledger.query import Standing, UsageGroup

__all__ = ["of_backlog", "of_standing", "of_usage"]

OTHER, UNKNOWN = "(other)", "(unknown)"

ENDED = frozenset({"cancelled", "completed", "expired", "failed"})


def of_standing(standing: Standing) -> Iterator[Metric]:
    held = GaugeMetricFamily(
        "batchyard_batches",
        "Batches that the ledger keeps, by status.",
        labels=("account", "provider", "status"),
    )
    oldest = GaugeMetricFamily(
        "batchyard_oldest_open_batch_timestamp_seconds",
        "When the oldest batch was created that has not ended.",
        labels=("account",),
    )
    stalled = GaugeMetricFamily(
        "batchyard_stalled_jobs",
        "Jobs that take longer than their provider said.",
        labels=("account",),
    )
    first: dict[str, float] = {}
    accounts = dict.fromkeys(standing.stalled)
    for one in standing.batches:
        held.add_metric((one.account, one.provider, one.status), one.batches)
        accounts[one.account] = None
        if one.status not in ENDED:
            first[one.account] = min(one.oldest, first.get(one.account, one.oldest))
    for account, at in first.items():
        oldest.add_metric((account,), at)
    for account in accounts:
        # 0 too: an alert on what is not there is none
        stalled.add_metric((account,), standing.stalled.get(account, 0))
    yield from (held, oldest, stalled)


def of_backlog(backlog: Sequence[Backlog]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "batchyard_deliveries",
        "Deliveries to sinks that wait, that wait after a failure, and that were given up.",
        labels=("subscription", "state"),
    )
    oldest = GaugeMetricFamily(
        "batchyard_oldest_delivery_timestamp_seconds",
        "When the oldest event happened that waits for a sink.",
        labels=("subscription",),
    )
    paused = GaugeMetricFamily(
        "batchyard_subscription_paused",
        "Whether deliveries to a sink are held back.",
        labels=("subscription",),
    )
    for one in backlog:
        for state in ("pending", "failing", "dead"):
            waiting.add_metric((one.name, state), getattr(one, state))
        if one.oldest is not None:
            oldest.add_metric((one.name,), one.oldest)
        paused.add_metric((one.name,), one.paused_at is not None)
    yield from (waiting, oldest, paused)


def of_usage(by: str, groups: Sequence[UsageGroup], most: int) -> Iterator[Metric]:
    """Figures by ``account``, ``model`` or ``team``."""
    lines = CounterMetricFamily(f"batchyard_{by}_lines", f"Answered lines, by {by}.", labels=(by,))
    tokens = CounterMetricFamily(
        f"batchyard_{by}_tokens",
        f"Tokens, by {by}; cached ones are part of the input, reasoning of the output.",
        labels=(by, "type"),
    )
    cost = GaugeMetricFamily(
        f"batchyard_{by}_cost_dollars",
        f"What has a price, in US dollars, by {by}; it falls where prices fall.",
        labels=(by,),
    )
    unpriced = GaugeMetricFamily(
        f"batchyard_{by}_unpriced_lines",
        f"Answered lines whose price is not known, by {by}.",
        labels=(by,),
    )
    for name, those in _bounded(groups, most):
        lines.add_metric((name,), sum(one.lines for one in those))
        for kind in ("input", "output", "cached", "reasoning"):
            count = sum(one.tokens[f"{kind}_tokens"] for one in those)
            tokens.add_metric((name, kind), count)
        cost.add_metric((name,), float(sum((one.priced_cost for one in those), Decimal(0))))
        unpriced.add_metric((name,), sum(one.unpriced_lines for one in those))
    yield from (lines, tokens, cost, unpriced)


def _bounded(groups: Sequence[UsageGroup], most: int) -> Iterator[tuple[str, Sequence[UsageGroup]]]:
    """The *most* with most lines by name, and then all others."""
    ranked = sorted(groups, key=lambda one: (-one.lines, str(one.key)))
    for one in ranked[:most]:
        yield UNKNOWN if one.key is None else str(one.key), (one,)
    if rest := ranked[most:]:
        yield OTHER, rest
