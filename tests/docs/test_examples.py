"""Every Python block of the README and the docs runs, against the emulator."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.requests import chat_lines
from tests.docs.pages import PAGES, blocks, name_of
from tests.docs.readers import NOBODY_FOLLOWS, theirs
from tests.interpreter import python


def snippets() -> Iterator[object]:
    for page in PAGES:
        found = [one.text for one in blocks(page) if one.language == "python" and not one.file]
        if page.parent.name == "reference" and found:
            # made from docstrings, whose examples are tried one by one in tests/contract
            yield pytest.param("\n".join(found), id=name_of(page))
            continue
        for number, text in enumerate(found, 1):
            yield pytest.param(text, id=f"{name_of(page)}-{number}")


@pytest.mark.parametrize("code", list(snippets()))
def test_the_block_runs(code: str, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_bytes(chat_lines(3))
    done = subprocess.run(
        [*python(), "-W", "error", "-c", code],
        cwd=tmp_path,
        env=theirs(code, tmp_path, environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert NOBODY_FOLLOWS.sub("", done.stderr) == ""


def test_a_block_of_code_says_its_language() -> None:
    silent = [
        f"{name_of(page)}: {block.text[:40]!r}"
        for page in PAGES
        for block in blocks(page)
        if not block.language and "import " in block.text
    ]
    assert silent == []
