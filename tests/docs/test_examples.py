"""Every Python block of the README and the docs runs, against the emulator."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("*/README.md"))]


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    text = page.read_text(encoding="utf-8")
    for number, match in enumerate(
        re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL), 1
    ):
        yield f"{page.relative_to(ROOT)}-{number}", match[1]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    emulator = OpenAIEmulator()
    with emulator.serve() as server:
        yield {**os.environ, **emulator.environment(server.url)}


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=name) for page in PAGES for name, code in blocks(page)]
)
def test_the_block_runs(code: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_bytes(chat_lines(3))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"
