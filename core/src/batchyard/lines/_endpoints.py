"""What the endpoints need of a request, and decoders that take nothing less."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

__all__ = ["ANY_MODEL", "Decode", "needs_model", "plain_decoder", "required"]

Decode: TypeAlias = Callable[[bytes], Any]

_NEED_MODEL = frozenset({"/chat/completions", "/completions", "/embeddings", "/responses"})
"""Endpoints that have no default model."""

REQUIRED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "/chat/completions": {"messages": "the conversation, as an array of messages"},
        "/responses": {"input": "a text, or an array of items"},
        "/embeddings": {"input": "a text, or an array of texts"},
        "/completions": {"prompt": "a text, or an array of texts"},
        "/moderations": {"input": "a text, or an array of texts"},
        "/images/generations": {"prompt": "a description of the image"},
        "/images/edits": {
            "images": "an array of images, each with an image_url or a file_id",
            "prompt": "a description of what to change",
        },
        "/videos": {"prompt": "a description of the video"},
    }
)
"""The fields of a body without which the batch fails, and what they hold (OpenAI API reference)."""

ANY_MODEL = ""
"""Stands for any model, where a name would be that of one."""


def needs_model(url: str) -> bool:
    """Whether the endpoint has no default model."""
    return url.removeprefix("/v1") in _NEED_MODEL


def required(url: str) -> Mapping[str, str]:
    """What a body for the endpoint must have; nothing is known of foreign ones."""
    return REQUIRED.get(url.removeprefix("/v1"), {})


class _Array(msgspec.Struct, array_like=True, gc=False):
    """An array whose items are passed over: nothing is built of them."""


@lru_cache(maxsize=64)
def plain_decoder(url: str, model: str | None) -> Decode:
    """Decodes a line that is right, and refuses others: those that are wrong, and some more.

    A line that is right asks for *url* and *model*, with all that the endpoint
    needs, in the types of its documentation.  With :data:`ANY_MODEL` the caller
    has to look at the model, and at ``stream``, which is absent otherwise.
    """
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (name, _Array if name in {"messages", "images"} else str | _Array) for name in required(url)
    ]
    if model == ANY_MODEL:
        fields.insert(0, ("model", str) if needs_model(url) else ("model", str | None, None))
        fields.append(("stream", bool | None, None))
    else:
        fields.insert(0, ("model", None, None) if model is None else ("model", _only(model)))
        fields.append(("stream", None, None))
    # a field without a default may not follow one that has one
    body = msgspec.defstruct("Body", sorted(fields, key=len), gc=False)
    line = msgspec.defstruct(
        "Line",
        [
            ("custom_id", Annotated[str, msgspec.Meta(min_length=1)]),
            ("method", Literal["POST"]),
            ("url", _only(url)),
            ("body", body),
        ],
        gc=False,
    )
    return msgspec.json.Decoder(line).decode


def _only(value: str) -> Any:
    """The type that has this one value."""
    return Literal.__getitem__(value)
