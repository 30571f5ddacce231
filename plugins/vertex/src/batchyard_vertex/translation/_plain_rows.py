"""Rows that are plainly answered with a text, read and written without a step between.

They are what most files of chat completions have.  Whatever is odd about a row
makes it another's: what comes of it is the same, and only takes longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from batchyard_vertex.translation._answers import unix_time

__all__ = ["PlainRow", "PlainRows"]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Labels(msgspec.Struct, gc=False):
    batchyard_id: Annotated[str, msgspec.Meta(pattern=r"^by-[1-9][0-9]{0,8}$")]


class _Echo(msgspec.Struct, gc=False):
    labels: _Labels


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part]


class _Candidate(msgspec.Struct, gc=False):
    content: _Content
    # in the field's own spelling, which msgspec would have to translate
    finishReason: Literal["STOP", "MAX_TOKENS"]  # noqa: N815 - as Gemini spells it
    index: Literal[0] = 0
    logprobsResult: None = None  # noqa: N815 - the same
    citationMetadata: None = None  # noqa: N815 - the same
    groundingMetadata: None = None  # noqa: N815 - the same


class _OfText(msgspec.Struct, gc=False):
    modality: Literal["TEXT"]


class _Tokens(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: _Count
    candidates_token_count: _Count = 0
    thoughts_token_count: _Count = 0
    total_token_count: _Count = 0
    cached_content_token_count: _Count = 0
    tool_use_prompt_token_count: None = None
    prompt_tokens_details: list[_OfText] = []
    candidates_tokens_details: list[_OfText] = []


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    candidates: tuple[_Candidate]
    usage_metadata: _Tokens
    response_id: str = ""
    model_version: str = ""
    create_time: str | None = None


class PlainRow(msgspec.Struct, gc=False):
    """``number`` is that of the line."""

    status: Literal[""]
    request: _Echo
    response: _Answer
    processed_time: str | None = None

    @property
    def number(self) -> int:
        return int(self.request.labels.batchyard_id[3:])


class _Message(msgspec.Struct, gc=False):
    role: str
    content: str
    refusal: None = None


class _Choice(msgspec.Struct, gc=False):
    index: int
    message: _Message
    logprobs: None
    finish_reason: str


class _Given(msgspec.Struct, gc=False):
    cached_tokens: int
    audio_tokens: int = 0


class _Made(msgspec.Struct, gc=False):
    reasoning_tokens: int
    audio_tokens: int = 0


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _Given
    completion_tokens_details: _Made


class _Body(msgspec.Struct, gc=False):
    id: str
    object: str
    created: int
    model: str
    choices: tuple[_Choice]
    usage: _Usage


class _Response(msgspec.Struct, gc=False):
    status_code: int
    request_id: str
    body: _Body


class _Line(msgspec.Struct, gc=False):
    id: str
    custom_id: str
    response: _Response
    error: None = None


_decode: Callable[[bytes], PlainRow] = msgspec.json.Decoder(PlainRow).decode
_encode = msgspec.json.Encoder().encode


class PlainRows:
    """Those of one job, whose answers are of *model* if they do not say."""

    def __init__(self, job: str, model: str) -> None:
        self._job = job
        self._model = model

    def read(self, data: bytes) -> PlainRow | None:
        """``None`` for a row that is not plain, or none at all."""
        try:
            return _decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def written(self, row: PlainRow, number: int, custom_id: str) -> bytes:
        """The line of the output file."""
        answer = row.response
        (candidate,) = answer.candidates
        parts = candidate.content.parts
        text = parts[0].text if len(parts) == 1 else "".join([part.text for part in parts])
        reason = "stop" if candidate.finishReason == "STOP" else "length"
        identity = answer.response_id or f"chatcmpl-{self._job}-{number}"
        body = _Body(
            identity,
            "chat.completion",
            unix_time(answer.create_time, row.processed_time),
            answer.model_version.partition("@")[0] or self._model,
            (_Choice(0, _Message("assistant", text), None, reason),),
            _usage(answer.usage_metadata),
        )
        response = _Response(200, identity, body)
        return _encode(_Line(f"batch_req_{self._job}_{number}", custom_id, response)) + b"\n"


def _usage(tokens: _Tokens) -> _Usage:
    given, spoken = tokens.prompt_token_count, tokens.candidates_token_count
    thoughts, total = tokens.thoughts_token_count, tokens.total_token_count
    # as in `gemini_counts`
    made = spoken if thoughts and given + spoken == total else spoken + thoughts
    return _Usage(
        given,
        made,
        total or given + made,
        _Given(tokens.cached_content_token_count),
        _Made(thoughts),
    )
