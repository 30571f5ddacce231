from __future__ import annotations

from typing import Any

from batchyard.emulators.openai_wire._errors import ApiError, missing, wrong_choice, wrong_type

_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_IMAGE_SCHEMES = ("https://", "http://", "data:")
_PARTS = ("text", "image_url", "input_audio", "refusal", "audio", "file")


def check_messages(messages: object) -> None:
    """Refuse what is no conversation of /v1/chat/completions."""
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise _empty("messages")
    pending: set[str] = set()
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        if not isinstance(message, dict):
            raise wrong_type(param, "an object", message)
        _check_message(message, param)
        pending = _follow_calls(message, param, pending)


def _check_message(message: dict[str, Any], param: str) -> None:
    role = message.get("role")
    if role is None:
        raise missing(f"{param}.role")
    if role not in _ROLES:
        raise wrong_choice(f"{param}.role", role, _ROLES)
    content = message.get("content")
    if content is None:
        # an assistant may say nothing when it calls a tool or refuses
        if role != "assistant" or not message.keys() & {"tool_calls", "function_call", "refusal"}:
            raise wrong_type(f"{param}.content", "a string or array of content parts", content)
        return
    if isinstance(content, list):
        for position, part in enumerate(content):
            _check_part(part, f"{param}.content[{position}]")
    elif not isinstance(content, str):
        raise wrong_type(f"{param}.content", "a string or array of content parts", content)


def _check_part(part: object, param: str) -> None:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    kind = part.get("type")
    if kind not in _PARTS:
        raise wrong_choice(f"{param}.type", kind, _PARTS)
    if kind == "text" and not isinstance(part.get("text"), str):
        raise missing(f"{param}.text")
    if kind == "image_url":
        _check_image((part.get("image_url") or {}).get("url"), f"{param}.image_url.url")


def _check_image(url: object, param: str) -> None:
    if not url:
        raise missing(param)
    if not str(url).startswith(_IMAGE_SCHEMES):
        raise ApiError(
            f"Invalid '{param}'. Expected a valid URL, but got a value with an invalid format.",
            param=param,
            code="invalid_value",
        )


def _follow_calls(message: dict[str, Any], param: str, pending: set[str]) -> set[str]:
    """The tool calls that still lack an answer after this message."""
    if message["role"] == "tool":
        if message.get("tool_call_id") not in pending:
            raise ApiError(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding "
                "message with 'tool_calls'.",
                param=f"{param}.role",
            )
        return pending - {message["tool_call_id"]}
    if pending:
        raise ApiError(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            f"to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(sorted(pending))}",
            param=f"{param}.role",
        )
    return {str(call.get("id")) for call in message.get("tool_calls") or ()}


def check_input(value: object) -> None:
    """Refuse what is no input of /v1/responses."""
    if value is None:
        raise missing("input")
    if not isinstance(value, str | list):
        raise wrong_type("input", "a string or an array of input items", value)
    if value == []:
        raise _empty("input")
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise wrong_type(f"input[{index}]", "an object", item)
            role = item.get("role")
            if item.get("type", "message") == "message" and role not in _ROLES:
                raise wrong_choice(f"input[{index}].role", role, _ROLES)


def _empty(param: str) -> ApiError:
    return ApiError(
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, "
        "but got an empty array instead.",
        param=param,
        code="empty_array",
    )
