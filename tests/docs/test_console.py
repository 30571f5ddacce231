"""Every page can be followed: its files are written and its commands typed, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.client.requests import chat_lines
from tests.docs.pages import PAGES, Block, blocks, name_of
from tests.docs.readers import theirs
from tests.docs.shell import follow


def followed(block: Block) -> bool:
    return block.file is not None or (block.language == "console" and bool(block.commands))


@pytest.mark.parametrize(
    "page",
    [pytest.param(page, id=name_of(page)) for page in PAGES if any(map(followed, blocks(page)))],
)
def test_the_page_can_be_followed(page: Path, environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "requests.jsonl").write_bytes(chat_lines(3))
    said = "\n".join(one.text for one in blocks(page) if one.language in {"console", "toml"})
    done = follow(blocks(page), tmp_path, theirs(said, tmp_path, environ))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    printed = re.sub(r" +", " ", done.stdout + done.stderr)
    for block in blocks(page):
        for line in block.output:
            pattern = ".*".join(map(re.escape, re.sub(r" +", " ", line).split("…")))
            assert re.search(pattern, printed), f"not printed: {line}\n{printed}"
