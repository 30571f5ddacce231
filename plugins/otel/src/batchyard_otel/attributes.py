"""What is said of a batch: OpenTelemetry's names for generative AI, and ours beside them.

The conventions have no batch; ``gen_ai.batch.*`` is ours, and documented.  No
text that somebody wrote is in it: no messages, and no metadata unless asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeAlias

from batchyard.models import Batch, BatchEvent, Event, FileEvent, Identity, Receipt, Usage

__all__ = ["Attributes", "Value", "of_batch", "of_event", "of_usage", "provider_name"]

Value: TypeAlias = str | bool | int | float | tuple[str, ...]

Attributes: TypeAlias = dict[str, Value]

PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""The conventions' names, where they are others than ours."""


def provider_name(provider: str) -> str:
    return PROVIDERS.get(provider, provider)


def of_event(event: Event, *, metadata: bool = False) -> Attributes:
    found: dict[str, Value | None] = {
        "gen_ai.operation.name": "batch",
        "gen_ai.provider.name": provider_name(event.provider),
        "gen_ai.batch.account": event.account,
        "gen_ai.batch.event.id": event.id,
        "gen_ai.batch.event.type": event.type,
    }
    match event:
        case BatchEvent():
            found |= of_batch(event, metadata=metadata)
        case FileEvent(file=file, identity=identity):
            found |= {"gen_ai.batch.file.id": file.id, "gen_ai.batch.file.size": file.bytes}
            found |= _of_identity(identity)
    return {name: value for name, value in found.items() if value is not None}


def of_batch(event: BatchEvent, *, metadata: bool = False) -> dict[str, Value | None]:
    batch = event.batch
    found: dict[str, Value | None] = {
        "gen_ai.batch.id": batch.id,
        "gen_ai.batch.status": batch.status,
        "gen_ai.batch.status.previous": event.previous_status,
        "gen_ai.batch.endpoint": batch.endpoint,
        "gen_ai.batch.completion_window": batch.completion_window,
        "gen_ai.batch.input_file.id": batch.input_file_id,
        **_of_counts(batch),
        **_of_identity(event.identity),
        **_of_receipt(event.receipt),
    }
    found["gen_ai.request.model"] = _one_model(event)
    if event.totals is not None:
        found |= of_usage(event.totals.usage)
        found |= _cost(event.totals.response_cost)
    if metadata:
        found |= {
            f"gen_ai.batch.metadata.{key}": one for key, one in (batch.metadata or {}).items()
        }
    return found


def of_usage(usage: Usage) -> Attributes:
    """Nothing where the tokens are not known, rather than 0."""
    if not usage.known and not usage.total_tokens:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }


def _cost(cost: Decimal | None) -> dict[str, Value | None]:
    """As a number for who adds up, and as it is for who settles."""
    if cost is None:
        return {}
    return {"gen_ai.batch.cost": float(cost), "gen_ai.batch.cost.exact": f"{cost:f}"}


def _of_counts(batch: Batch) -> dict[str, Value | None]:
    counts = batch.request_counts
    if counts is None:
        return {}
    return {
        "gen_ai.batch.requests.total": counts.total,
        "gen_ai.batch.requests.completed": counts.completed,
        "gen_ai.batch.requests.failed": counts.failed,
    }


def _of_identity(identity: Identity | None) -> dict[str, Value | None]:
    if identity is None:
        return {}
    return {
        "gen_ai.batch.owner": identity.owner or None,
        "gen_ai.batch.team": identity.team,
        "gen_ai.batch.tags": identity.tags or None,
        "gen_ai.batch.key": identity.key,
    }


def _of_receipt(receipt: Receipt | None) -> dict[str, Value | None]:
    if receipt is None:
        return {}
    outcomes: Mapping[str, int] = dict(receipt.proof.outcomes)  # type: ignore[arg-type]  # outcomes are strings
    return {
        "gen_ai.batch.receipt.kind": receipt.kind,
        "gen_ai.batch.receipt.number": receipt.number,
        "gen_ai.batch.cost.state": receipt.state,
        "gen_ai.batch.cost.priced": float(receipt.priced_cost),
        "gen_ai.batch.price_version": receipt.price_version,
        "gen_ai.batch.models": tuple(sorted(_models(receipt))) or None,
        "gen_ai.batch.lines": receipt.proof.lines,
        **{f"gen_ai.batch.lines.{name}": count for name, count in outcomes.items()},
    }


def _models(receipt: Receipt) -> set[str]:
    return {item.model for item in receipt.items if item.model}


def _one_model(event: BatchEvent) -> str | None:
    """The model, where it is one; of several none is *the* model."""
    models = _models(event.receipt) if event.receipt else set()
    if not models and event.batch.model:
        return event.batch.model
    return models.pop() if len(models) == 1 else None
