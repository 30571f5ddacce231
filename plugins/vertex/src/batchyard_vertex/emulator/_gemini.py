"""One row's answer, as Gemini gives it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from typing import Any

from batchyard.emulators.openai_wire._prompts import PrefixCache, count_tokens
from batchyard.emulators.openai_wire._prose import compose, compose_json
from batchyard.emulators.openai_wire._schemas import Instances

__all__ = ["FLAG", "RowFailedError", "answer", "bad_request"]

FLAG = "[[flagged]]"
"""A prompt that contains this is blocked."""

_RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "candidateCount": (1, 8),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "maxOutputTokens": (1, 65_536),
    "logprobs": (0, 20),
}
_MEDIA_TOKENS = 258
"""What an image costs."""

Request = Mapping[str, Any]


class RowFailedError(Exception):
    """The row's ``status`` tells of it."""

    def __init__(self, code: int, phrase: str, message: str, status: str) -> None:
        super().__init__(message)
        error = {"code": code, "message": message, "status": status}
        self.text = f"{phrase}: {json.dumps({'error': error})}"


def answer(request: Request, model: str, rng: random.Random, cache: PrefixCache) -> dict[str, Any]:
    """The response; raises :class:`RowFailedError`."""
    _check(request)
    texts, media = _texts(request)
    prompt = "\n".join(texts)
    given = count_tokens(prompt) + _MEDIA_TOKENS * media + 4
    if FLAG in prompt:
        feedback = {"blockReason": "PROHIBITED_CONTENT"}
        counted = {"promptTokenCount": given, "totalTokenCount": given}
        return {"promptFeedback": feedback, "usageMetadata": counted}
    config = request.get("generationConfig") or {}
    thoughts = 0 if "lite" in model else rng.randint(1, 4) * 16
    speaker = _Speaker(request, prompt, rng)
    made = [speaker.candidate(index) for index in range(config.get("candidateCount", 1))]
    spoken = sum(tokens for _, tokens in made)
    usage: dict[str, Any] = {
        "promptTokenCount": given,
        "candidatesTokenCount": spoken,
        "totalTokenCount": given + spoken + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": given}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": spoken}],
        "trafficType": "ON_DEMAND",
    }
    cached = cache.cached_tokens(prompt)
    usage |= {"thoughtsTokenCount": thoughts} if thoughts else {}
    usage |= {"cachedContentTokenCount": min(cached, given)} if cached else {}
    return {"candidates": [candidate for candidate, _ in made], "usageMetadata": usage}


def _check(request: Request) -> None:
    contents = request.get("contents") or []
    if not contents:
        raise bad_request("at least one contents field is required")
    for content in contents:
        if content.get("role") not in {"user", "model"}:
            raise bad_request("Please use a valid role: user, model.")
        if not content.get("parts"):
            raise bad_request("Unable to submit request because it must have a text parameter.")
    for name, value in (request.get("generationConfig") or {}).items():
        least, most = _RANGES.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not least <= value <= most:
            message = f"{name}: value {value} is not in the supported range [{least}, {most}]"
            raise bad_request(f"Unable to submit request because it has an invalid {message}.")


def bad_request(message: str) -> RowFailedError:
    return RowFailedError(400, "Bad Request", message, "INVALID_ARGUMENT")


def _texts(request: Request) -> tuple[list[str], int]:
    """All that is said, and how many images are shown."""
    texts, media = [], 0
    for content in [request.get("systemInstruction") or {}, *request["contents"]]:
        for part in content.get("parts") or []:
            media += "inlineData" in part or "fileData" in part
            called = part.get("functionCall") or part.get("functionResponse")
            texts.append(part.get("text") or (json.dumps(called) if called else ""))
    return texts, media


class _Speaker:
    def __init__(self, request: Request, prompt: str, rng: random.Random) -> None:
        self._config: Mapping[str, Any] = request.get("generationConfig") or {}
        self._prompt = prompt
        self._rng = rng
        last = request["contents"][-1]
        said = [part["text"] for part in last["parts"] if part.get("text")]
        self._subject = "\n".join(said) or prompt
        answers = any("functionResponse" in part for part in last["parts"])
        self._tools = [] if answers or last["role"] != "user" else _allowed(request)

    def candidate(self, index: int) -> tuple[dict[str, Any], int]:
        """A candidate and its tokens."""
        part: dict[str, Any]
        tools = self._tools
        if tools:
            tool = self._rng.choice(tools)
            made = self._instance(tool.get("parameters") or {}) or {}
            call = {"name": tool["name"], **({"args": made} if made else {})}
            part, text, reason = {"functionCall": call}, json.dumps(call), "STOP"
        else:
            text, reason = self._text()
            part = {"text": text}
        content = {"role": "model", **({"parts": [part]} if text else {})}
        candidate: dict[str, Any] = {"content": content, "finishReason": reason}
        candidate |= {"index": index} if index else {}
        candidate["avgLogprobs"] = -round(self._rng.uniform(0.01, 0.5), 4)
        if self._config.get("responseLogprobs") and not tools:
            candidate["logprobsResult"] = self._logprobs(text)
        return candidate, count_tokens(text)

    def _text(self) -> tuple[str, str]:
        text = self._said()
        for mark in self._config.get("stopSequences") or ():
            text = text.partition(mark)[0]
        most = self._config.get("maxOutputTokens")
        if most is not None and count_tokens(text) > most:
            return text[: most * 4], "MAX_TOKENS"
        return text, "STOP"

    def _said(self) -> str:
        if self._config.get("responseMimeType") != "application/json":
            return compose(self._prompt, self._subject, self._rng)
        schema = self._config.get("responseSchema")
        if schema:
            return json.dumps(self._instance(schema))
        return compose_json(self._prompt, self._subject, self._rng)

    def _instance(self, schema: Mapping[str, Any]) -> Any:
        return Instances(_json_schema(schema), self._rng, self._subject.lower()).make()

    def _logprobs(self, text: str) -> dict[str, Any]:
        pieces = [text[start : start + 4] for start in range(0, len(text), 4)]
        chosen = [
            {"token": piece, "logProbability": math.log(self._rng.uniform(0.5, 0.999))}
            for piece in pieces
        ]
        most = self._config.get("logprobs", 0)
        tops = [
            {"candidates": [one, *({"token": "x", "logProbability": -9.0},) * (most - 1)][:most]}
            for one in chosen
        ]
        return {"chosenCandidates": chosen, **({"topCandidates": tops} if most else {})}


def _allowed(request: Request) -> list[Any]:
    declared = [
        one for tool in request.get("tools") or [] for one in tool.get("functionDeclarations") or []
    ]
    calling = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    if calling.get("mode") == "NONE":
        return []
    names = calling.get("allowedFunctionNames")
    return [one for one in declared if not names or one["name"] in names]


def _json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's schema as JSON Schema."""
    result = dict(schema)
    if "type" in schema:
        kind = str(schema["type"]).lower()
        result["type"] = [kind, "null"] if schema.get("nullable") else kind
    if "properties" in schema:
        result["properties"] = {
            name: _json_schema(one) for name, one in schema["properties"].items()
        }
    if "items" in schema:
        result["items"] = _json_schema(schema["items"])
    if "anyOf" in schema:
        result["anyOf"] = [_json_schema(one) for one in schema["anyOf"]]
    return result
