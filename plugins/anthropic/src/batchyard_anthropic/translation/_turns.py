"""A chat's messages as turns of user and assistant, and what is said to the system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_anthropic.translation._content import Block, blocks_of, json_object
from batchyard_anthropic.translation._losses import Notes, RefusedError, approximated, ignored, lost

__all__ = ["turns_of"]

ROLES = {"user": "user", "assistant": "assistant", "tool": "user"}
SYSTEM = frozenset({"system", "developer"})
CARRIED = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "refusal", "thinking_blocks", "annotations"}
)
MESSAGES = "messages"


def turns_of(messages: Any, notes: Notes) -> tuple[list[Block], list[Block]]:
    """The system's blocks, and the turns.

    Neighbours of one role become one turn: all results of tools have to be in the
    one that comes after their calls.
    """
    if not isinstance(messages, list) or not messages:
        raise RefusedError("`messages` is an array of at least one message.", f"body.{MESSAGES}")
    system: list[Block] = []
    turns: list[Block] = []
    for number, message in enumerate(messages):
        param = f"{MESSAGES}[{number}]"
        role = message.get("role") if isinstance(message, Mapping) else None
        if not isinstance(role, str) or role not in {*ROLES, *SYSTEM}:
            raise RefusedError(f"{role!r} is no role.", f"body.{param}.role")
        _tell_uncarried(message, param, notes)
        blocks = blocks_of(message.get("content"), f"{param}.content", notes)
        if role in SYSTEM:
            if turns:
                notes.append(approximated(f"{param}.role", "It is said before all turns."))
            system += _texts_only(blocks, param)
        else:
            _add(turns, ROLES[role], _said(message, blocks, param))
    if not turns and system:
        # there has to be a turn
        notes.append(approximated(f"{MESSAGES}[0].role", "Its last part is said by the user."))
        turns.append({"role": "user", "content": [system.pop()]})
    return system, [_plain(turn) for turn in turns]


def _tell_uncarried(message: Mapping[str, Any], param: str, notes: Notes) -> None:
    for name, value in message.items():
        if value is None or name in CARRIED:
            continue
        if name == "reasoning_content":
            notes.append(ignored(f"{param}.{name}", "Claude takes signed thinking_blocks alone."))
        else:
            notes.append(lost(f"{param}.{name}", "Claude has no such field."))


def _texts_only(blocks: list[Block], param: str) -> list[Block]:
    if any(block["type"] != "text" for block in blocks):
        raise RefusedError("What is said to the system is text.", f"body.{param}.content")
    return blocks


def _add(turns: list[Block], role: str, blocks: list[Block]) -> None:
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    elif blocks or role == "user":
        turns.append({"role": role, "content": blocks})


def _plain(turn: Block) -> Block:
    """One text as a text, as users write it, and nothing at all too: Claude says what it wants."""
    blocks = turn["content"]
    if not blocks:
        return {**turn, "content": ""}
    if len(blocks) == 1 and set(blocks[0]) == {"type", "text"}:
        return {**turn, "content": blocks[0]["text"]}
    return turn


def _said(message: Mapping[str, Any], blocks: list[Block], param: str) -> list[Block]:
    if message["role"] == "user":
        return blocks
    make = _answered if message["role"] == "assistant" else _result
    return make(message, blocks, param)


def _answered(message: Mapping[str, Any], blocks: list[Block], param: str) -> list[Block]:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        blocks = [*blocks, {"type": "text", "text": refusal}]
    return [*_thoughts(message, param), *blocks, *_calls(message.get("tool_calls"), param)]


def _thoughts(message: Mapping[str, Any], param: str) -> list[Block]:
    found = message.get("thinking_blocks") or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RefusedError("It is an array of thoughts.", f"body.{param}.thinking_blocks")
    return found


def _calls(calls: Any, param: str) -> list[Block]:
    if calls is not None and not isinstance(calls, list):
        raise RefusedError("`tool_calls` is an array.", f"body.{param}.tool_calls")
    blocks = []
    for number, call in enumerate(calls or ()):
        where = f"{param}.tool_calls[{number}]"
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str):
            raise RefusedError("A call names a function.", f"body.{where}")
        if not isinstance(call.get("id"), str):
            raise RefusedError("A call has an id.", f"body.{where}.id")
        given = json_object(function.get("arguments"), f"{where}.function.arguments")
        blocks.append({"type": "tool_use", "id": call["id"], "name": name, "input": given})
    return blocks


def _result(message: Mapping[str, Any], blocks: list[Block], param: str) -> list[Block]:
    called = message.get("tool_call_id")
    if not isinstance(called, str):
        raise RefusedError("A result names its call.", f"body.{param}.tool_call_id")
    content = _plain({"content": blocks})["content"]
    return [{"type": "tool_result", "tool_use_id": called, "content": content}]
