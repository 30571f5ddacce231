"""Tools, and which of them are to be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchyard_anthropic.translation._losses import RefusedError

__all__ = ["tools_of"]

CHOICES = {"none": "none", "auto": "auto", "required": "any"}
EMPTY = {"type": "object", "properties": {}}


def tools_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """``tools`` and ``tool_choice``; nothing where there are no tools to choose of."""
    tools = body.get("tools")
    if tools is not None and not isinstance(tools, list):
        raise RefusedError("`tools` is an array.", "body.tools")
    if not tools:
        return {}
    declared = [_tool(tool, f"body.tools[{number}]") for number, tool in enumerate(tools)]
    return {"tools": declared, **_choice(body)}


def _tool(tool: Any, param: str) -> dict[str, Any]:
    if not isinstance(tool, Mapping):
        raise RefusedError("A tool is an object.", param)
    function = tool.get("function")
    if function is None and isinstance(tool.get("name"), str) and tool.get("type") != "function":
        # Claude's own, such as web_search_20250305
        return dict(tool)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RefusedError("A tool is a function with a name, or one of Claude's own.", param)
    made = {"name": function["name"], "input_schema": function.get("parameters") or EMPTY}
    if function.get("description"):
        made["description"] = function["description"]
    if function.get("strict") is not None:
        made["strict"] = function["strict"]
    if "cache_control" in tool:
        made["cache_control"] = tool["cache_control"]
    return made


def _choice(body: Mapping[str, Any]) -> dict[str, Any]:
    choice, alone = body.get("tool_choice"), body.get("parallel_tool_calls") is False
    if choice is None:
        if not alone:
            return {}
        made = {"type": "auto"}
    elif isinstance(choice, str) and choice in CHOICES:
        made = {"type": CHOICES[choice]}
    else:
        made = {"type": "tool", "name": _named(choice)}
    if alone and made["type"] != "none":
        return {"tool_choice": {**made, "disable_parallel_tool_use": True}}
    return {"tool_choice": made}


def _named(choice: Any) -> str:
    function = choice.get("function") if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str):
        message = "`tool_choice` is none, auto, required or a function."
        raise RefusedError(message, "body.tool_choice")
    return name
