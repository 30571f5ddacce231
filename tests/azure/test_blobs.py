"""Blob storage in place of the files API, in direct mode."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from batchyard import AsyncClient
from batchyard.emulators import Fault, Status
from batchyard.errors import (
    BatchyardError,
    IdempotencyError,
    InputError,
    NotFoundError,
    PermissionDeniedError,
)
from batchyard.testing import ManualClock
from batchyard_azure import _blobs
from batchyard_azure.emulator import AzureEmulator
from tests.azure.service import CHAT, DEPLOYMENTS, KEY, MODELS
from tests.client.conftest import settled
from tests.client.requests import chat_lines

SAS = "sv=2023-11-03&sp=rwdl&sig=c2lnLVNFQ1JFVC0wMTIz"
FLAGGED = [{"role": "user", "content": "[[flagged]]"}]
APPLICATION = {"tenant_id": "t", "client_id": "c", "client_secret": "client-SECRET-0123456789"}


class Rig:
    def __init__(self, emulator: AzureEmulator, url: str, clock: ManualClock) -> None:
        self.emulator, self.url, self.clock = emulator, url, clock
        self.container = emulator.container_url(url)

    def run(
        self, body: Callable[[Any], Awaitable[Any]], *, tokens: bool = False, **storage: Any
    ) -> Any:
        own = {"container": self.container, **({} if tokens else {"sas": f"?{SAS}"}), **storage}
        credential: dict[str, Any] = (
            {**APPLICATION, "authority": self.url} if tokens else {"api_key": KEY}
        )

        async def main() -> Any:
            async with AsyncClient(
                "azure",
                base_url=self.url,
                deployments=MODELS,
                clock=self.clock,
                storage=own,
                **credential,
            ) as client:
                return await body(client)

        return asyncio.run(main())


@pytest.fixture(scope="module")
def served() -> Iterator[Rig]:
    clock = ManualClock()
    emulator = AzureEmulator(
        clock=clock,
        keys=[KEY],
        deployments=DEPLOYMENTS,
        sas=SAS,
        clients={"c": APPLICATION["client_secret"]},
    )
    with closing(emulator), emulator.serve() as server:
        yield Rig(emulator, server.url, clock)


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    served.emulator.requests.clear()
    yield served
    served.emulator.faults.clear()
    served.emulator.quirks.disable("decoded-blob-urls")


@pytest.mark.parametrize("tokens", [False, True], ids=["sas", "tokens"])
def test_input_and_results_are_blobs_whose_urls_the_batch_names(rig: Rig, *, tokens: bool) -> None:
    lines = chat_lines(4) + chat_lines(2, prefix="no", messages=FLAGGED)

    async def body(client: Any) -> None:
        file = await client.files.create(lines)
        assert file.id.startswith(f"{rig.container}/batchyard/inputs/")
        assert (file.status, file.filename is not None) == ("processed", True)
        assert (await client.files.retrieve(file)).bytes == file.bytes
        batch = await client.batches.create(file, CHAT)
        assert (batch.input_file_id, batch.output_file_id) == (file.id, None)
        batch = await client.batches.wait(batch)
        assert batch.output_file_id.endswith("/results.jsonl")
        results = client.batches.results(batch)
        items = await settled(results)
        assert [one.outcome for one in items] == ["ok"] * 4 + ["blocked"] * 2
        assert results.completeness.complete
        assert file.id in [one.id for one in await settled(client.files.list())]
        assert (await client.files.delete(file)).deleted
        with pytest.raises(NotFoundError, match="BlobNotFound"):
            await client.files.retrieve(file)

    rig.run(body, tokens=tokens)
    assert rig.emulator.requests.matching("POST", "/openai/v1/files") == []


def test_a_clean_run_names_an_error_blob_that_was_never_written_and_it_is_empty(rig: Rig) -> None:
    async def body(client: Any) -> None:
        batch = await client.batches.create(await client.files.create(chat_lines(2)), CHAT)
        batch = await client.batches.wait(batch)
        assert batch.error_file_id.endswith("/errors.jsonl")
        assert await client.files.content(batch.error_file_id).read() == b""
        results = client.batches.results(batch)
        assert len(await settled(results)) == 2
        assert results.completeness.complete
        with pytest.raises(NotFoundError):
            await client.files.content(f"{rig.container}/batchyard/inputs/none.jsonl").read()

    rig.run(body)


@pytest.mark.parametrize("echo", ["as it was sent", "decoded"])
def test_blobs_below_a_prefix_that_urls_encode_are_ours_however_a_batch_says_them(
    rig: Rig, echo: str
) -> None:
    if echo == "decoded":
        rig.emulator.quirks.enable("decoded-blob-urls")
    lines = chat_lines(2) + chat_lines(1, prefix="no", messages=FLAGGED)

    async def body(client: Any) -> None:
        file = await client.files.create(lines)
        assert file.id.startswith(f"{rig.container}/our%20batches%20%28%C3%BC%29/inputs/")
        batch = await client.batches.wait(await client.batches.create(file, CHAT))
        assert batch.input_file_id == file.id
        items = await settled(client.batches.results(batch))
        assert [one.outcome for one in items] == ["ok", "ok", "blocked"]
        assert (await client.files.retrieve(file.id.replace("%20", " "))).id == file.id
        assert (await client.files.delete(file)).deleted
        # an input that is gone is no result that was never written
        for one in (file.id, file.id.replace("%20", " ")):
            with pytest.raises(NotFoundError, match="BlobNotFound"):
                await client.files.content(one).read()

    rig.run(body, prefix="our batches (ü)")


def test_a_large_file_goes_up_in_blocks_and_comes_down_from_where_it_broke_off(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_blobs, "BLOCK", 10_000)
    lines = chat_lines(400).replace(b"gpt-4.1-mini", b"mini-batch")
    rig.emulator.faults.add("PUT /blob/** 503 times=1 skip=2")
    rig.emulator.faults.add(f"GET /blob/** truncate={len(lines) // 2}")

    async def body(client: Any) -> None:
        file = await client.files.create(lines)
        assert file.bytes == len(lines)
        assert await client.files.content(file).read() == lines

    rig.run(body)
    assert len(rig.emulator.requests.matching("PUT", "/blob/**")) == len(lines) // 10_000 + 3
    gets = rig.emulator.requests.matching("GET", "/blob/**")
    assert [one.status for one in gets] == [200, 206]


def test_an_upload_whose_reply_was_lost_is_not_repeated_under_another_name(rig: Rig) -> None:
    rig.emulator.faults.add("PUT /blob/** lost")

    async def body(client: Any) -> None:
        before = len(await settled(client.files.list()))
        assert (await client.files.create(chat_lines(1))).bytes
        assert len(await settled(client.files.list())) == before + 1

    rig.run(body)


def test_metadata_and_keys_have_no_place_but_are_sent_where_that_is_asked_for(rig: Rig) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        with pytest.raises(InputError, match=r"no metadata.*storage\.metadata"):
            await client.batches.create(file, CHAT, metadata={"a": "b"})
        with pytest.raises(IdempotencyError, match="no place for an idempotency key"):
            await client.batches.create(file, CHAT, idempotency_key="k")

    rig.run(body)

    async def sent(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        with pytest.raises(BatchyardError, match="metadata is not supported"):
            await client.batches.create(file, CHAT, metadata={"a": "b"})

    rig.run(sent, metadata=True)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/batches/batchyard/inputs/a.jsonl",
        "http://127.0.0.1:1/blob/batches/a.jsonl",
        "{container}/../../other/a.jsonl",
        "{container}/%2e%2e/a.jsonl",
        "{container}/a.jsonl?comp=list",
        "{container}/a.jsonl#b",
        "https://[/a.jsonl",
    ],
)
def test_no_other_place_than_the_storage_account_gets_its_credentials(
    rig: Rig, elsewhere: str
) -> None:
    async def body(client: Any) -> None:
        url = elsewhere.format(container=rig.container)
        with pytest.raises(InputError, match="not in the storage account"):
            await client.files.retrieve(url)
        with pytest.raises(InputError, match="not in the storage account"):
            await client.files.delete(url)
        with pytest.raises(InputError, match="not in the storage account"):
            await client.files.content(url).read()

    rig.run(body)
    assert len(rig.emulator.requests) == 0


def test_a_signature_is_in_no_error_and_a_wrong_one_is_said_to_be_one(rig: Rig) -> None:
    wrong = "sv=2023-11-03&sig=d3JvbmctU0VDUkVULTAxMjM0NTY3ODk"

    async def body(client: Any) -> None:
        with pytest.raises(PermissionDeniedError, match="AuthenticationFailed") as caught:
            await client.files.create(chat_lines(1))
        assert "d3Jvbm" not in f"{caught.value!r} {caught.value} {caught.value.body}"
        (*_, finding) = await client.check()
        assert (finding.level, finding.check) == ("error", "storage")
        assert "Storage Blob Data Contributor" in (finding.fix or "")

    rig.run(body, sas=wrong)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "<a/>",
        "<EnumerationResults>",
        '<!DOCTYPE a [<!ENTITY x "y">]><EnumerationResults><Blobs/></EnumerationResults>',
    ],
)
def test_a_list_that_is_none_is_an_error(rig: Rig, body: str) -> None:
    rig.emulator.faults.add(Fault("GET", "/blob/batches", Status(200, body=body or " "), None))

    async def look(client: Any) -> None:
        with pytest.raises(BatchyardError, match="list of blobs"):
            await settled(client.files.list())

    rig.run(look)


def test_lists_are_walked_by_the_services_own_marks(rig: Rig) -> None:
    async def body(client: Any) -> None:
        for _ in range(3):
            await client.files.create(chat_lines(1))
        whole = [one.id for one in await settled(client.files.list())]
        paged = [one.id for one in await settled(client.files.list(limit=1))]
        assert paged == whole
        assert len(set(whole)) >= 3

    rig.run(body)


def test_a_cancelled_batch_with_nothing_answered_has_results_though_no_blob_is_there(
    rig: Rig,
) -> None:
    async def body(client: Any) -> None:
        batch = await client.batches.create(await client.files.create(chat_lines(2)), CHAT)
        batch = await client.batches.wait(await client.batches.cancel(batch))
        assert batch.status == "cancelled"
        items = await settled(client.batches.results(batch))
        assert [one.outcome for one in items] == ["cancelled"] * 2

    rig.run(body)


def test_storage_is_sent_no_header_that_was_meant_for_the_resource(rig: Rig) -> None:
    extra = {"x-gateway-key": "SECRET", "Api-Key": "SECRET", "x-ms-client-request-id": "trace-1"}

    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1), extra_headers=extra)
        await client.files.retrieve(file, extra_headers=extra)

    rig.run(body)
    sent = [dict(one.headers) for one in rig.emulator.requests if one.path.startswith("/blob")]
    assert sent
    for headers in sent:
        assert headers["x-ms-client-request-id"] == "trace-1"
        assert not {"x-gateway-key", "api-key"} & set(headers)


def test_a_token_that_storage_refuses_is_replaced_once_before_a_blob_is_read(rig: Rig) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        rig.emulator.tokens.revoke_all()
        assert await client.files.content(file).read()

    rig.run(body, tokens=True)
