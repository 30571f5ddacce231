"""Tokens of a result line, in the shapes of OpenAI's endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

from batchyard.models import Usage
from batchyard.steps._tokens import MOST_TOKENS, UsageShape, normalised

if TYPE_CHECKING:
    from batchyard.lines import ResultLine

__all__ = ["usage_reader"]

Count = Annotated[int, msgspec.Meta(ge=0, le=MOST_TOKENS)]
"""A negative count would lower what others used, and one beyond this is no count either."""

LATEST = 2**37
"""Unix seconds: in the year 6325, of which calendars still know."""

Time = Annotated[int, msgspec.Meta(ge=0, le=LATEST)]


class _Details(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class _Tokens(msgspec.Struct, frozen=True, gc=False):
    """Both families at once: chat completions and embeddings, and responses, images and audio."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    # as transcriptions spell it
    input_token_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Head(msgspec.Struct, frozen=True, gc=False):
    model: str | None = None
    created: float | None = None
    created_at: float | None = None


class _Body(_Head, frozen=True, gc=False):
    usage: _Tokens | None = None


_decode = msgspec.json.Decoder(_Body).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_NOTHING = _Details()
_UNKNOWN = Usage(known=False)
_IMAGES = "/v1/images/"


def usage_reader(endpoint: str) -> Callable[[ResultLine], Usage]:
    """A function for the hot loop: of chat, completions, responses, embeddings, images, audio.

    A line that was not answered used nothing; an answer without usage, or with
    one that makes no sense, is *unknown*.  Audio that is billed by its seconds
    has no tokens and is unknown too.
    """
    # the shapes tell themselves apart, and services mix them
    return _Reader(makes_images=endpoint.startswith(_IMAGES))


class _Reader:
    """A reader that another process can be given."""

    __slots__ = ("_makes_images", "shapes")

    def __init__(self, *, makes_images: bool) -> None:
        self._makes_images = makes_images
        self.shapes: tuple[UsageShape, ...] = () if makes_images else (_CHAT, _RESPONSES)

    def __reduce__(self) -> tuple[Callable[[str], Callable[[ResultLine], Usage]], tuple[str]]:
        return usage_reader, (_IMAGES if self._makes_images else "",)

    def __call__(self, line: ResultLine) -> Usage:
        response = line.response
        if response is None or not 200 <= line.status_code < 300:
            return Usage()
        raw = response.body or b"null"
        try:
            body = _decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return _unknown(raw)
        tokens = body.usage
        if tokens is None or not _counted(tokens):
            return Usage(model=body.model, created=_created(body), known=False)
        return normalised(self._usage(body, tokens))

    def _usage(self, body: _Body, tokens: _Tokens) -> Usage:
        given, made = _given(tokens), _made(tokens)
        output = tokens.output_tokens or tokens.completion_tokens or 0
        pictures = made.image_tokens
        if pictures is None and self._makes_images:
            # it says so only since its answers may have text beside the picture
            pictures = output
        return Usage(
            tokens.input_tokens or tokens.prompt_tokens or 0,
            output,
            given.cached_tokens or 0,
            given.cache_write_tokens or 0,
            made.reasoning_tokens or 0,
            given.audio_tokens or 0,
            made.audio_tokens or 0,
            given.image_tokens or 0,
            pictures or 0,
            model=body.model,
            created=_created(body),
        )


def _unknown(raw: msgspec.Raw | bytes) -> Usage:
    """Of an answer whose usage cannot be read, whose model it is may still be known."""
    try:
        head = _decode_head(raw)
    except (msgspec.DecodeError, RecursionError):
        return _UNKNOWN
    return Usage(model=head.model, created=_created(head), known=False)


def _created(body: _Head) -> int | None:
    when = body.created_at if body.created is None else body.created
    # infinity and the like are no times
    return int(when) if when is not None and 0 <= when <= LATEST else None


def _given(tokens: _Tokens) -> _Details:
    return (
        tokens.input_tokens_details
        or tokens.input_token_details
        or tokens.prompt_tokens_details
        or _NOTHING
    )


def _made(tokens: _Tokens) -> _Details:
    return tokens.output_tokens_details or tokens.completion_tokens_details or _NOTHING


def _counted(tokens: _Tokens) -> bool:
    counts = (
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.prompt_tokens,
        tokens.completion_tokens,
    )
    return any(count is not None for count in counts)


class _Given(msgspec.Struct, frozen=True, gc=False):
    cached_tokens: Count = 0
    cache_write_tokens: Count = 0
    audio_tokens: Count = 0
    image_tokens: Count = 0


class _Made(msgspec.Struct, frozen=True, gc=False):
    reasoning_tokens: Count = 0
    audio_tokens: Count = 0
    image_tokens: Count = 0


class _ChatTokens(msgspec.Struct, frozen=True, gc=False):
    prompt_tokens: Count
    completion_tokens: Count = 0
    prompt_tokens_details: _Given = _Given()
    completion_tokens_details: _Made = _Made()
    # of a service that counts in both ways, the other reader knows which is meant
    input_tokens: None = None
    output_tokens: None = None
    input_tokens_details: None = None
    input_token_details: None = None
    output_tokens_details: None = None


class _ChatBody(msgspec.Struct, frozen=True, gc=False):
    model: str
    usage: _ChatTokens
    created: Time = 0
    created_at: None = None


class _ResponseTokens(msgspec.Struct, frozen=True, gc=False):
    input_tokens: Count
    output_tokens: Count = 0
    input_tokens_details: _Given = _Given()
    output_tokens_details: _Made = _Made()
    prompt_tokens: None = None
    completion_tokens: None = None
    prompt_tokens_details: None = None
    input_token_details: None = None
    completion_tokens_details: None = None


class _ResponseBody(msgspec.Struct, frozen=True, gc=False):
    model: str
    usage: _ResponseTokens
    created_at: Time = 0
    created: None = None


def _shape(body: type[msgspec.Struct], given: str, made: str, created: str) -> UsageShape:
    return UsageShape(
        body,
        {
            "model": "model",
            "created": created,
            "input_tokens": f"usage.{given}_tokens",
            "output_tokens": f"usage.{made}_tokens",
            "cached_tokens": f"usage.{given}_tokens_details.cached_tokens",
            "cache_write_tokens": f"usage.{given}_tokens_details.cache_write_tokens",
            "reasoning_tokens": f"usage.{made}_tokens_details.reasoning_tokens",
            "input_audio_tokens": f"usage.{given}_tokens_details.audio_tokens",
            "output_audio_tokens": f"usage.{made}_tokens_details.audio_tokens",
            "input_image_tokens": f"usage.{given}_tokens_details.image_tokens",
            "output_image_tokens": f"usage.{made}_tokens_details.image_tokens",
        },
    )


_CHAT = _shape(_ChatBody, "prompt", "completion", "created")
_RESPONSES = _shape(_ResponseBody, "input", "output", "created_at")
