from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batchyard_openai.emulator import OpenAIEmulator
from tests.cli.shell import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    emulator = OpenAIEmulator(time_scale=0.002)
    with emulator.serve() as server:
        yield Shell(tmp_path, emulator, server.url)


@pytest.fixture
def tracked(shell: Shell) -> Shell:
    """With a ledger that is configured, and looks often."""
    shell.environment |= {
        "BATCHYARD_LEDGER": str(shell.folder / "ledger.db"),
        "BATCHYARD_LEDGER__POLL_FIRST": "0.05",
    }
    return shell
