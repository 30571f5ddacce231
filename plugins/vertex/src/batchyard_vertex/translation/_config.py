"""How to answer: OpenAI's parameters as Gemini's ``generationConfig``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._losses import Notes, approximated, lost
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import gemini_schema
from batchyard_vertex.translation._thinking import thinking_config
from batchyard_vertex.translation._traits import Traits

__all__ = ["bounded", "generation_config"]

Body: TypeAlias = Mapping[str, Any]

_NUMBERS = {
    "temperature": ("temperature", 0, 2),
    "top_p": ("topP", 0, 1),
    "top_k": ("topK", 1, 2**31 - 1),
    "presence_penalty": ("presencePenalty", -2, 2),
    "frequency_penalty": ("frequencyPenalty", -2, 2),
}
"""Gemini's names, and OpenAI's bounds (OpenAI API reference, create chat completion)."""

_INTEGERS = {
    "n": ("candidateCount", 1, 128),
    "top_logprobs": ("logprobs", 0, 20),
    "max_tokens": ("maxOutputTokens", 1, 2**31 - 1),
    "max_completion_tokens": ("maxOutputTokens", 1, 2**31 - 1),
}

_PENALTIES = frozenset({"presence_penalty", "frequency_penalty"})
_MODALITIES = {"text": "TEXT", "image": "IMAGE", "audio": "AUDIO"}

MOST_STOPS = 4
MOST_CANDIDATES = 8


def generation_config(body: Body, traits: Traits, options: Options, notes: Notes) -> dict[str, Any]:
    config = _sampling(body, traits, notes)
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
    config |= _format(body.get("response_format"), notes)
    config |= _modalities(body, notes)
    thinking = thinking_config(body, traits, options, notes)
    if thinking:
        config["thinkingConfig"] = thinking
    return config


def _sampling(body: Body, traits: Traits, notes: Notes) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, (other, least, most) in _NUMBERS.items():
        if body.get(name) is None:
            continue
        # one path has one type in the whole file
        value = float(bounded(name, body[name], (least, most)))
        if name in _PENALTIES and not traits.penalties:
            if value:
                notes.append(lost(name, "This model knows no penalties."))
            continue
        config[other] = value
    for name, (other, least, most) in _INTEGERS.items():
        if body.get(name) is not None:
            config[other] = bounded(name, body[name], (least, most), whole=True)
    if config.get("candidateCount", 1) > MOST_CANDIDATES:
        message = f"Gemini makes at most {MOST_CANDIDATES} answers to a request."
        raise LineRefusedError(message, "body.n")
    if body.get("seed") is not None:
        seed = bounded("seed", body["seed"], (-(2**63), 2**63), whole=True)
        config["seed"] = seed % 2**31
        if config["seed"] != seed:
            notes.append(approximated("seed", "Gemini's has 31 bits: it is folded."))
    return config


def bounded(name: str, value: Any, bounds: tuple[int, int], *, whole: bool = False) -> Any:
    least, most = bounds
    kind = "a whole number" if whole else "a number"
    good = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not good:
        raise RowRefusedError(f"`{name}` is {kind}.", name)
    if not least <= value <= most:
        raise RowRefusedError(f"`{name}` is {kind} from {least} to {most}, not {value}.", name)
    return value


def _stops(stop: Any) -> list[str]:
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or not all(isinstance(one, str) and one for one in stops):
        raise RowRefusedError("`stop` is a text, or an array of texts.", "stop")
    if len(stops) > MOST_STOPS:
        raise RowRefusedError(f"`stop` has at most {MOST_STOPS} texts, not {len(stops)}.", "stop")
    return stops


def _format(wanted: Any, notes: Notes) -> dict[str, Any]:
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
    schema = gemini_schema(definition.get("schema"), "response_format.json_schema.schema", notes)
    made = {"responseSchema": schema} if schema else {}
    return {"responseMimeType": "application/json", **made}


def _modalities(body: Body, notes: Notes) -> dict[str, Any]:
    wanted = body.get("modalities")
    config: dict[str, Any] = {}
    if wanted is not None:
        names = wanted if isinstance(wanted, list) and wanted else [wanted]
        unknown = [one for one in names if not isinstance(one, str) or one not in _MODALITIES]
        if unknown:
            message = f"{unknown[0]!r} is no modality; they are text, image and audio."
            raise RowRefusedError(message, "modalities")
        if names != ["text"]:
            config["responseModalities"] = [_MODALITIES[one] for one in names]
    audio = body.get("audio")
    if audio is None:
        return config
    voice = audio.get("voice") if isinstance(audio, Mapping) else None
    if not isinstance(voice, str) or not voice:
        raise RowRefusedError("`audio` has a voice.", "audio")
    if audio.get("format") not in {None, "pcm16"}:
        notes.append(lost("audio.format", "Gemini makes sounds of 16 bits (PCM) only."))
    config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    return config
