from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from batchyard_openai.emulator import OpenAIEmulator


@pytest.fixture(scope="session")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A reader's environment: no configuration but what a page makes, and an emulator's address."""
    theirs = {name: one for name, one in os.environ.items() if not name.startswith("BATCHYARD_")}
    own = {
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("home")),
        # what the pages have their reader install
        "BATCHYARD_PLUGINS": "batchyard,openai,pigeon,table,privacy,house",
    }
    emulator = OpenAIEmulator(time_scale=0)
    with emulator.serve() as server:
        yield {**theirs, **own, **emulator.environment(server.url)}
