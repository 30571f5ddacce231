"""LiteLLM's functions, in both colours."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai.types import Batch as OfficialBatch
from pydantic import BaseModel, SecretStr

import batchyard
from batchyard import functions
from batchyard.errors import AuthenticationError, ConfigError, InputError, UnknownPluginError
from batchyard.functions import _asynchronous, _clients, _synchronous
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"
NAMES = [
    "create_file",
    "file_retrieve",
    "file_delete",
    "file_list",
    "file_content",
    "create_batch",
    "retrieve_batch",
    "cancel_batch",
    "list_batches",
]


class Called:
    """Calls a function by LiteLLM's name, or its twin."""

    def __init__(self, colour: str, emulator: OpenAIEmulator, url: str) -> None:
        self.colour = colour
        self.emulator = emulator
        self.settings = {"api_key": "sk-test-0123456789", "api_base": f"{url}/v1"}
        self.loop = asyncio.Runner()

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        given = {"custom_llm_provider": "openai", **self.settings, **options}
        if self.colour == "sync":
            return getattr(batchyard, name)(*arguments, **given)
        return self.loop.run(getattr(batchyard, f"a{name}")(*arguments, **given))

    def close(self) -> None:
        functions.close_clients()
        self.loop.run(functions.aclose_clients())
        self.loop.close()


@pytest.fixture(params=["sync", "async"])
def called(request: pytest.FixtureRequest) -> Iterator[Called]:
    emulator = OpenAIEmulator(keys=["sk-test-0123456789", "sk-other-0123456789"])
    with emulator.serve() as server:
        called = Called(request.param, emulator, server.url)
        yield called
        called.close()


def test_a_file_and_a_batch_live_their_lives_under_litellms_names(called: Called) -> None:
    file = called("create_file", file=("in.jsonl", chat_lines(2)), purpose="batch")
    assert called("file_retrieve", file.id).filename == "in.jsonl"
    assert [one.id for one in called("file_list", purpose="batch")] == [file.id]
    batch = called("create_batch", "24h", CHAT, file.id, metadata={"a": "b"})
    assert called("retrieve_batch", batch.id).metadata == {"a": "b"}
    assert called("list_batches", limit=1).data[0].id == batch.id
    assert called("cancel_batch", batch.id).status == "cancelling"
    assert called("file_delete", file.id).deleted
    assert OfficialBatch.model_validate(batch.model_dump()).id == batch.id


def test_metadata_is_taken_where_litellm_takes_it(called: Called) -> None:
    file = called("create_file", file=chat_lines(1), metadata={"team": "a"})
    for name in ("file_retrieve", "file_content"):
        called(name, file.id, metadata={"team": "a"})
    batch = called("create_batch", "24h", CHAT, file.id)
    assert called("retrieve_batch", batch.id, metadata={"team": "a"}).metadata is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": "x"}, "timeout must be a number"),
        ({"max_retries": -1}, "max_retries must be a number"),
    ],
)
def test_options_that_are_no_numbers_are_refused(
    called: Called, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        called("retrieve_batch", "batch_1", **options)
    with pytest.raises(InputError, match="an id is a string, not NoneType"):
        called("retrieve_batch", None)


def test_content_is_read_as_the_official_package_hands_it_over(
    called: Called, tmp_path: Path
) -> None:
    file = called("create_file", file=chat_lines(3))
    content = called("file_content", file_id=file.id)
    assert content.content == content.read() == content.text.encode() == chat_lines(3)
    assert b"".join(content.iter_bytes(7)) == chat_lines(3)
    assert list(content.iter_lines()) == chat_lines(3).decode().splitlines()
    content.write_to_file(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == chat_lines(3)
    path = content.path
    del content
    gc.collect()
    assert not path.exists()


def test_each_call_may_bring_its_own_key(called: Called) -> None:
    called("file_list")
    called("file_list", api_key="sk-other-0123456789")
    with pytest.raises(AuthenticationError) as caught:
        called("file_list", api_key="sk-wrong-0123456789")
    assert "sk-wrong-0123456789" not in str(caught.value)


def test_settings_that_are_no_settings_and_providers_that_are_none_are_named(
    called: Called,
) -> None:
    with pytest.raises(ConfigError, match="api_bas"):
        called("file_list", api_bas="x")
    with pytest.raises(UnknownPluginError, match="opnai"):
        called("file_list", custom_llm_provider="opnai")


def test_clients_are_kept_and_those_over_the_bound_are_closed(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = _synchronous if called.colour == "sync" else _asynchronous
    monkeypatch.setattr(_clients, "MAX_CLIENTS", 2)
    kept = module._clients._leases
    for timeout in (1, 2, 3):
        called("file_list", timeout=timeout)
    assert len(kept) == 1, "a call's own options make no new client"
    for project in ("a", "b", "c"):
        called("file_list", project=project)
    assert len(kept) == 2


def test_a_variable_that_changes_is_another_account(
    called: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", called.settings["api_base"])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    with pytest.raises(AuthenticationError):
        called("file_list", api_key=None, api_base=None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    assert called("file_list", api_key=None, api_base=None, custom_llm_provider=None).data == []


@pytest.mark.parametrize("name", NAMES)
def test_both_colours_take_the_same_arguments(name: str) -> None:
    blocking, awaiting = getattr(functions, name), getattr(functions, f"a{name}")
    assert inspect.iscoroutinefunction(awaiting)
    assert list(inspect.signature(blocking).parameters) == list(
        inspect.signature(awaiting).parameters
    )
    assert getattr(batchyard, name) is blocking


def test_accounts_that_differ_in_a_nested_secret_alone_are_two() -> None:
    class Inner(BaseModel):
        key: SecretStr

    class Outer(BaseModel):
        inner: dict[str, Inner]

    one, two = (Outer(inner={"a": Inner(key=SecretStr(key))}) for key in ("k1", "k2"))
    assert _clients._revealed(one) != _clients._revealed(two)
    assert _clients._revealed(one) == _clients._revealed(one.model_copy())
