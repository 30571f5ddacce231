"""What the service refuses in the body of a row, as it would in a synchronous call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from batchyard.emulators.openai_wire._errors import (
    ApiError,
    missing,
    out_of_range,
    unknown_parameter,
    wrong_choice,
    wrong_type,
)
from batchyard.emulators.openai_wire._messages import check_input, check_messages
from batchyard.emulators.openai_wire._models import Model
from batchyard.emulators.openai_wire._parameters import PARAMETERS
from batchyard.emulators.openai_wire._schemas import check_format

Body: TypeAlias = Mapping[str, Any]

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")
_SAMPLING = ("temperature", "top_p")
_MAX_TOOLS = 128


def check_body(endpoint: str, body: Body, model: Model) -> None:
    """Raise the `ApiError` with which the endpoint refuses this body, if it does."""
    for name in body:
        if name not in PARAMETERS[endpoint]:
            raise unknown_parameter(name)
    _CHECKS[endpoint](body, model)


def _check_chat(body: Body, model: Model) -> None:
    messages = body.get("messages")
    check_messages(messages)
    _number(body, "temperature", 0, 2)
    _number(body, "top_p", 0, 1)
    _number(body, "presence_penalty", -2, 2)
    _number(body, "frequency_penalty", -2, 2)
    _integer(body, "n", 1, 128)
    _integer(body, "max_tokens", 1)
    _integer(body, "max_completion_tokens", 1)
    _integer(body, "top_logprobs", 0, 20)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise ApiError(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            param="top_logprobs",
        )
    _check_stop(body)
    _check_tools(body)
    check_format(body.get("response_format"), "response_format", messages)
    effort = body.get("reasoning_effort")
    _check_effort("reasoning_effort", effort, model)
    if model.reasons:
        _check_reasoning_chat(body, model, effort)


def _check_reasoning_chat(body: Body, model: Model, effort: object) -> None:
    if body.get("max_tokens") is not None:
        raise ApiError(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        )
    _check_sampling(body, effort)
    if body.get("tools") and model.snapshot.startswith("gpt-6-sol") and effort != "none":
        raise ApiError(
            "Function tools with reasoning are not supported for this model in "
            "/v1/chat/completions. Use /v1/responses or set 'reasoning_effort' to 'none'.",
            param="tools",
            code="unsupported_value",
        )


def _check_responses(body: Body, model: Model) -> None:
    check_input(body.get("input"))
    _number(body, "temperature", 0, 2)
    _number(body, "top_p", 0, 1)
    _integer(body, "max_output_tokens", 16)
    _integer(body, "top_logprobs", 0, 20)
    effort = _object(body, "reasoning").get("effort")
    _check_effort("reasoning.effort", effort, model)
    if model.reasons:
        _check_sampling(body, effort)
    text = _object(body, "text")
    check_format(text.get("format"), "text.format", body.get("input"), body.get("instructions"))


def _check_embeddings(body: Body, model: Model) -> None:
    value = body.get("input")
    if value is None:
        raise missing("input")
    if value in ("", [], [""]) or (isinstance(value, list) and "" in value):
        raise ApiError("Invalid 'input': input cannot be an empty string.", param="input")
    if not isinstance(value, str | list):
        raise wrong_type("input", "a string or an array", value)
    _integer(body, "dimensions", 1, model.dimensions)
    _choice(body, "encoding_format", ("float", "base64"))


def _check_completions(body: Body, _model: Model) -> None:
    if body.get("prompt") is None:
        raise missing("prompt")
    _number(body, "temperature", 0, 2)
    _number(body, "top_p", 0, 1)
    _integer(body, "n", 1, 128)
    _integer(body, "max_tokens", 1)
    _integer(body, "logprobs", 0, 5)
    _check_stop(body)


def _check_moderations(body: Body, _model: Model) -> None:
    if not body.get("input"):
        raise missing("input")


def _check_images(body: Body, _model: Model) -> None:
    prompt = body.get("prompt")
    if not prompt:
        raise missing("prompt")
    if not isinstance(prompt, str):
        raise wrong_type("prompt", "a string", prompt)
    _integer(body, "n", 1, 10)
    _choice(body, "quality", ("low", "medium", "high", "auto"))
    _choice(body, "background", ("transparent", "opaque", "auto"))
    _choice(body, "output_format", ("png", "jpeg", "webp"))


def _check_videos(body: Body, _model: Model) -> None:
    if not body.get("prompt"):
        raise missing("prompt")
    _choice(body, "seconds", ("4", "8", "12"))


_CHECKS: dict[str, Callable[[Body, Model], None]] = {
    "/v1/chat/completions": _check_chat,
    "/v1/responses": _check_responses,
    "/v1/embeddings": _check_embeddings,
    "/v1/completions": _check_completions,
    "/v1/moderations": _check_moderations,
    "/v1/images/generations": _check_images,
    "/v1/images/edits": _check_images,
    "/v1/videos": _check_videos,
}


def _check_sampling(body: Body, effort: object) -> None:
    """Reasoning models sample as they please, unless told not to reason."""
    if effort == "none":
        return
    for name in _SAMPLING:
        value = body.get(name)
        if value is not None and value != 1:
            raise ApiError(
                f"Unsupported value: '{name}' does not support {value} with this model. "
                "Only the default (1) value is supported.",
                param=name,
                code="unsupported_value",
            )
    if body.get("logprobs"):
        raise ApiError(
            "Unsupported parameter: 'logprobs' is not supported with this model.",
            param="logprobs",
            code="unsupported_parameter",
        )


def _check_effort(param: str, effort: object, model: Model) -> None:
    if effort is None:
        return
    if not model.reasons:
        raise ApiError(
            f"Unsupported parameter: '{param}' is not supported with this model.",
            param=param,
            code="unsupported_parameter",
        )
    if effort not in _EFFORTS:
        raise wrong_choice(param, effort, _EFFORTS)
    if effort == "none" and model.snapshot.startswith(("gpt-6.1-sol", "gpt-6.2-sol")):
        raise ApiError(
            f"Unsupported value: '{param}' does not support 'none' with this model.",
            param=param,
            code="unsupported_value",
        )


def _check_stop(body: Body) -> None:
    stop = body.get("stop")
    if isinstance(stop, list) and len(stop) > 4:
        raise ApiError(
            f"Invalid 'stop': array too long. Expected an array with maximum length 4, "
            f"but got an array with length {len(stop)} instead.",
            param="stop",
            code="array_above_max_length",
        )


def _check_tools(body: Body) -> None:
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") is not None:
            raise ApiError(
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' "
                "are specified.",
                param="tool_choice",
            )
        return
    if not isinstance(tools, list):
        raise wrong_type("tools", "an array of objects", tools)
    if not tools or len(tools) > _MAX_TOOLS:
        raise ApiError(
            f"Invalid 'tools': expected 1 to {_MAX_TOOLS} tools, but got {len(tools)} instead.",
            param="tools",
            code="empty_array" if not tools else "array_above_max_length",
        )
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or tool.get("type") not in ("function", "custom"):
            raise missing(f"tools[{index}].type")
        if not (tool.get(tool["type"]) or {}).get("name"):
            raise missing(f"tools[{index}].{tool['type']}.name")
        if tool["type"] == "function":
            _check_parameters(tool["function"], f"tools[{index}].function.parameters")


def _check_parameters(function: dict[str, Any], param: str) -> None:
    parameters = function.get("parameters")
    if parameters is None:
        return
    if not isinstance(parameters, dict):
        raise wrong_type(param, "an object", parameters)
    kind = parameters.get("type", "object")
    if kind != "object":
        raise ApiError(
            f"Invalid schema for function '{function['name']}': schema must be a JSON Schema of "
            f"'type: \"object\"', got 'type: \"{kind}\"'.",
            param=param,
            code="invalid_function_parameters",
        )


def _number(body: Body, name: str, low: float, high: float) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, "a decimal", value)
    if not low <= value <= high:
        raise out_of_range(name, float(value), low, high)


def _integer(body: Body, name: str, low: int, high: int | None = None) -> None:
    value = body.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an integer", value)
    if value < low or (high is not None and value > high):
        raise out_of_range(name, value, low, high)


def _object(body: Body, name: str) -> dict[str, Any]:
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return value


def _choice(body: Body, name: str, choices: tuple[str, ...]) -> None:
    value = body.get(name)
    if value is not None and value not in choices:
        raise wrong_choice(name, value, choices)
