"""Tools, and which of them to use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from batchyard_vertex.translation._losses import Notes, approximated, lost
from batchyard_vertex.translation._refusals import LineRefusedError, RowRefusedError
from batchyard_vertex.translation._schemas import gemini_schema

__all__ = ["NOWHERE", "tool_fields"]

Body: TypeAlias = Mapping[str, Any]

NOWHERE = "example.invalid"
"""A domain that is not to be searched, and is none: the importer takes no empty object."""

_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY"}
_SEARCHES = frozenset(
    {"web_search", "web_search_preview", "web_search_preview_2025_03_11", "web_search_2025_08_26"}
)


def tool_fields(body: Body, notes: Notes) -> dict[str, Any]:
    """``tools`` and ``toolConfig``, as far as there are any."""
    tools, choice = _with_legacy(body)
    if not isinstance(tools, list | None):
        raise RowRefusedError("`tools` is an array.", "tools")
    declared: list[dict[str, Any]] = []
    search = _searching(body.get("web_search_options"), "web_search_options", notes)
    for number, tool in enumerate(tools or ()):
        param = f"tools[{number}]"
        kind = tool.get("type") if isinstance(tool, Mapping) else None
        if isinstance(kind, str) and kind in _SEARCHES:
            search = _searching(tool, param, notes)
        else:
            declared.append(_declaration(tool, kind, param, notes))
    made: list[dict[str, Any]] = []
    if declared:
        made.append({"functionDeclarations": declared})
    if search:
        made.append({"googleSearch": search})
    fields: dict[str, Any] = {"tools": made} if made else {}
    if choice is not None and not made and choice not in ("none", "auto"):
        raise RowRefusedError("`tool_choice` needs `tools`.", "tool_choice")
    calling = _calling(choice, declared, notes) if made else {}
    if calling:
        fields["toolConfig"] = {"functionCallingConfig": calling}
    return fields


def _with_legacy(body: Body) -> tuple[Any, Any]:
    """The tools and the choice, also as they were written before there were tools."""
    tools, choice = body.get("tools"), body.get("tool_choice")
    functions, called = body.get("functions"), body.get("function_call")
    if functions is not None and tools is None:
        if not isinstance(functions, list):
            raise RowRefusedError("`functions` is an array.", "functions")
        tools = [{"type": "function", "function": one} for one in functions]
        if isinstance(called, Mapping):
            called = {"type": "function", "function": called}
        choice = choice if choice is not None else called
    return tools, choice


def _searching(options: Any, param: str, notes: Notes) -> dict[str, Any]:
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise RowRefusedError(f"`{param}` is a JSON object.", param)
    for name in ("user_location", "filters", "search_context_size"):
        if options.get(name) is not None and options[name] != "medium":
            notes.append(lost(f"{param}.{name}", "Google's search has no such setting."))
    return {"excludeDomains": [NOWHERE]}


def _declaration(tool: Any, kind: Any, param: str, notes: Notes) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    if kind != "function":
        message = f"Tools of type {kind!r} cannot be carried to Vertex AI."
        raise LineRefusedError(message, f"body.{param}.type")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RowRefusedError("A tool names its function.", f"{param}.function.name")
    declared: dict[str, Any] = {"name": function["name"]}
    if isinstance(function.get("description"), str) and function["description"]:
        declared["description"] = function["description"]
    if function.get("strict"):
        reason = "Gemini keeps to the schema as well as it can."
        notes.append(approximated(f"{param}.function.strict", reason))
    if function.get("parameters") is not None:
        where = f"{param}.function.parameters"
        schema = gemini_schema(function["parameters"], where, notes)
        if "properties" in schema:
            declared["parameters"] = schema
        elif schema.get("type", "OBJECT") != "OBJECT":
            raise RowRefusedError("A function's parameters are an object.", where)
    return declared


def _calling(choice: Any, declared: list[dict[str, Any]], notes: Notes) -> dict[str, Any]:
    if choice is None:
        return {}
    if isinstance(choice, str) and choice in _MODES:
        return {"mode": _MODES[choice]} if declared else {}
    names = {one["name"] for one in declared}
    kind = choice.get("type") if isinstance(choice, Mapping) else None
    if kind == "function" and isinstance(choice.get("function"), Mapping):
        name = choice["function"].get("name")
        if not isinstance(name, str) or name not in names:
            raise RowRefusedError(f"`tool_choice` names {name!r}, which is no tool.", "tool_choice")
        return {"mode": "ANY", "allowedFunctionNames": [name]}
    if kind == "allowed_tools":
        return _allowed(choice.get("allowed_tools", choice), names)
    if isinstance(kind, str) and kind in _SEARCHES:
        notes.append(lost("tool_choice", "Gemini decides for itself whether to search."))
        return {}
    raise RowRefusedError("`tool_choice` is none, auto, required or a function.", "tool_choice")


def _allowed(allowed: Any, names: set[str]) -> dict[str, Any]:
    mode = allowed.get("mode") if isinstance(allowed, Mapping) else None
    tools = allowed.get("tools") if isinstance(allowed, Mapping) else None
    if mode not in {"auto", "required"} or not isinstance(tools, list) or not tools:
        message = "`allowed_tools` has a mode, auto or required, and tools."
        raise RowRefusedError(message, "tool_choice.allowed_tools")
    chosen = []
    for tool in tools:
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(name, str) or name not in names:
            message = f"`tool_choice` names {name!r}, which is no tool."
            raise RowRefusedError(message, "tool_choice.allowed_tools")
        chosen.append(name)
    return {"mode": "VALIDATED" if mode == "auto" else "ANY", "allowedFunctionNames": chosen}
