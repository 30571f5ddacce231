from __future__ import annotations

import ast

import pytest

import batchyard
from tests.style.repository import ROOT, short, sources


def facade_names(tree: ast.AST) -> list[str]:
    """Return the facade's names that code uses, but for the version."""
    taken = []
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="batchyard", names=names):
                taken += [alias.name for alias in names]
            case ast.Attribute(value=ast.Name("batchyard"), attr=name):
                taken.append(name)
    return [name for name in taken if name in batchyard.__all__]


def test_core_imports_its_own_names_from_where_they_live() -> None:
    package = ROOT / "core" / "src" / "batchyard"
    users = {
        short(path): names
        for path in sources()
        if path.is_relative_to(package)
        if (names := facade_names(ast.parse(path.read_text("utf-8"))))
    }
    assert users == {}


@pytest.mark.parametrize("code", ["from batchyard import Client", "batchyard.Client()"])
def test_a_use_of_the_facade_is_found(code: str) -> None:
    assert facade_names(ast.parse(code)) == ["Client"]
