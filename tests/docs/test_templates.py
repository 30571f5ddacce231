"""What the guides show is what `batchyard plugins new` writes, file for file."""

from __future__ import annotations

import pytest

from batchyard.templates import KINDS, rendered
from tests.docs.pages import DOCS, blocks

GUIDES = {
    "gate": ("write-a-gate.md", "privacy"),
    "prices": ("write-a-price-source.md", "house"),
    "provider": ("write-a-provider.md", "pigeon"),
    "sink": ("write-a-sink.md", "table"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_guide_goes_through_the_files_of_its_template(kind: str) -> None:
    page, name = GUIDES[kind]
    generated = rendered(kind, name)
    shown = {
        one.file: one.text.split("\n", 1)[1] for one in blocks(DOCS / page) if one.file is not None
    }
    assert {path: text for path, text in shown.items() if generated.get(path, text) != text} == {}
    code = {path for path in generated if path.endswith((".py", "pyproject.toml"))}
    assert code <= set(shown)
