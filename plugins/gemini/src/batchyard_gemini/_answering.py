"""What the emulated models answer, row by row."""

from __future__ import annotations

import re
from typing import Any

from batchyard.emulators import Quirks

__all__ = ["Answering"]

FLAGGED = "[[flagged]]"
"""A prompt with this in it is blocked."""

MODELS = re.compile(r"gemini-(2\.0|2\.5|3|3\.1|3\.5)-(flash|flash-lite|pro)(-preview)?")

THOUGHTS = 5

FIELDS = frozenset(
    {
        *("model", "contents", "systemInstruction", "generationConfig", "tools", "toolConfig"),
        *("safetySettings", "cachedContent"),
    }
)

CONFIG = frozenset(
    {
        *("temperature", "topP", "topK", "candidateCount", "seed", "presencePenalty"),
        *("frequencyPenalty", "responseLogprobs", "logprobs", "maxOutputTokens", "stopSequences"),
        *("responseMimeType", "responseJsonSchema", "responseSchema", "thinkingConfig"),
    }
)


class Answering:
    def __init__(self, quirks: Quirks) -> None:
        self._quirks = quirks

    def knows(self, model: str) -> bool:
        return MODELS.fullmatch(model) is not None

    def result(self, model: str, row: dict[str, Any], number: int) -> dict[str, Any]:
        known = {key: row[key] for key in ("key", "metadata") if row.get(key) is not None}
        problem = _problem(row["request"], model)
        if problem is not None:
            code = 400 if "http-codes" in self._quirks else 3
            error = {"code": code, "message": problem, "status": "INVALID_ARGUMENT"}
            return {**known, "error": error}
        response = _answer(model, row["request"], number)
        if number < self._quirks.value("no-usage"):
            del response["usageMetadata"]
        return {**known, "response": response}


def _problem(request: dict[str, Any], model: str) -> str | None:
    config = request.get("generationConfig") or {}
    checks = (
        (not set(request) - FIELDS, "Unknown name in request: Cannot find field."),
        (not set(config) - CONFIG, "Unknown name in generation_config: Cannot find field."),
        (request.get("model") in {None, f"models/{model}"}, "The model is not that of the batch."),
        (_well_said(request.get("contents")), "Please use a valid role: user, model."),
        (0 <= config.get("temperature", 1) <= 2, "temperature is between 0 and 2."),
        (0 < config.get("maxOutputTokens", 1) <= 65_536, "max_output_tokens is up to 65536."),
        (len(config.get("stopSequences") or []) <= 5, "There are at most 5 stop sequences."),
    )
    return next((said for fine, said in checks if not fine), None)


def _well_said(contents: Any) -> bool:
    if not isinstance(contents, list) or not contents:
        return False
    return all(one.get("role") in {"user", "model"} and one.get("parts") for one in contents)


def _answer(model: str, request: dict[str, Any], number: int) -> dict[str, Any]:
    parts = [part for turn in request["contents"] for part in turn["parts"]]
    text = " ".join(str(part.get("text", "")) for part in parts)
    prompt = len(text.split()) + 6
    usage: dict[str, Any] = {
        "promptTokenCount": prompt,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "serviceTier": "standard",
    }
    shared = {"modelVersion": model, "responseId": f"r{number:022d}"}
    if FLAGGED in text:
        feedback = {"blockReason": "PROHIBITED_CONTENT"}
        return {
            "promptFeedback": feedback,
            "usageMetadata": {**usage, "totalTokenCount": prompt},
            **shared,
        }
    said = f"You said: {text}"
    written = len(said.split())
    content = {"parts": [{"text": said}], "role": "model"}
    usage |= {
        "candidatesTokenCount": written,
        "thoughtsTokenCount": THOUGHTS,
        "totalTokenCount": prompt + written + THOUGHTS,
        "cachedContentTokenCount": 2,
    }
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": usage, **shared}
