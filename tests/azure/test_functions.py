"""LiteLLM's functions with ``custom_llm_provider="azure"``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import batchyard
from batchyard import functions
from batchyard.errors import ConfigError
from tests.azure.service import CHAT, KEY, MODELS, Service
from tests.client.requests import chat_lines


class Called:
    """Calls a function by LiteLLM's name, or its twin."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.loop = asyncio.Runner()

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        own = {"custom_llm_provider": "azure", "api_key": KEY, "api_base": self.service.url}
        given = {**own, **options}
        if self.service.colour == "sync":
            return getattr(batchyard, name)(*arguments, **given)
        return self.loop.run(getattr(batchyard, f"a{name}")(*arguments, **given))


@pytest.fixture
def called(service: Service) -> Iterator[Called]:
    called = Called(service)
    yield called
    functions.close_clients()
    called.loop.run(functions.aclose_clients())
    called.loop.close()


@pytest.fixture
def clock() -> None:
    """The real one: LiteLLM's functions take no other."""


@pytest.mark.parametrize("quirks", [()], ids=["no-quirks"])
class TestFunctions:
    def test_a_file_and_a_batch_live_their_lives_under_litellms_names(self, called: Called) -> None:
        lines = chat_lines(2)
        file = called("create_file", file=("in.jsonl", lines), purpose="batch", deployments=MODELS)
        assert called("file_retrieve", file.id).filename == "in.jsonl"
        assert [one.id for one in called("file_list", purpose="batch")] == [file.id]
        content = called("file_content", file.id).content
        assert content.count(b"mini-batch") == 2
        batch = called("create_batch", "24h", CHAT, file.id, metadata={"a": "b"})
        assert called("retrieve_batch", batch.id).metadata == {"a": "b"}
        assert called("list_batches", limit=1).data[0].id == batch.id
        assert called("cancel_batch", batch.id).status == "cancelling"
        assert called("file_delete", file.id).deleted

    def test_a_version_is_taken_or_refused_with_a_reason(self, called: Called) -> None:
        assert called("file_list", api_version="preview").data == []
        assert called("file_list", api_version="2024-10-21").data == []
        for path, version in (("/openai/v1/files", "preview"), ("/openai/files", "2024-10-21")):
            (record,) = called.service.emulator.requests.matching("GET", path)
            assert record.query == f"api-version={version}"
        with pytest.raises(ConfigError, match="is a date"):
            called("file_list", api_version="latest")

    def test_litellms_variables_make_the_account(
        self, called: Called, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AZURE_API_KEY", KEY)
        monkeypatch.setenv("AZURE_API_BASE", called.service.url)
        assert called("file_list", api_key=None, api_base=None).data == []
