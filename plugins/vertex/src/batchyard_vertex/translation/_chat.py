"""A chat completion's body as a Gemini request (Vertex AI API, GenerateContentRequest)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from batchyard_vertex.translation._config import generation_config
from batchyard_vertex.translation._digests import encoded, mark_of
from batchyard_vertex.translation._importer import check_names
from batchyard_vertex.translation._losses import Loss, Notes, approximated, lost
from batchyard_vertex.translation._messages import Conversation
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._parts import RESOLUTION
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._rest import without_effect
from batchyard_vertex.translation._thinking import google_extra
from batchyard_vertex.translation._tools import tool_fields
from batchyard_vertex.translation._traits import Traits, traits_of

__all__ = ["APART", "ARGUMENTS", "Settled", "gemini_request", "settled"]

Body: TypeAlias = Mapping[str, Any]

APART = frozenset({"labels", "messages", "metadata", "model"})
"""Fields that are not settled: they differ from line to line."""

ARGUMENTS = "request.contents[].parts[].functionCall.args"

_CARRIED = frozenset(
    {
        "audio",
        "extra_body",
        "frequency_penalty",
        "function_call",
        "functions",
        "google",
        "include_thoughts",
        "labels",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "n",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "safety_settings",
        "seed",
        "stop",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "web_search_options",
    }
)
_NO_WORD = {
    "logit_bias": "Gemini's tokens are others.",
    "verbosity": "Gemini knows no verbosity.",
}
_NOTHING: dict[str, tuple[Any, ...]] = {
    "logit_bias": ({},),
    "parallel_tool_calls": (True,),
    "verbosity": ("medium",),
}
"""Values that ask for nothing."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a body says beside its messages, as it is in many lines of a file.

    ``tail`` is the JSON of ``fields``, to be put into an object after others;
    ``mark`` is what they are known by when the service echoes them.
    """

    fields: dict[str, Any]
    notes: tuple[Loss, ...]
    tail: bytes
    mark: bytes

    def with_resolution(self, level: str) -> Settled:
        config = {**self.fields.get("generationConfig", {}), RESOLUTION: level}
        return _settled({**self.fields, "generationConfig": config}, self.notes)


def _settled(fields: dict[str, Any], notes: tuple[Loss, ...]) -> Settled:
    tail = b"".join(b"," + encoded(name) + b":" + encoded(one) for name, one in fields.items())
    return Settled(fields, notes, tail, mark_of(fields))


def gemini_request(
    body: Body, model: str, options: Options | None = None, notes: Notes | None = None
) -> dict[str, Any]:
    """The request for *model*, in Vertex's own name for it.

    Raises :class:`LineRefusedError` and :class:`RowRefusedError`.
    """
    traits = traits_of(model)
    rest = settled(body, traits, options or Options())
    given: Notes = [] if notes is None else notes
    given += rest.notes
    talk = Conversation(body.get("messages"), traits, given)
    if talk.resolution:
        rest = rest.with_resolution(talk.resolution)
    system = {"systemInstruction": {"parts": talk.system}} if talk.system else {}
    return {"contents": talk.contents, **system, **rest.fields}


def settled(body: Body, traits: Traits, options: Options) -> Settled:
    """All but the messages."""
    notes: Notes = []
    for name, value in body.items():
        if value is None or name in _CARRIED:
            continue
        _uncarried(name, value, notes)
    fields: dict[str, Any] = {}
    config = generation_config(body, traits, options, notes)
    if config:
        fields["generationConfig"] = config
        schema = config.get("responseSchema")
        if schema is not None:
            check_names(schema, "request.generationConfig.responseSchema")
    fields |= tool_fields(body, notes)
    for tool in fields.get("tools", ()):
        for declared in tool.get("functionDeclarations", ()):
            where = "request.tools[].functionDeclarations[].parameters"
            check_names(declared.get("parameters"), where)
    safety = _safety(body)
    if safety:
        fields["safetySettings"] = safety
    return _settled(fields, tuple(notes))


def _uncarried(name: str, value: Any, notes: Notes) -> None:
    if name == "stream" and value:
        message = "A batch cannot stream. Remove `stream`."
        raise LineRefusedError(message, "body.stream", "streaming_unsupported")
    if name in {"cached_content", "cachedContent"}:
        raise LineRefusedError("Vertex AI has no explicit caching in batches.", f"body.{name}")
    ignored = without_effect(name)
    if ignored is not None:
        notes.append(ignored)
    elif name == "parallel_tool_calls" and value is False:
        # a preference that most callers state and few depend on
        notes.append(approximated(name, "Gemini may call several tools at once all the same."))
    elif value not in _NOTHING.get(name, ()):
        notes.append(lost(name, _NO_WORD.get(name, "Vertex AI has no such field.")))


def _safety(body: Body) -> list[dict[str, str]]:
    """Gemini's own, as LiteLLM and Google's compatible endpoint take them."""
    given = body.get("safety_settings")
    if given is None:
        given = google_extra(body).get("safety_settings")
    if given is None:
        return []
    settings = []
    for number, one in enumerate(given if isinstance(given, list) else [given]):
        pair = (one.get("category"), one.get("threshold")) if isinstance(one, Mapping) else ()
        if len(pair) != 2 or not all(isinstance(text, str) and text for text in pair):
            message = "A safety setting has a category and a threshold."
            raise RowRefusedError(message, f"safety_settings[{number}]")
        settings.append({"category": str(pair[0]), "threshold": str(pair[1])})
    return settings
