from __future__ import annotations

import ast

import pytest

from tests.style.repository import ROOT, short, sources

REGISTRY = ROOT / "core" / "src" / "batchyard" / "registry"


def calls_a_hook(node: ast.AST) -> bool:
    """Recognise `x.hook.name` and `getattr(x.hook, name)`; an event's own `hook` is a string."""
    match node:
        case ast.Attribute(value=ast.Attribute(attr="hook")):
            return True
        case ast.Call(func=ast.Name("getattr"), args=[ast.Attribute(attr="hook"), *_]):
            return True
    return False


def test_nobody_but_the_registry_calls_hooks_by_name() -> None:
    callers = [
        f"{short(path)}: {ast.unparse(node)}"
        for path in sources()
        if not path.is_relative_to(REGISTRY)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if calls_a_hook(node)
    ]
    assert callers == []


@pytest.mark.parametrize("code", ["pm.hook.upload_file(call=c)", "getattr(self.pm.hook, name)()"])
def test_a_call_of_a_hook_is_found(code: str) -> None:
    assert any(calls_a_hook(node) for node in ast.walk(ast.parse(code)))
