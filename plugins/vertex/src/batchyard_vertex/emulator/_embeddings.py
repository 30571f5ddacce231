"""One row's vector."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any

from batchyard.emulators import Quirks
from batchyard.emulators.openai_wire._prompts import count_tokens
from batchyard_vertex.emulator._gemini import RowFailedError, bad_request

__all__ = ["embedding", "legacy_predictions"]

_SIZE = 3072
_LEGACY_SIZE = 768
_SETTINGS = frozenset({"output_dimensionality", "outputDimensionality", "task_type", "title"})
_NESTED = ("embed_content_config", "embedContentConfig")
_TASKS = frozenset(
    {
        *("RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION"),
        *("CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"),
    }
)


def embedding(request: Mapping[str, Any], rng: random.Random, quirks: Quirks) -> dict[str, Any]:
    """The response; raises :class:`RowFailedError`."""
    config = _config(request, quirks)
    parts = (request.get("content") or {}).get("parts") or []
    text = "\n".join(str(part.get("text", "")) for part in parts)
    if not text and not any("inlineData" in part or "fileData" in part for part in parts):
        raise bad_request("The text content is empty.")
    size = config.get("output_dimensionality", config.get("outputDimensionality", _SIZE))
    if not isinstance(size, int) or not 1 <= size <= _SIZE:
        raise bad_request(f"Unable to submit request: output_dimensionality is not 1 to {_SIZE}.")
    if config.get("task_type", "CLUSTERING") not in _TASKS:
        raise bad_request("Unable to submit request: task_type is invalid.")
    usage = {"promptTokenCount": count_tokens(text)}
    return {"embedding": {"values": _vector(size, rng)}, "usageMetadata": usage}


def _config(request: Mapping[str, Any], quirks: Quirks) -> Mapping[str, Any]:
    nested = next((request[name] for name in _NESTED if name in request), None)
    flat = {name: value for name, value in request.items() if name in _SETTINGS}
    if nested is not None and "embed-config-refused" in quirks:
        raise _unknown("embed_content_config")
    if flat and "embed-config-required" in quirks:
        raise _unknown(next(iter(flat)))
    return {**flat, **(nested if isinstance(nested, Mapping) else {})}


def _unknown(name: str) -> RowFailedError:
    return bad_request(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')


def legacy_predictions(row: Mapping[str, Any], rng: random.Random) -> list[dict[str, Any]]:
    text = row.get("content")
    if not isinstance(text, str) or not text:
        raise bad_request("The text content is empty.")
    statistics = {"token_count": count_tokens(text), "truncated": False}
    made = {"statistics": statistics, "values": _vector(_LEGACY_SIZE, rng)}
    return [{"embeddings": made}]


def _vector(size: int, rng: random.Random) -> list[float]:
    values = [rng.uniform(-1, 1) for _ in range(size)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, 7) for value in values]
