"""What a logger is called with for an event: LiteLLM's ``kwargs``, and the batch.

The names are LiteLLM's (``StandardLoggingPayload`` in its ``types/utils.py``,
1.110), so that loggers find what they look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from batchyard.models import BatchEvent, Event, FileEvent, Identity, Usage
from batchyard_litellm._objects import batch_object

__all__ = ["BatchFailedError", "LoggerCall", "call_of", "is_told"]

CALL_TYPES = {
    "file_created": "acreate_file",
    "batch_created": "acreate_batch",
    "batch_success": "aretrieve_batch",
    "batch_failed": "aretrieve_batch",
    "batch_expired": "aretrieve_batch",
    "batch_cancelled": "aretrieve_batch",
    "batch_adjusted": "aretrieve_batch",
    "batch_repriced": "aretrieve_batch",
}
"""LiteLLM's calls, by our events; of others its loggers know nothing."""

PROVIDERS = {"vertex": "vertex_ai"}
"""What LiteLLM calls otherwise."""

USER_API_KEY = (
    "hash",
    "alias",
    "spend",
    "max_budget",
    "budget_reset_at",
    "user_spend",
    "user_max_budget",
    "team_spend",
    "team_max_budget",
    "org_id",
    "org_alias",
    "team_id",
    "project_id",
    "project_alias",
    "user_id",
    "user_email",
    "team_alias",
    "end_user_id",
    "request_route",
    "auth_metadata",
)

NOBODY = Identity()


class BatchFailedError(Exception):
    """What a logger finds as the ``exception`` of a batch that came to nothing."""


@dataclass(frozen=True, slots=True)
class LoggerCall:
    """One call of a logger.  The times are naive and local, as LiteLLM's are."""

    success: bool
    kwargs: dict[str, Any] = field(repr=False)
    response: Any = field(repr=False)
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class _Figures:
    """What was used, and what it costs: ``cost`` is ``None`` where that is not known."""

    usage: Usage
    cost: Decimal | None
    known_cost: Decimal
    models: tuple[str, ...]
    ok: int | None
    failed: int | None


def is_told(event: Event) -> bool:
    """Whether LiteLLM has a word for it."""
    return event.hook in CALL_TYPES


def call_of(event: Event) -> LoggerCall | None:
    """The call that tells a logger of the event; ``None`` for one that LiteLLM has no word for."""
    call_type = CALL_TYPES.get(event.hook)
    if call_type is None:
        return None
    match event:
        case BatchEvent():
            return _of_batch(event, call_type)
        case FileEvent():
            fields = event.file.model_dump(mode="json")
            return _called(event, call_type, fields, _NO_FIGURES, event.file.created_at)
        case _:
            return None


def _of_batch(event: BatchEvent, call_type: str) -> LoggerCall:
    fields = event.batch.model_dump(mode="json")
    figures = _figures(event)
    if event.totals is not None:
        fields["usage"] = _usage(figures.usage)
    return _called(event, call_type, fields, figures, event.batch.created_at)


def _called(
    event: BatchEvent | FileEvent,
    call_type: str,
    fields: dict[str, Any],
    figures: _Figures,
    began: float | None,
) -> LoggerCall:
    failure = _failure(event, figures)
    started = min(event.at, event.at if began is None else began)
    # naive and local: loggers compare them with datetime.now()
    start, end = datetime.fromtimestamp(started), datetime.fromtimestamp(event.at)  # noqa: DTZ006
    hidden = _hidden(figures)
    payload = _payload(event, call_type, fields, figures, (started, failure))
    kwargs: dict[str, Any] = {
        "litellm_call_id": event.id,
        "litellm_trace_id": payload["trace_id"],
        "call_type": call_type,
        "model": payload["model"],
        "messages": [],
        "input": [],
        "user": payload["metadata"]["user_api_key_user_id"],
        "stream": False,
        "cache_hit": False,
        "optional_params": {},
        "additional_args": {},
        "standard_callback_dynamic_params": {},
        "custom_llm_provider": payload["custom_llm_provider"],
        "litellm_params": _litellm_params(payload),
        # None is LiteLLM's word for a cost that is not known
        "response_cost": None if figures.cost is None else float(figures.cost),
        "start_time": start,
        "api_call_start_time": start,
        "completion_start_time": end,
        "end_time": end,
        "log_event_type": "failed_api_call" if failure else "successful_api_call",
        "standard_logging_object": payload,
    }
    if failure is not None:
        kwargs |= {"exception": BatchFailedError(failure), "traceback_exception": ""}
    return LoggerCall(failure is None, kwargs, batch_object(fields, hidden), start, end)


def _payload(
    event: BatchEvent | FileEvent,
    call_type: str,
    fields: Mapping[str, Any],
    figures: _Figures,
    ended: tuple[float, str | None],
) -> dict[str, Any]:
    """The ``standard_logging_object``."""
    started, failure = ended
    status = "failure" if failure else "success"
    who = event.identity or NOBODY
    model = str(fields.get("model") or next(iter(figures.models), ""))
    usage = figures.usage
    return {
        "id": event.id,
        "trace_id": fields["id"],
        "session_id": fields["id"],
        "litellm_call_id": event.id,
        "call_type": call_type,
        "stream": False,
        "response_cost": float(figures.known_cost),
        "cost_breakdown": None,
        "autorouter_savings": None,
        "autorouter_savings_estimate": None,
        "autorouter_baseline_observation": None,
        "response_cost_failure_debug_info": _unpriced(event, figures, model),
        "status": status,
        "status_fields": {"llm_api_status": status, "guardrail_status": "not_run"},
        "custom_llm_provider": PROVIDERS.get(event.provider, event.provider),
        "total_tokens": usage.total_tokens,
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "startTime": started,
        "endTime": event.at,
        "completionStartTime": event.at,
        "response_time": event.at - started,
        "model_map_information": {"model_map_key": model, "model_map_value": None},
        "model": model,
        "model_id": event.account,
        "model_group": model,
        "api_base": "",
        "metadata": _metadata(fields, who, usage),
        "cache_hit": False,
        "cache_key": None,
        "saved_cache_cost": 0.0,
        "request_tags": list(who.tags),
        "end_user": "",
        "requester_ip_address": None,
        "user_agent": "batchyard",
        "messages": [],
        "response": dict(fields),
        "error_str": failure,
        "error_information": None if failure is None else _error(event, failure),
        "model_parameters": {},
        "hidden_params": _hidden(figures),
        "guardrail_information": None,
        "standard_built_in_tools_params": None,
    }


def _metadata(fields: Mapping[str, Any], who: Identity, usage: Usage) -> dict[str, Any]:
    known = {
        "hash": who.key,
        "user_id": who.owner or None,
        "team_id": who.team,
        "team_alias": who.team,
    }
    nothing = (
        "spend_logs_metadata",
        "requester_ip_address",
        "requester_custom_headers",
        "prompt_management_metadata",
        "mcp_tool_call_metadata",
        "vector_store_request_metadata",
        "routing_decision",
        "kubernetes_pod_routing",
        "applied_guardrails",
        "cold_storage_object_key",
        "used_client_oauth_token",
    )
    return {
        **{f"user_api_key_{name}": known.get(name) for name in USER_API_KEY},
        **dict.fromkeys(nothing),
        "user_agent": "batchyard",
        "requester_metadata": fields.get("metadata") or {},
        "usage_object": _usage(usage),
        "team_id": who.team,
        "team_alias": who.team,
    }


def _litellm_params(payload: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {**payload["metadata"], "tags": payload["request_tags"]}
    return {
        "metadata": metadata,
        "custom_llm_provider": payload["custom_llm_provider"],
        "api_base": "",
        "proxy_server_request": None,
        "litellm_call_id": payload["litellm_call_id"],
    }


def _hidden(figures: _Figures) -> dict[str, Any]:
    return {
        "model_id": None,
        "cache_key": None,
        "api_base": None,
        "response_cost": None if figures.cost is None else float(figures.cost),
        "litellm_overhead_time_ms": None,
        "additional_headers": None,
        "batch_models": list(figures.models) or None,
        "batch_successful_requests": figures.ok,
        "batch_failed_requests": figures.failed,
        "litellm_model_name": next(iter(figures.models), None),
        "usage_object": _usage(figures.usage),
    }


def _figures(event: BatchEvent) -> _Figures:
    totals, receipt, counts = event.totals, event.receipt, event.batch.request_counts
    if totals is None:
        return _NO_FIGURES
    items = receipt.items if receipt is not None else ()
    models = dict.fromkeys(one.model for one in items if one.model) or {
        event.batch.model or "": None
    }
    known = totals.response_cost if receipt is None else receipt.priced_cost
    ok = counts.completed if counts else None
    failed = counts.failed if counts else None
    if receipt is not None and receipt.proof.outcomes:
        outcomes = receipt.proof.outcomes
        ok = outcomes.get("ok", 0)
        failed = sum(outcomes.values()) - ok
    return _Figures(
        totals.usage,
        totals.response_cost,
        known or Decimal(0),
        tuple(one for one in models if one),
        ok,
        failed,
    )


def _failure(event: BatchEvent | FileEvent, figures: _Figures) -> str | None:
    """Why the batch came to nothing; what costs anything is a success, or no cost would count."""
    if event.hook not in {"batch_failed", "batch_expired", "batch_cancelled"}:
        return None
    if not isinstance(event, BatchEvent) or figures.usage.total_tokens or figures.known_cost:
        return None
    errors = event.batch.errors.data if event.batch.errors is not None else []
    said = event.reason or next((one.message for one in errors if one.message), None)
    return said or f"the batch {event.batch.status}"


def _error(event: BatchEvent | FileEvent, failure: str) -> dict[str, Any]:
    errors = event.batch.errors if isinstance(event, BatchEvent) else None
    code = next((one.code for one in errors.data if one.code), None) if errors else None
    return {
        "error_code": code or "",
        "error_class": BatchFailedError.__name__,
        "llm_provider": PROVIDERS.get(event.provider, event.provider),
        "traceback": "",
        "error_message": failure,
        "error_provider_request_id": None,
    }


def _unpriced(
    event: BatchEvent | FileEvent, figures: _Figures, model: str
) -> dict[str, Any] | None:
    """LiteLLM's cost is a number: that it is only a part of the cost stands here."""
    if figures.cost is not None or figures is _NO_FIGURES:
        return None
    return {
        "error_str": "the price of a part of it is not known",
        "model": model,
        "custom_llm_provider": PROVIDERS.get(event.provider, event.provider),
        "call_type": CALL_TYPES[event.hook],
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


_NO_FIGURES = _Figures(Usage(), None, Decimal(0), (), None, None)
