"""OpenAI's chat requests as Gemini's, and the losses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from batchyard.errors import InputError
from batchyard_gemini._messages import contents_of
from batchyard_gemini._thinking import thinking
from batchyard_gemini._wire import ENDPOINT

__all__ = ["Losses", "Translator"]

HARMLESS = frozenset(
    {
        *("user", "safety_identifier", "store", "metadata", "service_tier", "stream"),
        *("stream_options", "prompt_cache_key", "prompt_cache_retention"),
    }
)
"""Without these the answer is the same."""

LOST = frozenset({"logit_bias", "verbosity", "prediction", "parallel_tool_calls"})
"""Without these it may differ; Gemini has nothing like them."""

PLAIN = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "max_completion_tokens": "maxOutputTokens",
    "max_tokens": "maxOutputTokens",
}
"""Parameters that are numbers there, too; where both of one place are given, the first counts."""


@dataclass(slots=True)
class Losses:
    """How many lines asked for what was left out, by field."""

    fields: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any] | None:
        return {"losses": {"fields": dict(self.fields)}} if self.fields else None


class Translator:
    """Makes rows of lines.  One a file: it minds the model, and counts what is lost."""

    def __init__(self, lossy: Literal["error", "drop"]) -> None:
        self._drops = lossy == "drop"
        self.model: str | None = None
        self.losses = Losses()

    def row_of(self, line: bytes) -> bytes:
        """The row for a line.  Raises :class:`InputError` for what cannot be said to Gemini.

        A row of Gemini's own, with a key, is passed on as it is.
        """
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError("a line is no JSON", param="file") from None
        if not isinstance(found, dict):
            raise InputError("a line is no JSON object", param="file")
        if isinstance(found.get("request"), dict) and isinstance(found.get("key"), str):
            self._same_model(found["key"], found["request"].get("model"))
            return line
        name = found.get("custom_id")
        if not isinstance(name, str):
            raise InputError("a line has no custom_id", param="custom_id")
        if found.get("url") != ENDPOINT:
            raise InputError(f"{name!r}: Gemini takes {ENDPOINT} alone", param="url")
        try:
            request = self._request(name, found.get("body"))
        except InputError as error:
            raise InputError(f"{name!r}: {error.message}", param=error.param) from None
        except (TypeError, KeyError, ValueError, AttributeError, RecursionError):
            raise InputError(f"{name!r}: this is no request of a chat", param="body") from None
        return json.dumps({"key": name, "request": request}, separators=(",", ":")).encode()

    def _same_model(self, name: str, model: object) -> None:
        if model is None:
            return
        if not isinstance(model, str) or not model.strip():
            raise InputError(f"{name!r}: a model is a name", param="body.model")
        plain = model.removeprefix("models/")
        if self.model not in {None, plain}:
            raise InputError(
                f"{name!r}: a batch is of one model, and asks for {self.model} and {plain}",
                param="body.model",
            )
        self.model = plain

    def _request(self, name: str, body: Any) -> dict[str, Any]:
        if not isinstance(body, dict) or "model" not in body:
            raise InputError("a request needs a model and messages", param="body.model")
        self._same_model(name, body["model"])
        contents, system = contents_of(body["messages"])
        request: dict[str, Any] = {
            "model": f"models/{self.model}",
            "contents": contents,
            **({"systemInstruction": {"parts": system}} if system else {}),
        }
        config: dict[str, Any] = {}
        for field_name, value in body.items():
            if field_name in {"model", "messages"} or value is None:
                continue
            self._say(field_name, value, request, config)
        if config:
            request["generationConfig"] = config
        return request

    def _say(self, name: str, value: Any, request: dict[str, Any], config: dict[str, Any]) -> None:
        if name in PLAIN:
            _number(name, value)
            if name != "max_tokens" or "maxOutputTokens" not in config:
                config[PLAIN[name]] = value
        elif name in CONFIG:
            config |= CONFIG[name](value)
        elif name == "reasoning_effort":
            config["thinkingConfig"] = thinking(self.model or "", value)
        elif name in WHOLE:
            request |= WHOLE[name](value)
        elif self._leaves_out(name, value):
            self.losses.fields[f"body.{name}"] += 1
        else:
            raise InputError(f"Gemini has no {name}", param=f"body.{name}")

    def _leaves_out(self, name: str, value: Any) -> bool:
        if name == "stream" and value:
            return False
        return name in HARMLESS or (self._drops and name in LOST)


def _number(name: str, value: Any) -> None:
    wanted = bool if name == "logprobs" else (int, float)
    if not isinstance(value, wanted) or (name != "logprobs" and isinstance(value, bool)):
        raise InputError(f"{name} is no number", param=f"body.{name}")


def _stop(value: Any) -> dict[str, Any]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(one, str) for one in words):
        raise InputError("stop is a string, or a list of them", param="body.stop")
    return {"stopSequences": words}


def _format(value: Any) -> dict[str, Any]:
    kind = value["type"]
    if kind == "text":
        return {}
    if kind not in {"json_object", "json_schema"}:
        raise InputError(f"Gemini has no format {kind!r}", param="body.response_format")
    found: dict[str, Any] = {"responseMimeType": "application/json"}
    if kind == "json_schema":
        found["responseJsonSchema"] = value["json_schema"]["schema"]
    return found


def _tools(value: Any) -> dict[str, Any]:
    declared = []
    for one in value:
        if one["type"] != "function":
            raise InputError(f"Gemini has no tool {one['type']!r}", param="body.tools")
        function = one["function"]
        said = {key: function[key] for key in ("name", "description") if function.get(key)}
        if (function.get("parameters") or {}).get("properties"):
            said["parametersJsonSchema"] = function["parameters"]
        declared.append(said)
    return {"tools": [{"functionDeclarations": declared}]} if declared else {}


MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def _choice(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        if value not in MODES:
            raise InputError(f"tool_choice is none of {', '.join(MODES)}", param="body.tool_choice")
        calling: dict[str, Any] = {"mode": MODES[value]}
    else:
        calling = {"mode": "ANY", "allowedFunctionNames": [value["function"]["name"]]}
    return {"toolConfig": {"functionCallingConfig": calling}}


CONFIG: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "stop": _stop,
    "response_format": _format,
}

WHOLE: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "tools": _tools,
    "tool_choice": _choice,
    "safety_settings": lambda value: {"safetySettings": value},
}
