"""Gemini's rows as OpenAI's lines: results, and requests again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any

from batchyard.effects import Stream
from batchyard_gemini._messages import messages_of, tool_call
from batchyard_gemini._requests import MODES, PLAIN
from batchyard_gemini._thinking import effort
from batchyard_gemini._wire import ENDPOINT

__all__ = ["line_of", "lines_of"]

FINISHED = {
    **dict.fromkeys(("STOP", "FINISH_REASON_UNSPECIFIED"), "stop"),
    **dict.fromkeys(("MAX_TOKENS", "CONTINUATION"), "length"),
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"),
            *("SPII", "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT"),
            *("IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE"),
        ),
        "content_filter",
    ),
}
"""Reasons; those of malformed calls and of tomorrow are a stop."""

STATUSES = {
    1: 499,
    2: 500,
    3: 400,
    4: 504,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    13: 500,
    14: 503,
    15: 500,
    16: 401,
}
"""HTTP statuses of RPC codes: rows have the one or the other."""


async def lines_of(content: Stream[bytes]) -> Stream[bytes]:
    """The content with each of its rows as a line, however its bytes are cut."""
    rest = b""
    async with aclosing(content) as pieces:
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for one in whole:
                yield line_of(one) + b"\n" if one.strip() else b"\n"
    if rest.strip():
        yield line_of(rest)


def line_of(row: bytes) -> bytes:
    """A row as a line: a result or a request.

    One that cannot be read is passed on as it is: it is counted, and costs no other line.
    """
    try:
        found = json.loads(row)
        key = found["key"]
        if not isinstance(key, str):
            return row
        if "request" in found and not {"response", "error"} & found.keys():
            return _packed(_request(key, found["request"]))
        return _packed(_result(key, found))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return row


def _result(key: str, row: Mapping[str, Any]) -> dict[str, Any]:
    error = row.get("error")
    answer = row.get("response")
    if error:
        status, body = _failure(error)
    elif not answer:
        status, body = 500, _error("INTERNAL", "the row has neither a response nor an error")
    elif not answer.get("candidates") and (reason := _blocked(answer)):
        message = f"the prompt was blocked: {reason}"
        body = _error("content_filter", message) | {"usage": _usage(answer)}
        status = 400
    else:
        status, body = 200, _completion(answer)
    response = {"status_code": status, "request_id": _id(answer), "body": body}
    return {"id": None, "custom_id": key, "response": response, "error": None}


def _id(answer: Mapping[str, Any] | None) -> str:
    return str((answer or {}).get("responseId") or "")


def _failure(error: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    code = error.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 500
    status = STATUSES.get(number, number)
    word = error.get("status")
    return (
        status if 400 <= status < 600 else 500,
        _error(str(word or code or "UNKNOWN"), str(error.get("message") or "no reason given")),
    )


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "type": "gemini_error", "param": None, "message": message}}


def _blocked(answer: Mapping[str, Any]) -> str | None:
    reason = (answer.get("promptFeedback") or {}).get("blockReason")
    return str(reason) if reason else None


def _completion(answer: Mapping[str, Any]) -> dict[str, Any]:
    candidates = answer.get("candidates") or []
    return {
        "id": _id(answer),
        "object": "chat.completion",
        "created": _created(answer.get("createTime")),
        "model": str(answer.get("modelVersion") or "").partition("@")[0] or None,
        "choices": [_choice(one, at) for at, one in enumerate(candidates)],
        "usage": _usage(answer),
    }


def _created(text: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp()) if text else None
    except (TypeError, ValueError, OverflowError):
        return None


def _choice(candidate: Mapping[str, Any], at: int) -> dict[str, Any]:
    parts = (candidate.get("content") or {}).get("parts") or []
    said = [one["text"] for one in parts if "text" in one and not one.get("thought")]
    thought = [one["text"] for one in parts if "text" in one and one.get("thought")]
    calls = [one["functionCall"] for one in parts if "functionCall" in one]
    message: dict[str, Any] = {"role": "assistant", "content": "".join(said)}
    if thought:
        message["reasoning_content"] = "".join(thought)
    if calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [tool_call(one, f"call_{at}_{n}") for n, one in enumerate(calls)]
    reason = "tool_calls" if calls else FINISHED.get(candidate.get("finishReason", ""), "stop")
    choice = {"index": candidate.get("index", at), "message": message, "finish_reason": reason}
    logs = candidate.get("logprobsResult")
    return {**choice, "logprobs": _logprobs(logs)} if logs else choice


def _logprobs(found: Mapping[str, Any]) -> dict[str, Any]:
    tops = found.get("topCandidates") or []
    content = []
    for at, one in enumerate(found.get("chosenCandidates") or []):
        others = tops[at].get("candidates") or [] if at < len(tops) else []
        content.append({**_token(one), "top_logprobs": [_token(other) for other in others]})
    return {"content": content, "refusal": None}


def _token(one: Mapping[str, Any]) -> dict[str, Any]:
    token = str(one.get("token", ""))
    return {"token": token, "logprob": one.get("logProbability"), "bytes": list(token.encode())}


def _usage(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tokens, or ``None`` where they make no sense: what was answered is an answer all the same."""
    try:
        return _tokens(answer.get("usageMetadata") or {})
    except (TypeError, AttributeError):
        return None


def _tokens(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Thoughts are beside the candidates there, and a part of what was written here."""
    if "promptTokenCount" not in found and "totalTokenCount" not in found:
        return None
    prompt = found.get("promptTokenCount", 0) + found.get("toolUsePromptTokenCount", 0)
    written, thoughts = found.get("candidatesTokenCount", 0), found.get("thoughtsTokenCount", 0)
    total = found.get("totalTokenCount")
    if prompt + written != total:
        written += thoughts
    audio = {
        name: sum(
            one.get("tokenCount", 0)
            for one in found.get(f"{name}TokensDetails") or ()
            if one.get("modality") == "AUDIO"
        )
        for name in ("prompt", "candidates")
    }
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written if total is None else total,
        "prompt_tokens_details": {
            "cached_tokens": found.get("cachedContentTokenCount", 0),
            "audio_tokens": audio["prompt"],
        },
        "completion_tokens_details": {
            "reasoning_tokens": thoughts,
            "audio_tokens": audio["candidates"],
        },
    }


def _request(key: str, request: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if request.get("model"):
        body["model"] = str(request["model"]).removeprefix("models/")
    body["messages"] = messages_of(request)
    config = dict(request.get("generationConfig") or {})
    body |= {name: config[there] for name, there in PLAIN.items() if there in config}
    if "max_tokens" in body:
        # which of the two it was cannot be told; they mean the same
        del body["max_completion_tokens"]
    if "stopSequences" in config:
        body["stop"] = config["stopSequences"]
    if "responseMimeType" in config:
        body["response_format"] = _format(config.get("responseJsonSchema"))
    if (word := effort(config.get("thinkingConfig") or {})) is not None:
        body["reasoning_effort"] = word
    body |= _tools(request)
    return {"custom_id": key, "method": "POST", "url": ENDPOINT, "body": body}


def _format(schema: Any) -> dict[str, Any]:
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "response", "schema": schema}}


def _tools(request: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    declared = [
        one for tool in request.get("tools") or () for one in tool.get("functionDeclarations") or ()
    ]
    if declared:
        found["tools"] = [{"type": "function", "function": _function(one)} for one in declared]
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig")
    if calling:
        named = calling.get("allowedFunctionNames")
        modes = {there: here for here, there in MODES.items()}
        found["tool_choice"] = (
            {"type": "function", "function": {"name": named[0]}}
            if named
            else modes.get(calling["mode"], "auto")
        )
    return found


def _function(declared: Mapping[str, Any]) -> dict[str, Any]:
    function = {name: declared[name] for name in ("name", "description") if name in declared}
    if "parametersJsonSchema" in declared:
        function["parameters"] = declared["parametersJsonSchema"]
    return function


def _packed(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
