from __future__ import annotations

import ast

from tests.style.repository import files, short, sources

VAGUE = {"base", "bases", "common", "helper", "helpers", "misc", "util", "utils"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def test_no_module_has_a_name_that_attracts_everything() -> None:
    named = [path for path in files() if path.suffix == ".py"]
    vague = [
        short(path)
        for path in named
        if VAGUE & {part.strip("_") for part in path.with_suffix("").parts}
    ]
    assert vague == []


def test_no_shipped_file_has_grown_two_jobs() -> None:
    lengths = {short(path): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_shipped_function_is_longer_than_a_screen() -> None:
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{short(path)}:{node.lineno} {node.name}"] = length
    assert long == {}
