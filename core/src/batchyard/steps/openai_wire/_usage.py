"""Tokens of a result line, in the shapes of OpenAI's endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import msgspec

from batchyard.models import Usage

if TYPE_CHECKING:
    from batchyard.lines import ResultLine

__all__ = ["usage_reader"]


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A negative count would lower what others used, and one beyond this is no count either."""


class _Details(msgspec.Struct):
    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None


class _Tokens(msgspec.Struct):
    """Both families at once: chat completions and embeddings, and responses and images."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Body(msgspec.Struct):
    model: str | None = None
    usage: _Tokens | None = None


_decode = msgspec.json.Decoder(_Body).decode
_NOTHING = _Details()
_UNKNOWN = Usage(known=False)


def usage_reader(endpoint: str) -> Callable[[ResultLine], Usage]:
    """A function for the hot loop: chat, completions, responses, embeddings and images.

    A line that was not answered used nothing; an answer without usage, or with
    one that makes no sense, is *unknown*.
    """
    del endpoint  # the shapes tell themselves apart, and services mix them
    return _read


def _counted(tokens: _Tokens) -> bool:
    counts = (
        tokens.input_tokens,
        tokens.output_tokens,
        tokens.prompt_tokens,
        tokens.completion_tokens,
    )
    return any(count is not None for count in counts)


def _read(line: ResultLine) -> Usage:
    response = line.response
    if response is None or not 200 <= line.status_code < 300:
        return Usage()
    try:
        body = _decode(response.body or b"null")
    except (msgspec.DecodeError, RecursionError):
        return _UNKNOWN
    tokens = body.usage
    if tokens is None or not _counted(tokens):
        return Usage(model=body.model, known=False)
    given = tokens.input_tokens_details or tokens.prompt_tokens_details or _NOTHING
    made = tokens.output_tokens_details or tokens.completion_tokens_details or _NOTHING
    return Usage(
        tokens.input_tokens or tokens.prompt_tokens or 0,
        tokens.output_tokens or tokens.completion_tokens or 0,
        given.cached_tokens or 0,
        given.cache_write_tokens or 0,
        made.reasoning_tokens or 0,
        model=body.model,
    )
