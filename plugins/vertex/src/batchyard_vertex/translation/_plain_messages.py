"""Conversations of texts alone, which most are, without a step for each message's members.

What comes of them is what comes of them in :class:`Conversation`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["PlainContents", "plain_contents"]


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class _Part(msgspec.Struct, gc=False):
    text: str


class _Content(msgspec.Struct, gc=False):
    parts: list[_Part]
    role: str


PlainContents = tuple[list[_Content], list[_Part]]
"""``contents``, and the parts of the system instruction."""

_decode = msgspec.json.Decoder(list[_Message]).decode


def plain_contents(messages: msgspec.Raw) -> PlainContents | None:
    """``None`` for a conversation of any other kind, also one that does not begin with a user."""
    try:
        given = _decode(messages)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    contents: list[_Content] = []
    system: list[_Part] = []
    last = ""
    for message in given:
        role, part = message.role, _Part(message.content)
        if role in {"system", "developer"}:
            system.append(part)
        elif role == last:
            contents[-1].parts.append(part)
        else:
            contents.append(_Content([part], "model" if role == "assistant" else "user"))
            last = role
    if not contents or contents[0].role == "model":
        return None
    return contents, system
