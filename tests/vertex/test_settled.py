"""What a ledger makes of rows that are neither plain answers nor plain failures: it is all paid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.testing import ManualClock
from tests.ledger.life.place import Place, content, created, follow
from tests.vertex.conftest import Service, chat_line, jsonl
from tests.vertex.shared import as_new, running

MODEL = "gemini-embedding-001"
GEMINI = "gemini-2.5-flash"
HOUR = 3600


@pytest.fixture
def place(sqlite_template: Path, tmp_path: Path, clock: ManualClock) -> Iterator[Place]:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    made = Place(str(tmp_path / "ledger.db"), tmp_path, clock)
    yield made
    made.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def server() -> Iterator[Service]:
    with running() as service:
        yield service


@pytest.fixture
def service(server: Service) -> Service:
    return as_new(server)


@pytest.mark.anyio
@pytest.mark.parametrize("missing", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_what_a_settled_batch_left_in_the_bucket_is_deleted_where_that_is_wanted(
    place: Place, missing: int
) -> None:
    """But not while lines may still come late."""
    emulator = place.emulate("vertex", quirks=[f"missing-rows={missing}"])

    def left() -> list[str]:
        names = emulator.objects.bucket_names()
        return [
            one.name
            for name in names
            for one in emulator.objects.list(name, "", None, place.clock.now())
        ]

    account = place.served("vertex", staged_inputs="delete", models={"gpt-4.1-mini": GEMINI})
    async with place.open(place.setup(accounts=[account])) as ledger:
        batch = await created(ledger)
        await follow(ledger)
        settled_one = await ledger.retrieve_batch(batch.id)
        assert settled_one.status == "completed"
        assert bool(left()) is bool(missing)
        for _ in range(8 * missing):
            place.clock.advance(8 * HOUR)
            await ledger.tracker.step()
        assert left() == []
        wire = emulator.requests.matching("DELETE", "/v1/projects/**")
        assert len(wire) == 1
        # the ledger's own copy stays
        assert await content(ledger, settled_one.output_file_id)


@pytest.mark.anyio
async def test_a_job_for_which_there_was_no_quota_is_sent_again(place: Place) -> None:
    emulator = place.emulate("vertex", quirks=["quota-full=2"])
    account = place.served("vertex", models={"gpt-4.1-mini": GEMINI})
    async with place.open(place.setup(accounts=[account])) as ledger:
        batch = await created(ledger)
        await follow(ledger)
        done = await ledger.retrieve_batch(batch.id)
        assert done.status == "completed"
        assert done.request_counts is not None
        assert done.request_counts.failed == 0
        assert len(emulator.requests.matching("POST", "/v1/projects/**")) == 3


def embed(custom_id: str, *inputs: str) -> dict[str, Any]:
    body = {"model": MODEL, "input": list(inputs), "dimensions": 2}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/embeddings", "body": body}


def counted(service: Service) -> int:
    """The tokens of the prompts in all rows of all jobs."""
    bucket = service.settings()["bucket"]
    objects = service.emulator.objects.list(bucket, "", "**predictions*", float("inf"))
    rows = (line for one in objects for line in one.blob.path.read_bytes().splitlines())
    answers = (json.loads(row)["response"].get("usageMetadata", {}) for row in rows)
    return sum(one.get("promptTokenCount", 0) for one in answers)


@pytest.mark.parametrize(
    ("lines", "quirk", "outcomes"),
    [
        (
            jsonl(
                chat_line("plain", model="gemini-2.5-flash"),
                chat_line("flagged", "[[flagged]] tell me", model="gemini-2.5-flash"),
            ),
            "shards=2",
            {"plain": "ok", "flagged": "blocked"},
        ),
        (
            jsonl(embed("whole", "a", "b"), embed("spoilt", "one", "two", "three and more")),
            "flaky-rows=4",
            {"whole": "ok", "spoilt": "error"},
        ),
    ],
    ids=["blocked", "embeddings"],
)
def test_tokens_of_blocked_prompts_and_of_lines_that_failed_in_part_are_on_the_receipt(
    service: Service, tmp_path: Path, lines: bytes, quirk: str, outcomes: dict[str, str]
) -> None:
    as_new(service, quirk)
    before = counted(service)

    async def body(client: Any) -> None:
        endpoint = json.loads(lines.splitlines()[0])["url"]
        batch = client.batches.create(client.files.create(lines), endpoint)
        done = client.batches.wait(batch)
        results = client.batches.results(done)
        assert {one.custom_id: one.outcome for one in results} == outcomes
        receipt = client.batches.cost(done)
        used = counted(service) - before
        assert used > 0
        assert receipt.usage.input_tokens == used
        assert sum(one.usage.input_tokens for one in client.batches.results(done)) == used
        assert receipt.state == "priced"
        assert receipt.cost is not None
        assert receipt.cost > used * Decimal("0.1") / 1_000_000

    service.run(body, ledger=tmp_path / "ledger.db")
