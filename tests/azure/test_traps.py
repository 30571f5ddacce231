"""What breaks silently at Azure OpenAI, one test a trap."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from batchyard import AsyncClient
from batchyard.client import Polling
from batchyard.emulators import Fault, Status
from batchyard.errors import BadRequestError, InputError, QuotaExceededError
from batchyard.models import Batch, Limits, Usage
from batchyard.prices import PriceSources, UsageRow, price_usage
from batchyard.registry import Registry
from batchyard.testing import ManualClock
from batchyard_azure._batches import presented
from batchyard_azure.emulator import AzureEmulator
from tests.azure.service import CHAT, DEPLOYMENTS, KEY, MODELS
from tests.client.conftest import settled
from tests.client.requests import chat_lines

DATED = "2024-10-21"
PREVIEW = "2025-04-01-preview"
SELDOM = Polling(first=7200.0, cap=7200.0)


class Rig:
    def __init__(self, emulator: AzureEmulator, url: str, clock: ManualClock) -> None:
        self.emulator, self.url, self.clock = emulator, url, clock

    def run(self, body: Callable[[Any], Awaitable[Any]], **settings: Any) -> Any:
        async def main() -> Any:
            own = {"api_key": KEY, "base_url": self.url, "deployments": MODELS, **settings}
            async with AsyncClient("azure", clock=self.clock, **own) as client:
                return await body(client)

        return asyncio.run(main())


@pytest.fixture(scope="module")
def served() -> Iterator[Rig]:
    clock = ManualClock()
    emulator = AzureEmulator(clock=clock, keys=[KEY], deployments=DEPLOYMENTS)
    with closing(emulator), emulator.serve() as server:
        yield Rig(emulator, server.url, clock)


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    served.emulator.requests.clear()
    yield served
    served.emulator.faults.clear()
    for quirk in ("capitalised-statuses", "iso-timestamps", "null-counts", "empty-string-ids"):
        served.emulator.quirks.disable(quirk)
    for quirk in ("lists-without-ids", "value-lists", "failed-with-stamps", "no-expiry-shown"):
        served.emulator.quirks.disable(quirk)
    for quirk in ("string-line-numbers", "no-batch-sku"):
        served.emulator.quirks.disable(quirk)


async def run(client: Any, lines: bytes, **options: Any) -> Any:
    file = await client.files.create(lines, **options)
    return await client.batches.wait(await client.batches.create(file, CHAT))


def test_trap_upload_answers_pending_and_a_create_before_processed_fails(rig: Rig) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        assert file.status == "processed"
        assert (await client.batches.create(file, CHAT)).status == "validating"

    rig.run(body)
    creates = rig.emulator.requests.matching("POST", "/openai/v1/batches")
    assert [one.status for one in creates] == [201]


def test_trap_model_must_be_the_name_of_a_deployment_the_same_on_every_line(rig: Rig) -> None:
    async def body(client: Any) -> None:
        assert (await run(client, chat_lines(2))).status == "completed"
        batch = await run(client, chat_lines(1, model="gpt-4o"))
        assert batch.errors.data[0].code == "model_not_found"
        mixed = chat_lines(1) + chat_lines(1, prefix="x", model="other")
        batch = await run(client, mixed, validate=False)
        assert batch.errors.data[0].code == "model_mismatch"

    rig.run(body)


def test_trap_a_deployment_of_another_sku_fails_the_batch_with_the_reason(rig: Rig) -> None:
    rig.emulator.quirks.enable("no-batch-sku")

    async def body(client: Any) -> None:
        batch = await run(client, chat_lines(1))
        assert (batch.status, batch.errors.data[0].code) == ("failed", "invalid_request")
        assert "SKU takes no batches" in batch.errors.data[0].message

    rig.run(body)


def test_trap_a_model_that_is_not_in_batch_yet_is_refused_by_name_and_never_priced_as_another(
    rig: Rig,
) -> None:
    new = {"gpt-5.4-pro": {"name": "pro-batch", "base_model": "gpt-5.4-pro"}}

    async def body(client: Any) -> None:
        batch = await run(client, chat_lines(1, model="gpt-5.4-pro"))
        assert batch.errors.data[0].code == "model_not_found"
        assert "'pro-batch'" in batch.errors.data[0].message

    rig.run(body, deployments=new)
    registry = Registry({})
    own = {"api_key": KEY, "base_url": rig.url, "deployments": new}
    account = registry.account("azure", own)
    rows = [UsageRow("gpt-5.4-pro-2026-03-05", "pro-batch", 0, 0, 1, 0, Usage(10, 10))]
    priced = price_usage(rows, PriceSources.load(registry), account, 1_790_000_000.0)
    assert (priced.state, priced.cost) == ("unpriced", None)


@pytest.mark.parametrize("version", [None, "v1", "preview", DATED, PREVIEW])
@pytest.mark.parametrize("url", [CHAT, "/chat/completions"])
def test_trap_url_and_endpoint_are_those_of_the_flavour_whatever_lines_say(
    rig: Rig, version: str | None, url: str
) -> None:
    lines = chat_lines(2).replace(CHAT.encode(), url.encode())

    async def body(client: Any) -> None:
        file = await client.files.create(lines)
        sent = await client.files.content(file).read()
        dated = (version or "").startswith("20")
        assert {json.loads(line)["url"] for line in sent.splitlines()} == {
            "/chat/completions" if dated else CHAT
        }
        batch = await client.batches.wait(await client.batches.create(file, url))
        assert (batch.status, batch.endpoint) == ("completed", CHAT)
        assert len(await settled(client.batches.results(batch))) == 2

    rig.run(body, api_version=version)
    prefix = "/openai/" if (version or "").startswith("20") else "/openai/v1/"
    assert all(one.path.startswith(prefix) for one in rig.emulator.requests)


def test_trap_a_day_is_a_goal_and_late_batches_are_waited_for() -> None:
    clock = ManualClock()
    emulator = AzureEmulator(clock=clock, keys=[KEY], deployments=DEPLOYMENTS, time_scale=5000)
    emulator._shelf._processing = 1.0  # the batch is late, not its file
    with closing(emulator), emulator.serve() as server:

        async def body(client: Any) -> None:
            began = clock.now()
            file = await client.files.create(chat_lines(1))
            batch = await client.batches.create(file, CHAT)
            batch = await client.batches.wait(batch, poll=SELDOM)
            assert batch.status == "completed"
            assert clock.now() - began > 86_400

        Rig(emulator, server.url, clock).run(body)


def test_trap_an_error_file_of_no_bytes_is_no_error(rig: Rig) -> None:
    async def body(client: Any) -> None:
        batch = await run(client, chat_lines(3))
        assert batch.error_file_id is not None
        results = client.batches.results(batch)
        assert [one.outcome for one in await settled(results)] == ["ok"] * 3
        assert results.completeness.complete

    rig.run(body)


def test_trap_statuses_in_any_case_iso_times_null_counts_and_empty_ids_are_read(rig: Rig) -> None:
    for quirk in ("capitalised-statuses", "iso-timestamps", "null-counts", "empty-string-ids"):
        rig.emulator.quirks.enable(quirk)

    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        batch = await client.batches.create(file, CHAT)
        assert (batch.status, batch.output_file_id, batch.endpoint) == ("validating", None, None)
        assert isinstance(batch.created_at, int)
        counts = batch.request_counts
        assert (counts.total, counts.completed, counts.failed) == (0, 0, 0)
        while batch.status != "in_progress":
            rig.clock.advance(0.05)
            batch = await client.batches.retrieve(batch)
        assert (await client.batches.wait(batch)).status == "completed"

    rig.run(body)


@pytest.mark.parametrize("version", [None, DATED])
def test_trap_lists_without_a_cursor_of_their_own_are_walked_to_their_end(
    rig: Rig, version: str | None
) -> None:
    for quirk in ("lists-without-ids", "value-lists"):
        rig.emulator.quirks.enable(quirk)

    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        made = [(await client.batches.create(file, CHAT)).id for _ in range(5)]
        seen = [one.id for one in await settled(client.batches.list(limit=2))]
        assert seen[:5] == made[::-1]
        assert len(seen) == len(set(seen))
        files = [one.id for one in await settled(client.files.list(limit=2))]
        assert file.id in files
        assert len(files) == len(set(files))

    rig.run(body, api_version=version)


@pytest.mark.parametrize("version", [None, DATED, PREVIEW])
def test_trap_every_upload_has_an_expiry_and_so_have_results_where_the_api_takes_it(
    rig: Rig, version: str | None
) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        batch = await client.batches.wait(await client.batches.create(file, CHAT))
        output = await client.files.retrieve(batch.output_file_id)
        if version == DATED:  # which takes no notice of it
            assert (file.expires_at, output.expires_at) == (None, None)
            return
        assert file.expires_at == file.created_at + 14 * 86_400
        assert output.expires_at == output.created_at + 30 * 86_400
        own = await client.files.create(
            chat_lines(1), expires_after={"anchor": "created_at", "seconds": 3600}
        )
        assert own.expires_at == own.created_at + 3600

    rig.run(body, api_version=version)


def test_trap_500_files_without_an_expiry_are_all_and_the_error_says_what_to_do() -> None:
    emulator = AzureEmulator(keys=[KEY], deployments=DEPLOYMENTS, most_files=(2, 3))
    with closing(emulator), emulator.serve() as server:

        async def body(client: Any) -> None:
            for _ in range(2):
                await client.files.create(chat_lines(1), purpose="user_data")
            with pytest.raises(QuotaExceededError, match="without expiry") as caught:
                await client.files.create(chat_lines(1), purpose="user_data")
            assert not caught.value.retryable
            for advice in ("Delete files", "expires_after", "staged_inputs"):
                assert advice in str(caught.value)
            await client.files.create(chat_lines(1))  # what has an expiry still finds room
            with pytest.raises(QuotaExceededError, match="maximum is 3"):
                await client.files.create(chat_lines(1))

        Rig(emulator, server.url, ManualClock()).run(body)


def test_trap_limits_are_data_since_the_pages_of_the_service_disagree() -> None:
    def limits(**given: Any) -> Limits:
        own = {"api_key": KEY, "base_url": "https://r.openai.azure.com", **given}
        return Registry({}).account("azure", own).limits()

    assert limits().max_lines == 100_000
    assert limits(max_lines=50_000, max_bytes=10).max_bytes == 10


def test_trap_metadata_is_the_users_own_in_both_apis(rig: Rig) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        batch = await client.batches.create(file, CHAT, metadata={"team": "a"})
        assert batch.metadata == {"team": "a"}
        assert (await client.batches.create(file, CHAT)).metadata is None

    rig.run(body)


def test_trap_a_host_without_a_custom_subdomain_is_refused_or_warned_of(rig: Rig) -> None:
    with pytest.raises(Exception, match="custom subdomain"):
        rig.run(lambda _: None, base_url="https://eastus.api.cognitive.microsoft.com")  # type: ignore[arg-type, return-value]

    async def body(client: Any) -> None:
        found = await client.check()
        assert (found[0].level, found[0].check) == ("warning", "subdomain")
        assert "custom-domain" in found[0].fix

    rig.run(body, base_url="https://r.cognitiveservices.azure.com", timeout=1.0)


def test_trap_a_failed_batch_that_names_a_file_and_an_end_has_no_results(rig: Rig) -> None:
    for quirk in ("failed-with-stamps", "string-line-numbers"):
        rig.emulator.quirks.enable(quirk)

    async def body(client: Any) -> None:
        batch = await run(client, chat_lines(1) + b"{\n", validate=False)
        assert (batch.status, batch.output_file_id) == ("failed", None)
        assert batch.completed_at is not None
        assert (batch.errors.data[0].code, batch.errors.data[0].line) == ("invalid_json_line", 2)
        items = await settled(client.batches.results(batch))
        assert {one.outcome for one in items} == {"error"}

    rig.run(body)


def test_trap_a_byte_order_mark_is_taken_off_before_the_service_trips_over_it(rig: Rig) -> None:
    async def body(client: Any) -> None:
        assert (await run(client, b"\xef\xbb\xbf" + chat_lines(1))).status == "completed"

    rig.run(body)


def test_trap_more_than_ten_headers_of_ones_own_are_refused_before_they_are_sent(rig: Rig) -> None:
    ten = {f"x-own-{number}": "1" for number in range(10)}

    async def body(client: Any) -> None:
        assert await settled(client.files.list(extra_headers=ten)) is not None
        with pytest.raises(InputError, match="11 extra headers"):
            await settled(client.files.list(extra_headers={**ten, "x-own-10": "1"}))

    rig.run(body)
    statuses = [one.status for one in rig.emulator.requests]
    assert statuses == [200]


def test_trap_431_of_a_gateway_that_adds_headers_says_what_to_do(rig: Rig) -> None:
    rig.emulator.faults.add(Fault("GET", "/openai/v1/files", Status(431, body="{}")))

    async def body(client: Any) -> None:
        with pytest.raises(BadRequestError, match="ten headers"):
            await settled(client.files.list())

    rig.run(body)


def test_trap_a_look_up_is_narrowed_by_a_filter_and_does_without_where_it_is_refused(
    rig: Rig,
) -> None:
    async def body(client: Any) -> None:
        file = await client.files.create(chat_lines(1))
        for fault in (None, "GET /openai/batches 400"):
            if fault:
                rig.emulator.faults.add(fault)
            key = f"k-{fault}"
            rig.emulator.requests.clear()
            one = await client.batches.create(file, CHAT, idempotency_key=key)
            again = await client.batches.create(file, CHAT, idempotency_key=key)
            assert one.id == again.id

    rig.run(body, api_version=PREVIEW)


@pytest.mark.parametrize("status", ["cancelled", "canceled", "Cancelled", "CANCELED"])
def test_trap_cancelled_is_known_in_either_spelling(status: str) -> None:
    batch = presented(Batch(id="batch_1", status=status))
    assert (batch.status, batch.terminal) == ("cancelled", True)


def test_trap_a_filtered_completion_is_an_answer_that_keeps_its_finish_reason(rig: Rig) -> None:
    rig.emulator.quirks.enable("filtered-completions=1")

    async def body(client: Any) -> None:
        batch = await run(client, chat_lines(3))
        items = await settled(client.batches.results(batch))
        assert [one.outcome for one in items] == ["ok"] * 3
        reasons = [one.response["choices"][0]["finish_reason"] for one in items]
        assert reasons.count("content_filter") == 1

    rig.run(body)


@pytest.mark.parametrize(("completed", "failed"), [(2, 1), (0, 1)])
def test_trap_a_failed_batch_that_counts_lines_keeps_its_files_without_a_time_of_its_begin(
    completed: int, failed: int
) -> None:
    shown = {
        "id": "batch_1",
        "status": "failed",
        "in_progress_at": None,
        "output_file_id": "file-out",
        "error_file_id": "file-err",
        "request_counts": {"total": 3, "completed": completed, "failed": failed},
    }
    batch = presented(Batch.model_validate(shown))
    assert (batch.output_file_id, batch.error_file_id) == ("file-out", "file-err")
