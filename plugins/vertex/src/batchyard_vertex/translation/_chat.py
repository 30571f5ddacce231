"""A chat completion's body as a Gemini request (Vertex AI API, GenerateContentRequest)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_vertex.translation._messages import Conversation
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import gemini_schema

__all__ = ["gemini_request"]

Body = Mapping[str, Any]

_NUMBERS = {
    "temperature": ("temperature", 0, 2),
    "top_p": ("topP", 0, 1),
    "presence_penalty": ("presencePenalty", -2, 2),
    "frequency_penalty": ("frequencyPenalty", -2, 2),
}
"""Gemini's names, and OpenAI's bounds (OpenAI API reference, create chat completion)."""

_INTEGERS = {
    "n": ("candidateCount", 1, 8),
    "top_logprobs": ("logprobs", 0, 20),
    "max_tokens": ("maxOutputTokens", 1, 2**31 - 1),
    "max_completion_tokens": ("maxOutputTokens", 1, 2**31 - 1),
}

MOST_STOPS = 4

_CARRIED = frozenset(
    {"model", "messages", "stop", "seed", "logprobs", "response_format", "tools", "tool_choice"}
)
_WITHOUT_EFFECT = frozenset(
    {
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
    }
)
"""Fields that say nothing of the answer, or nothing that Gemini could be told."""

_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}


def gemini_request(body: Body, model: str) -> dict[str, Any]:
    """The request for *model*, in Vertex's own name for it.

    Raises :class:`LineRefusedError` and :class:`RowRefusedError`.
    """
    for name, value in body.items():
        known = name in _CARRIED or name in _WITHOUT_EFFECT or name in _NUMBERS or name in _INTEGERS
        if value is not None and not known:
            message = f"`{name}` cannot be carried to Vertex AI yet. Remove it."
            raise LineRefusedError(message, f"body.{name}")
    talk = Conversation(body.get("messages"), signed="gemini-3" in model)
    request: dict[str, Any] = {"contents": talk.contents}
    if talk.system:
        request["systemInstruction"] = {"parts": talk.system}
    config = _generation_config(body)
    if config:
        request["generationConfig"] = config
    declarations = _declarations(body.get("tools"))
    if declarations:
        request["tools"] = [{"functionDeclarations": declarations}]
    calling = _calling(body.get("tool_choice"), declarations)
    if calling:
        request["toolConfig"] = {"functionCallingConfig": calling}
    return request


def _generation_config(body: Body) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for table, whole in ((_NUMBERS, False), (_INTEGERS, True)):
        for name, (other, least, most) in table.items():
            if body.get(name) is not None:
                config[other] = _bounded(name, body[name], (least, most), whole=whole)
    seed = body.get("seed")
    if seed is not None:
        # Gemini's has 32 bits
        config["seed"] = _bounded("seed", seed, (-(2**63), 2**63), whole=True) % 2**31
    stops = _stops(body.get("stop"))
    if stops:
        config["stopSequences"] = stops
    logprobs = body.get("logprobs")
    if not isinstance(logprobs, bool | None):
        raise RowRefusedError("`logprobs` is true or false.", "logprobs")
    if logprobs:
        config["responseLogprobs"] = True
    elif "logprobs" in config:
        raise RowRefusedError("`top_logprobs` needs `logprobs` to be true.", "top_logprobs")
    return config | _format(body.get("response_format"))


def _bounded(name: str, value: Any, bounds: tuple[int, int], *, whole: bool) -> Any:
    least, most = bounds
    kind = "a whole number" if whole else "a number"
    good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not good:
        raise RowRefusedError(f"`{name}` is {kind}.", name)
    if not least <= value <= most:
        raise RowRefusedError(f"`{name}` is {kind} from {least} to {most}, not {value}.", name)
    return value


def _stops(stop: Any) -> list[str]:
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(one, str) and one for one in stops):
        raise RowRefusedError("`stop` is a text, or an array of texts.", "stop")
    if len(stops) > MOST_STOPS:
        raise RowRefusedError(f"`stop` has at most {MOST_STOPS} texts, not {len(stops)}.", "stop")
    return stops


def _format(wanted: Any) -> dict[str, Any]:
    if wanted is None:
        return {}
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind == "text":
        return {}
    if kind == "json_object":
        return {"responseMimeType": "application/json"}
    if kind != "json_schema":
        message = f"{kind!r} is no format; formats are text, json_object and json_schema."
        raise RowRefusedError(message, "response_format.type")
    definition = wanted.get("json_schema")
    if not isinstance(definition, Mapping):
        raise RowRefusedError("`json_schema` has a name and a schema.", "response_format")
    schema = gemini_schema(definition.get("schema"), "response_format.json_schema.schema")
    return {"responseMimeType": "application/json", "responseSchema": schema}


def _declarations(tools: Any) -> list[dict[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise RowRefusedError("`tools` is an array.", "tools")
    return [_declaration(tool, f"tools[{number}]") for number, tool in enumerate(tools)]


def _declaration(tool: Any, param: str) -> dict[str, Any]:
    kind = tool.get("type") if isinstance(tool, Mapping) else None
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if kind != "function":
        message = f"Tools of type {kind!r} cannot be carried to Vertex AI yet."
        raise LineRefusedError(message, f"body.{param}.type")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RowRefusedError("A tool names its function.", f"{param}.function.name")
    declared: dict[str, Any] = {"name": function["name"]}
    if isinstance(function.get("description"), str) and function["description"]:
        declared["description"] = function["description"]
    if function.get("parameters") is not None:
        schema = gemini_schema(function["parameters"], f"{param}.function.parameters")
        if "properties" in schema:
            declared["parameters"] = schema
        elif schema.get("type", "OBJECT") != "OBJECT":
            message = "A function's parameters are an object."
            raise RowRefusedError(message, f"{param}.function.parameters")
    return declared


def _calling(choice: Any, declarations: list[dict[str, Any]]) -> dict[str, Any]:
    if choice is None or not declarations:
        return {}
    if isinstance(choice, str) and choice in _MODES:
        return {"mode": _MODES[choice]}
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind == "function" and isinstance(choice.get("function"), Mapping):
        name = choice["function"].get("name")
        if name in {one["name"] for one in declarations}:
            return {"mode": "ANY", "allowedFunctionNames": [name]}
        raise RowRefusedError(f"`tool_choice` names {name!r}, which is no tool.", "tool_choice")
    if kind == "allowed_tools":
        message = "`tool_choice` of type 'allowed_tools' cannot be carried to Vertex AI yet."
        raise LineRefusedError(message, "body.tool_choice")
    raise RowRefusedError("`tool_choice` is none, auto, required or a function.", "tool_choice")
