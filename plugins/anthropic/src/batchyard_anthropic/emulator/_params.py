"""What the parameters of a message may be: as strict as the service, line by line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from batchyard_anthropic.emulator._blocks import check_content, check_turns
from batchyard_anthropic.emulator._errors import RefusedError

__all__ = ["check_params"]

MOST_TOKENS = 128_000
LEAST_THINKING = 1024
EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


def check_params(params: Mapping[str, Any]) -> None:
    """Raises :class:`RefusedError`, with what is wrong."""
    for name in ("model", "max_tokens", "messages"):
        if name not in params:
            raise RefusedError(f"{name}: Field required")
    for name, value in params.items():
        check = _CHECKS.get(name)
        if check is None:
            raise RefusedError(f"{name}: Extra inputs are not permitted")
        check(value)
    if "tool_choice" in params and not params.get("tools"):
        raise RefusedError("tool_choice: may only be specified while providing tools")
    _check_thinking(params)


def _check_thinking(params: Mapping[str, Any]) -> None:
    thinking = params.get("thinking", {"type": "disabled"})
    if thinking["type"] != "enabled":
        return
    if not LEAST_THINKING <= thinking.get("budget_tokens", 0) < params["max_tokens"]:
        raise RefusedError(
            "thinking.enabled.budget_tokens: at least 1024, and less than max_tokens"
        )
    if params.get("temperature", 1) != 1:
        raise RefusedError("`temperature` may only be set to 1 when thinking is enabled")


def _model(value: Any) -> None:
    if not isinstance(value, str) or not value.startswith("claude-"):
        raise RefusedError(f"model: {value}", 404)


def _tokens(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RefusedError("max_tokens: Input should be greater than or equal to 1")
    if value > MOST_TOKENS:
        message = f"max_tokens: {value} > {MOST_TOKENS}, which is the maximum allowed number"
        raise RefusedError(message)


def _share(name: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise RefusedError(f"{name}: range: 0..1")

    return check


def _stream(value: Any) -> None:
    if value:
        raise RefusedError("stream: Streaming is not supported for batch requests")


def _system(value: Any) -> None:
    check_content(value, "system", frozenset({"text"}))


def _metadata(value: Any) -> None:
    if not isinstance(value, dict) or not set(value) <= {"user_id"}:
        raise RefusedError("metadata: Extra inputs are not permitted")


def _stops(value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise RefusedError("stop_sequences: each is a text that is not empty")


def _thinking(value: Any) -> None:
    kinds = {"enabled", "disabled", "adaptive", "between_tools"}
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise RefusedError(f"thinking: type is one of {sorted(kinds)}")
    if not set(value) <= {"type", "budget_tokens", "display"}:
        raise RefusedError("thinking: Extra inputs are not permitted")


def _tools(value: Any) -> None:
    if not isinstance(value, list):
        raise RefusedError("tools: Input should be a valid list")
    for number, tool in enumerate(value):
        if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
            raise RefusedError(f"tools.{number}.name: Field required")
        if tool.get("type", "custom") != "custom":
            continue
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise RefusedError(f"tools.{number}.custom.input_schema.type: Field required")
        own = {"name", "description", "input_schema", "type", "strict", "cache_control"}
        if not set(tool) <= own:
            raise RefusedError(f"tools.{number}.custom: Extra inputs are not permitted")


def _choice(value: Any) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    fields = {"type"} if kind == "none" else {"type", "disable_parallel_tool_use"}
    if kind == "tool":
        fields |= {"name"}
    elif kind not in {"auto", "any", "none"}:
        raise RefusedError("tool_choice: type is auto, any, tool or none")
    if not set(value) <= fields or (kind == "tool" and not isinstance(value.get("name"), str)):
        raise RefusedError(f"tool_choice.{kind}: its fields are {sorted(fields)}")


def _config(value: Any) -> None:
    if not isinstance(value, dict) or not set(value) <= {"effort", "format"}:
        raise RefusedError("output_config: Extra inputs are not permitted")
    if value.get("effort", "high") not in EFFORTS:
        raise RefusedError(f"output_config.effort: one of {sorted(EFFORTS)}")
    wanted = value.get("format", {"type": "json_schema", "schema": {}})
    if set(wanted) != {"type", "schema"} or wanted["type"] != "json_schema":
        raise RefusedError("output_config.format: a json_schema with its schema")


def _anything(value: Any) -> None:
    """Not looked at here."""


_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "model": _model,
    "max_tokens": _tokens,
    "messages": check_turns,
    "system": _system,
    "metadata": _metadata,
    "stop_sequences": _stops,
    "stream": _stream,
    "temperature": _share("temperature"),
    "top_p": _share("top_p"),
    "top_k": _anything,
    "thinking": _thinking,
    "tools": _tools,
    "tool_choice": _choice,
    "output_config": _config,
    "cache_control": _anything,
    "container": _anything,
    "context_management": _anything,
    "inference_geo": _anything,
    "service_tier": _anything,
    "speed": _anything,
}
