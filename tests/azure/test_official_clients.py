"""The official packages against the emulator, as their users have them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from azure.identity import ManagedIdentityCredential, get_bearer_token_provider
from openai import AsyncAzureOpenAI, AsyncOpenAI, AzureOpenAI, BadRequestError, OpenAI

from batchyard.testing import ManualClock
from batchyard_azure.emulator import AzureEmulator
from tests.azure.service import CHAT, DEPLOYMENTS, KEY
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.emulators.parts import TLS

DATED_CHAT = "/chat/completions"
SCOPE = "https://cognitiveservices.azure.com/.default"


@dataclass
class Rig:
    emulator: AzureEmulator
    url: str
    clock: ManualClock


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    clock = ManualClock()
    emulator = AzureEmulator(clock=clock, keys=[KEY], deployments=DEPLOYMENTS, time_scale=1)
    with closing(emulator), emulator.serve() as server:
        yield Rig(emulator, server.url, clock)


def options(colour: str) -> dict[str, Any]:
    kind = httpx2.Client if colour == "sync" else httpx2.AsyncClient
    return {"max_retries": 0, "http_client": kind(verify=TLS)}


def made(rig: Rig, colour: str, flavour: str, **credential: Any) -> Any:
    """The official client of a colour, for the v1 API or for a version of the dated one."""
    given = credential or {"api_key": KEY}
    if flavour == "v1":
        plain = OpenAI if colour == "sync" else AsyncOpenAI
        return plain(base_url=f"{rig.url}/openai/v1", **given, **options(colour))
    azure = AzureOpenAI if colour == "sync" else AsyncAzureOpenAI
    return azure(azure_endpoint=rig.url, api_version=flavour, **given, **options(colour))


async def listed(pages: Any) -> list[str]:
    if hasattr(pages, "__aiter__"):
        return [one.id async for one in pages]
    return [one.id for one in pages]


@pytest.mark.parametrize("flavour", ["v1", "2024-10-21", "2025-04-01-preview"])
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_the_official_client_runs_a_batch_unmodified(rig: Rig, colour: str, flavour: str) -> None:
    endpoint = CHAT if flavour == "v1" else DATED_CHAT
    lines = chat_lines(3, model="mini-batch").replace(CHAT.encode(), endpoint.encode())

    async def main() -> None:
        client = made(rig, colour, flavour)
        expiry = {"anchor": "created_at", "seconds": 1_209_600}
        file = await settled(
            client.files.create(
                file=("in.jsonl", lines), purpose="batch", extra_body={"expires_after": expiry}
            )
        )
        # the first version takes no notice of it
        assert (file.expires_at is None) == (flavour == "2024-10-21")
        order = {"input_file_id": file.id, "endpoint": endpoint, "completion_window": "24h"}
        rig.clock.advance(5)
        assert (await settled(client.files.retrieve(file.id))).status == "processed"
        batch = await settled(client.batches.create(**order, metadata={"a": "b"}))
        rig.clock.advance(300)
        batch = await settled(client.batches.retrieve(batch.id))
        assert (batch.status, batch.metadata) == ("completed", {"a": "b"})
        assert batch.id in await listed(client.batches.list(limit=2))
        assert file.id in await listed(client.files.list())
        content = await settled(client.files.content(batch.output_file_id))
        rows = [json.loads(row) for row in content.text.splitlines()]
        assert sorted(row["custom_id"] for row in rows) == ["r-0", "r-1", "r-2"]
        assert (await settled(client.files.content(batch.error_file_id))).text == ""
        assert (await settled(client.files.delete(file.id))).deleted
        await settled(client.close())

    asyncio.run(main())


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_the_official_client_is_refused_with_the_services_words(rig: Rig, colour: str) -> None:
    async def main() -> None:
        client = made(rig, colour, "2025-04-01-preview")
        file = await settled(client.files.create(file=("in.jsonl", chat_lines(1)), purpose="batch"))
        with pytest.raises(Exception, match="it is pending"):
            await settled(
                client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
            )
        with pytest.raises(BadRequestError, match=r"Must be \.jsonl"):
            await settled(client.files.create(file=("in.json", b"{}"), purpose="batch"))
        await settled(client.close())

    asyncio.run(main())


def test_azure_identity_gets_a_token_and_the_official_client_uses_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in rig.emulator.identity_environment(rig.url).items():
        monkeypatch.setenv(name, value)
    with ManagedIdentityCredential() as credential:
        token = credential.get_token(SCOPE)
        assert rig.emulator.tokens.audience(token.token) == SCOPE.removesuffix("/.default")
        provider = get_bearer_token_provider(credential, SCOPE)
        with made(rig, "sync", "2024-10-21", azure_ad_token_provider=provider) as client:
            assert client.files.list().data is not None
        with made(rig, "sync", "v1", api_key=provider) as client:
            assert client.batches.list().data is not None


def test_azure_identity_of_a_virtual_machine_gets_a_token(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in rig.emulator.identity_environment(rig.url):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", rig.url)
    with ManagedIdentityCredential() as credential:
        token = credential.get_token("https://ai.azure.com/.default")
    assert rig.emulator.tokens.audience(token.token) == "https://ai.azure.com"
