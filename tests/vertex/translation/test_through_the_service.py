"""Files of every kind through the SDK, a strict importer and a service that echoes little."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from batchyard import AsyncClient
from batchyard_vertex import losses_of
from tests.vertex.conftest import Service, settled
from tests.vertex.shared import as_new, running
from tests.vertex.translation.lines import Line, chat, file_of, line
from tests.vertex.translation.test_embeddings import embed

CLAUDE = "claude-sonnet-4-5@20250929"
CONTENTS = [{"role": "user", "parts": [{"text": "Hi"}]}]

FILES: dict[str, list[Line]] = {
    "/v1/chat/completions": [chat(f"r-{n}", temperature=n) for n in range(3)],
    "/v1/responses": [
        line(f"r-{n}", "/v1/responses", model="gemini-2.5-flash", input=f"Hi {n}") for n in range(3)
    ],
    "/v1/embeddings": [embed("list", input=["a", "b", "c"], dimensions=8), embed("text")],
    "/v1/generateContent": [
        line(f"r-{n}", "/v1/generateContent", model="gemini-2.5-flash", contents=CONTENTS)
        for n in range(3)
    ],
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running() as found:
        yield found


def run(service: Service, lines: list[Line], **options: Any) -> list[Any]:
    async def body(client: Any) -> list[Any]:
        file = await settled(client.files.create(file_of(*lines)))
        batch = await settled(client.batches.create(file, lines[0]["url"]))
        results = client.batches.results(await settled(client.batches.wait(batch)))
        found: list[Any] = await settled(results)
        assert results.completeness.complete
        assert results.completeness.usage.known
        return found

    found: list[Any] = service.run(body, **options)
    return found


@pytest.mark.parametrize("quirks", [(), ("shards=3", "no-label-echo", "no-sibling-echo")])
@pytest.mark.parametrize("url", FILES)
def test_every_line_comes_back_answered(service: Service, url: str, quirks: Any) -> None:
    items = run(as_new(service, *quirks), FILES[url])
    assert [one.custom_id for one in items] == [one["custom_id"] for one in FILES[url]]
    assert all(one.ok for one in items), [one.error for one in items]


def test_all_of_it_at_once_with_the_async_client(service: Service) -> None:
    """Files of every kind, and what else a client does, on one loop."""
    files = {**FILES, CLAUDE: [chat("r-0", CLAUDE, max_tokens=50)]}
    files["open"] = [chat("r-0", "meta/llama-3.3-70b-instruct-maas", max_tokens=50)]
    asynchronous = Service("async", service.emulator, service.url, service.clock)

    async def answered(client: AsyncClient, lines: list[Line]) -> list[str]:
        file = await client.files.create(file_of(*lines))
        batch = await client.batches.create(file, lines[0]["url"])
        results = client.batches.results(await client.batches.wait(batch))
        found = [one.custom_id async for one in results if one.ok]
        assert results.completeness is not None
        assert results.completeness.complete
        return found

    async def body(client: AsyncClient) -> None:
        found = await asyncio.gather(*(answered(client, lines) for lines in files.values()))
        assert found == [[one["custom_id"] for one in lines] for lines in files.values()]
        file = await client.files.create(file_of(chat("a")))
        batch = await client.batches.create(file, "/v1/chat/completions")
        assert (await client.batches.cancel(batch)).status == "cancelling"
        assert (await client.batches.wait(batch)).status == "cancelled"
        assert batch.id in {one.id async for one in client.batches.list()}
        assert await client.files.content(file.id).read() == file_of(chat("a"))
        assert (await client.files.delete(file.id)).deleted
        assert file.id not in {one.id async for one in client.files.list()}

    as_new(service)
    asynchronous.run(body)


@pytest.mark.parametrize("model", [CLAUDE, "meta/llama-3.3-70b-instruct-maas"])
def test_models_of_others_answer_too(service: Service, model: str) -> None:
    items = run(as_new(service), [chat(f"r-{n}", model, max_tokens=50) for n in range(2)])
    assert [(one.custom_id, one.ok) for one in items] == [("r-0", True), ("r-1", True)]
    assert all(one.text for one in items)


def test_embeddings_are_vectors_of_the_length_that_was_asked_for(service: Service) -> None:
    listed, _ = run(as_new(service), FILES["/v1/embeddings"])
    data = listed.response["data"]
    assert [(one["index"], len(one["embedding"])) for one in data] == [(0, 8), (1, 8), (2, 8)]
    assert listed.response["usage"]["prompt_tokens"] > 0


def test_the_report_of_losses_is_with_the_file_and_stays_there(service: Service) -> None:
    async def body(client: Any) -> None:
        lines = file_of(chat("a"), chat("b", verbosity="low", user="u"))
        made = await settled(client.files.create(lines))
        again = await settled(client.files.retrieve(made.id))
        for file in (made, again):
            told = [(one.kind, one.field, one.lines) for one in losses_of(file.provider_state)]
            assert told == [("lost", "verbosity", (2,)), ("ignored", "user", (2,))]

    as_new(service).run(body, lossy="drop")
