from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.style.repository import module_name, sources


def is_public(path: Path) -> bool:
    name = module_name(path)
    return not any(part.startswith("_") for part in name.split("."))


PUBLIC = [path for path in sources() if is_public(path)]


def declared(path: Path) -> list[str] | None:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def re_exported(path: Path) -> set[str]:
    """Return the public names that a package takes from its private modules, but not for itself."""
    package = module_name(path)
    tree = ast.parse(path.read_text("utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    taken = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}._")
        for alias in node.names
    }
    return {name for name in taken - used if not name.startswith("_")}


def defined(path: Path, module: ModuleType) -> set[str]:
    """Return the public classes and functions that a module itself defines."""
    return {
        node.name
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not node.name.startswith("_") and hasattr(module, node.name)
    }


@pytest.mark.parametrize("path", PUBLIC, ids=module_name)
def test_all_lists_what_the_module_exports(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    names = declared(path)
    exported = re_exported(path) if path.name == "__init__.py" else set()
    exported |= defined(path, module)
    if names is None:
        assert exported == set(), "public names without an __all__"
        return
    # ruff (RUF022) keeps them sorted: constants, classes, functions
    assert len(names) == len(set(names))
    assert [name for name in names if not hasattr(module, name)] == []
    assert exported - set(names) == set()
