"""Langfuse's attributes, as its own SDK spells them.

What has usage and a model but no cost, Langfuse prices by itself, at the rate
of single requests: twice a batch's.  So a model is named as one only beside a
cost that is known, and as metadata otherwise.  And since Langfuse adds up all
observations, what is counted by one is not counted by another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from batchyard.models import BatchEvent, CostItem, LineRecord, Usage

__all__ = ["Value", "of_batch", "of_item", "of_line", "of_trace"]

Value: TypeAlias = str | bool | int | float | tuple[str, ...]

OBSERVATION = "langfuse.observation"


def of_trace(event: BatchEvent, environment: str | None) -> dict[str, Value]:
    """On each observation, which is how Langfuse comes to know a trace."""
    identity = event.identity
    found: dict[str, Value | None] = {
        "langfuse.trace.name": f"batch {event.account}",
        "langfuse.environment": environment,
    }
    if identity is not None:
        found |= {"user.id": identity.owner or None, "langfuse.trace.tags": identity.tags or None}
    return {name: value for name, value in found.items() if value is not None}


def of_batch(event: BatchEvent, *, metadata: bool) -> dict[str, Value]:
    """The root: figures of it are metadata, for what is beneath it counts."""
    batch, totals, receipt = event.batch, event.totals, event.receipt
    counts = batch.request_counts
    said: dict[str, object] = {
        "batch_id": batch.id,
        "event_id": event.id,
        "account": event.account,
        "provider": event.provider,
        "endpoint": batch.endpoint,
        "status": batch.status,
        "team": event.identity.team if event.identity else None,
        "requests": counts.model_dump() if counts else None,
    }
    if totals is not None:
        said |= {"usage": _usage(totals.usage), "cost": _exact(totals.response_cost)}
    if receipt is not None:
        said |= {"cost_state": receipt.state, "outcomes": dict(receipt.proof.outcomes)}
    if metadata:
        # what somebody wrote stands in the place of nothing that is ours
        said = {**(batch.metadata or {}), **said}
    failed = event.hook in {"batch_failed", "batch_expired"}
    errors = batch.errors.data if batch.errors else []
    return {
        f"{OBSERVATION}.type": "span",
        **_metadata(said),
        **(_error(errors[0].code if errors else batch.status) if failed else {}),
    }


def of_item(item: CostItem, kind: str) -> dict[str, Value]:
    """What one model used.  A repricing adds no tokens, and the difference of the cost."""
    usage = item.usage if kind != "repricing" else None
    said = {
        "account": item.account,
        "provider": item.provider,
        "tier": item.tier,
        "band": item.band,
        "lines": item.lines,
        "cost": _exact(item.cost),
        "cost_unknown": item.reason if item.cost is None else None,
    }
    return {
        f"{OBSERVATION}.type": "generation",
        **_counted(item.model, usage, item.cost, said),
    }


def of_line(line: LineRecord, *, counts: bool) -> dict[str, Value]:
    """One request.  Its bodies are there only where the subscription asks for them."""
    said: dict[str, object] = {
        "line_id": line.id,
        "custom_id": line.custom_id,
        "line": line.number,
        "outcome": line.outcome,
        "status": line.status or None,
        "endpoint": line.endpoint,
        "request_id": line.request_id,
    }
    if counts:
        figures = _counted(line.model, line.usage, line.cost, said)
    else:
        usage = _usage(line.usage) if line.usage else None
        figures = _metadata(
            {**said, "model": line.model, "usage": usage, "cost": _exact(line.cost)}
        )
    bodies = {
        f"{OBSERVATION}.input": _text(line.request),
        f"{OBSERVATION}.output": _text(line.response),
    }
    failed = {} if line.outcome == "ok" else _error(line.message or line.error or line.outcome)
    return {
        f"{OBSERVATION}.type": "generation",
        **figures,
        **failed,
        **{name: text for name, text in bodies.items() if text is not None},
    }


def _counted(
    model: str | None, usage: Usage | None, cost: Decimal | None, said: Mapping[str, object]
) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if usage is not None and usage.known:
        found[f"{OBSERVATION}.usage_details"] = json.dumps(_usage(usage))
    if cost is None:
        return {**found, **_metadata({**said, "model": model})}
    found[f"{OBSERVATION}.cost_details"] = json.dumps({"total": float(cost)})
    if model is not None:
        found[f"{OBSERVATION}.model.name"] = model
    return {**found, **_metadata(said)}


def _usage(usage: Usage) -> dict[str, int]:
    """Kinds that do not overlap, for Langfuse adds them up."""
    parts = {
        "input": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "input_cached_tokens": usage.cached_tokens,
        "input_cache_creation": usage.cache_write_tokens,
        "output": usage.output_tokens - usage.reasoning_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
    }
    kept = {name: count for name, count in parts.items() if count or name in {"input", "output"}}
    return {**kept, "total": usage.total_tokens}


def _error(said: str | None) -> dict[str, Value]:
    return {f"{OBSERVATION}.level": "ERROR", f"{OBSERVATION}.status_message": said or "failed"}


def _metadata(said: Mapping[str, object]) -> dict[str, Value]:
    return {
        f"{OBSERVATION}.metadata.{name}": text
        for name, value in said.items()
        if (text := _text(value)) is not None
    }


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _exact(cost: Decimal | None) -> str | None:
    return None if cost is None else f"{cost:f}"
