"""Chat completions as the parameters of Claude's messages (API reference, create a message)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from batchyard_anthropic.translation._losses import Notes, RefusedError, approximated, ignored, lost
from batchyard_anthropic.translation._thinking import Thinking, thinking_of
from batchyard_anthropic.translation._tools import tools_of
from batchyard_anthropic.translation._turns import turns_of

__all__ = ["Options", "params_of"]

OWN = ("top_k", "cache_control", "container", "context_management", "inference_geo", "speed")
"""Fields of Claude's, carried as they are where somebody writes them into a chat's body."""

CARRIED = frozenset(
    {
        *OWN,
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "model",
        "output_config",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_p",
        "user",
    }
)

SILENT = {
    "metadata": "It is for whoever asks.",
    "prompt_cache_key": "Claude's cache goes by what is cached.",
    "prompt_cache_retention": "Claude's cache goes by cache_control.",
    "safety_identifier": "Claude's policies are its own.",
    "service_tier": "A batch is a tier.",
    "store": "Nothing is stored.",
    "stream_options": "A batch does not stream.",
}
"""Fields that say nothing of the answer."""

NEUTRAL: Mapping[str, Any] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "stream": False,
    "logit_bias": {},
    "modalities": ["text"],
    "verbosity": "medium",
}
"""Values that ask for what is so in any case."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an account says of the translation."""

    max_tokens: int = 4096
    thinking: Thinking = "auto"


def params_of(body: Mapping[str, Any], options: Options, notes: Notes) -> dict[str, Any]:
    """The parameters that say the same, with *notes* of what they do not.

    Raises :class:`RefusedError` for what is no request, or cannot be carried at all.
    """
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise RefusedError("`model` is missing. Name the model.", "body.model")
    _tell_uncarried(body, notes)
    system, turns = turns_of(body.get("messages"), notes)
    tokens = _tokens(body, options, notes)
    thought = thinking_of(body, options.thinking, tokens, notes)
    effort = thought.pop("effort", None)
    params: dict[str, Any] = {"model": model, "max_tokens": tokens, "messages": turns}
    if system:
        alone = len(system) == 1 and set(system[0]) == {"type", "text"}
        params["system"] = system[0]["text"] if alone else system
    params |= _sampling(body, notes) | tools_of(body) | thought
    config = _output_config(body, effort, notes)
    if config:
        params["output_config"] = config
    return params | {name: body[name] for name in OWN if body.get(name) is not None}


def _tell_uncarried(body: Mapping[str, Any], notes: Notes) -> None:
    for name, value in body.items():
        if value is None or name in CARRIED or value == NEUTRAL.get(name):
            continue
        if name == "stream":
            message = "A batch cannot stream. Remove `stream`."
            raise RefusedError(message, "body.stream", "streaming_unsupported")
        if name in SILENT:
            notes.append(ignored(name, SILENT[name]))
        elif name == "n":
            notes.append(lost(name, "Claude makes one answer to a request."))
        else:
            notes.append(lost(name, "Claude has no such field."))


def _tokens(body: Mapping[str, Any], options: Options, notes: Notes) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        given = body.get(name)
        if given is None:
            continue
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise RefusedError(f"`{name}` is a whole number from 1.", f"body.{name}")
        return given
    reason = f"Claude has to have it: {options.max_tokens} is taken, as `max_tokens` says."
    notes.append(approximated("max_completion_tokens", reason))
    return options.max_tokens


def _sampling(body: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, most in (("temperature", 2), ("top_p", 1)):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise RefusedError(f"`{name}` is a number from 0 to {most}.", f"body.{name}")
        if value > 1:
            notes.append(approximated(name, "Claude's ends at 1."))
        made[name] = min(1, value)
    stop = body.get("stop")
    if stop is not None:
        made["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if not _are_texts(made["stop_sequences"]):
            raise RefusedError("`stop` is a text or an array of texts.", "body.stop")
    user = body.get("user")
    if user is not None:
        if not isinstance(user, str):
            raise RefusedError("`user` is a text.", "body.user")
        made["metadata"] = {"user_id": user}
    return made


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _output_config(body: Mapping[str, Any], effort: str | None, notes: Notes) -> dict[str, Any]:
    given = body.get("output_config")
    if given is not None and not isinstance(given, Mapping):
        raise RefusedError("`output_config` is an object.", "body.output_config")
    wanted = _format(body.get("response_format"), notes)
    return {
        **({"effort": effort} if effort else {}),
        **({"format": wanted} if wanted else {}),
        **(given or {}),
    }


def _format(wanted: Any, notes: Notes) -> dict[str, Any] | None:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else wanted
    if kind is None or kind == "text":
        return None
    if kind == "json_object":
        reason = "Claude has no such mode: give a json_schema, or ask for JSON in the messages."
        notes.append(lost("response_format", reason))
        return None
    named = wanted.get("json_schema") if isinstance(wanted, Mapping) else None
    schema = named.get("schema") if isinstance(named, Mapping) else None
    if kind != "json_schema" or not isinstance(schema, Mapping):
        message = "`response_format` is text, json_object, or json_schema with a schema."
        raise RefusedError(message, "body.response_format")
    return {"type": "json_schema", "schema": dict(schema)}
