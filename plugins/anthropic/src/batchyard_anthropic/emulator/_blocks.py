"""Turns and their content blocks."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from batchyard_anthropic.emulator._errors import RefusedError

__all__ = ["check_content", "check_turns"]

FIELDS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text"}),
    "image": frozenset({"source"}),
    "document": frozenset({"source"}),
    "tool_use": frozenset({"id", "name", "input"}),
    "tool_result": frozenset({"tool_use_id"}),
    "thinking": frozenset({"thinking", "signature"}),
    "redacted_thinking": frozenset({"data"}),
}
"""The kinds of blocks, and what each has to have."""

MORE: Mapping[str, frozenset[str]] = {
    "text": frozenset({"citations"}),
    "document": frozenset({"title", "context", "citations"}),
    "tool_result": frozenset({"content", "is_error"}),
}

OF_ROLES: Mapping[str, frozenset[str]] = {
    "user": frozenset({"text", "image", "document", "tool_result"}),
    "assistant": frozenset({"text", "tool_use", "thinking", "redacted_thinking"}),
}
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})


def check_turns(turns: Any) -> None:
    """Raises :class:`RefusedError`."""
    if not isinstance(turns, list) or not turns:
        raise RefusedError("messages: at least one message is required")
    called: set[str] = set()
    for number, turn in enumerate(turns):
        where = f"messages.{number}"
        if not isinstance(turn, dict) or set(turn) != {"role", "content"}:
            raise RefusedError(f"{where}: a message has a role and a content")
        if turn["role"] not in OF_ROLES:
            raise RefusedError(f"{where}.role: Input should be 'user' or 'assistant'")
        if number == 0 and turn["role"] != "user":
            raise RefusedError('messages: first message must use the "user" role')
        check_content(turn["content"], where, OF_ROLES[turn["role"]])
        called = _answered(turn, where, called)
    if called:
        raise RefusedError("messages: `tool_use` ids were found without `tool_result` blocks")


def _answered(turn: Mapping[str, Any], where: str, called: set[str]) -> set[str]:
    """The calls of this turn; those of the turn before have to be answered in it."""
    blocks = turn["content"] if isinstance(turn["content"], list) else []
    given = {one["tool_use_id"] for one in blocks if one["type"] == "tool_result"}
    if given != called:
        raise RefusedError(f"{where}: `tool_result` blocks have to answer the calls before them")
    return {one["id"] for one in blocks if one["type"] == "tool_use"}


def check_content(content: Any, where: str, kinds: frozenset[str]) -> None:
    """Raises :class:`RefusedError`."""
    if isinstance(content, str):
        if not content:
            raise RefusedError(f"{where}: text content must be non-empty")
        return
    if not isinstance(content, list):
        raise RefusedError(f"{where}.content: Input should be a valid list")
    for number, block in enumerate(content):
        _check_block(block, f"{where}.content.{number}", kinds)


def _check_block(block: Any, where: str, kinds: frozenset[str]) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in kinds:
        raise RefusedError(f"{where}.type: {kind!r} is not allowed here")
    have, need = set(block) - {"type", "cache_control"}, FIELDS[kind]
    if not need <= have or not have <= need | MORE.get(kind, frozenset()):
        raise RefusedError(f"{where}.{kind}: its fields are {sorted(need)}")
    if kind == "text" and not block["text"]:
        raise RefusedError(f"{where}: text content blocks must be non-empty")
    if kind in {"image", "document"}:
        _check_source(block["source"], f"{where}.{kind}.source", kind)
    if kind == "tool_use" and not isinstance(block["input"], dict):
        raise RefusedError(f"{where}.tool_use.input: Input should be an object")
    if kind == "tool_result" and block.get("content"):
        check_content(block["content"], where, frozenset({"text", "image", "document"}))


def _check_source(source: Any, where: str, kind: str) -> None:
    form = source.get("type") if isinstance(source, dict) else None
    if form == "url" and set(source) == {"type", "url"}:
        return
    if form == "text" and kind == "document" and source.get("media_type") == "text/plain":
        return
    if form != "base64" or set(source) != {"type", "media_type", "data"}:
        raise RefusedError(f"{where}: {form!r} is no source")
    if source["media_type"] not in (IMAGES if kind == "image" else {"application/pdf"}):
        raise RefusedError(f"{where}.media_type: {source['media_type']!r} is not supported")
    try:
        base64.b64decode(source["data"], validate=True)
    except ValueError:
        raise RefusedError(f"{where}.data: invalid base64") from None
