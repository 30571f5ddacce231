"""From a file to its results, by all that the service may do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from batchyard.emulators import Fault, Status
from batchyard.errors import (
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    QuotaExceededError,
    RateLimitError,
    WaitTimeoutError,
)
from tests.azure.service import CHAT, KEY, Service, begun, ended, rows
from tests.client.conftest import settled
from tests.client.requests import chat_lines

BOM = b"\xef\xbb\xbf"


def test_lines_that_name_a_model_go_to_its_deployment_and_all_come_back(service: Service) -> None:
    lines = chat_lines(30)

    async def body(client: Any) -> None:
        file = await settled(client.files.create(BOM + lines))
        assert file.status == "processed"
        sent = await settled(client.files.content(file).read())
        assert [json.loads(line) for line in sent.splitlines()] == [
            json.loads(line.replace(b"gpt-4.1-mini", b"mini-batch")) for line in lines.splitlines()
        ]
        batch = await settled(client.batches.create(file, CHAT, metadata={"team": "search"}))
        assert (batch.status, batch.output_file_id) == ("validating", None)
        batch = await settled(client.batches.wait(batch))
        assert (batch.status, batch.metadata) == ("completed", {"team": "search"})
        items, completeness = await rows(client, batch)
        assert [item.custom_id for item in items] == [f"r-{n}" for n in range(30)]
        assert all(item.ok and item.text for item in items)
        assert str(completeness) == "30 = 30 ok"
        assert completeness.complete
        assert completeness.usage.total_tokens > 0
        # a clean run has an error file of no bytes
        errors = await settled(client.files.content(batch.error_file_id).read())
        assert errors == b""

    service.run(body)


def test_every_line_has_its_outcome_and_what_the_filter_stopped_is_blocked(
    service: Service,
) -> None:
    flagged = chat_lines(
        2, prefix="flagged", messages=[{"role": "user", "content": "[[flagged]] do it"}]
    )
    lines = chat_lines(5) + chat_lines(3, prefix="bad", temperature=9) + flagged

    async def body(client: Any) -> None:
        batch = await ended(client, lines)
        items, completeness = await rows(client, batch)
        assert [item.outcome for item in items] == ["ok"] * 5 + ["error"] * 3 + ["blocked"] * 2
        assert str(completeness) == "10 = 5 ok + 3 error + 2 blocked"
        assert completeness.complete
        assert "temperature" in items[5].error.message
        assert (items[8].error.code, items[8].error.status) == ("content_filter", 400)

    service.run(body)


def test_files_made_for_the_dated_api_are_taken(service: Service) -> None:
    lines = chat_lines(2).replace(CHAT.encode(), b"/chat/completions")

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines))
        batch = await settled(client.batches.create(file, "/chat/completions"))
        batch = await settled(client.batches.wait(batch))
        assert (batch.status, batch.endpoint) in {("completed", CHAT), ("completed", None)}
        assert str((await rows(client, batch))[1]) == "2 = 2 ok"

    service.run(body)


def test_another_process_finds_its_way_by_the_id_alone(service: Service) -> None:
    async def before(client: Any) -> Any:
        return (await begun(client, chat_lines(4))).id

    async def after(client: Any) -> None:
        batch = await settled(client.batches.wait(batch_id))
        assert [one.id for one in await settled(client.batches.list())] == [batch_id]
        items, completeness = await rows(client, batch_id)
        assert [item.line for item in items] == [1, 2, 3, 4]
        assert completeness.complete
        assert (await settled(client.files.delete(batch.output_file_id))).deleted

    batch_id = service.run(before)
    service.run(after)


def test_a_cancelled_batch_keeps_what_was_answered(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client, chat_lines(400))
        while batch.status != "in_progress":
            service.clock.advance(0.05)
            batch = await settled(client.batches.retrieve(batch))
        service.clock.advance(0.2)
        assert (await settled(client.batches.cancel(batch))).status == "cancelling"
        batch = await settled(client.batches.wait(batch))
        assert batch.status == "cancelled"
        items, completeness = await rows(client, batch)
        outcomes = [item.outcome for item in items]
        assert set(outcomes) == {"ok", "cancelled"}
        assert completeness.lines == sum(completeness.outcomes.values()) == 400

    service.run(body)


def test_cancelling_a_batch_that_has_ended_returns_it(service: Service) -> None:
    async def body(client: Any) -> None:
        batch = await ended(client, chat_lines(1))
        assert (await settled(client.batches.cancel(batch))).status == "completed"

    service.run(body)


def test_a_batch_that_fails_validation_says_which_line_is_wrong(service: Service) -> None:
    lines = chat_lines(2) + chat_lines(1, prefix="x", model="no-such-deployment")

    async def body(client: Any) -> None:
        batch = await ended(client, lines, validate=False)
        assert batch.status == "failed"
        assert (batch.errors.data[0].code, batch.errors.data[0].line) == ("model_mismatch", 3)
        items, completeness = await rows(client, batch)
        assert [item.error.code for item in items] == ["batch_failed"] * 2 + ["model_mismatch"]
        assert completeness.lines == 3

    service.run(body)


def test_a_model_without_a_deployment_goes_as_it_is_and_is_refused_by_name(
    service: Service,
) -> None:
    async def body(client: Any) -> None:
        batch = await ended(client, chat_lines(1, model="gpt-4o"))
        assert batch.errors.data[0].code == "model_not_found"
        assert "'gpt-4o'" in batch.errors.data[0].message

    service.run(body)


def test_a_file_that_somebody_else_has_just_uploaded_is_waited_for(service: Service) -> None:
    lines = chat_lines(2).replace(b"gpt-4.1-mini", b"mini-batch")

    uploaded = httpx.post(
        f"{service.url}/openai/v1/files",
        headers={"api-key": KEY},
        data={"purpose": "batch"},
        files={"file": ("in.jsonl", lines)},
    ).json()
    assert uploaded["status"].lower() == "pending"

    async def body(client: Any) -> None:
        batch = await settled(client.batches.create(uploaded["id"], CHAT))
        batch = await settled(client.batches.wait(batch))
        assert batch.status == "completed"

    service.run(body)


def test_a_file_is_not_waited_for_for_ever_and_can_be_used_later(service: Service) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(WaitTimeoutError, match=r"is still pending after 0\.05 s"):
            await settled(client.files.create(chat_lines(1)))
        (left,) = await settled(client.files.list())
        service.clock.advance(1)
        batch = await settled(client.batches.create(left.id, CHAT))
        assert batch.input_file_id == left.id

    service.run(body, processing_timeout=0.05)


def test_a_create_whose_reply_was_lost_is_found_and_not_repeated(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(2)))
        for key in (None, "k"):
            seen = service.created()
            skip = 1 if "fail-fast" in service.emulator.quirks and key is None else 0
            service.emulator.faults.add(f"POST /openai/v1/batches lost skip={skip}")
            batch = await settled(client.batches.create(file, CHAT, idempotency_key=key))
            assert service.created() - seen == 1 + skip
            assert (await settled(client.batches.wait(batch))).status == "completed"
        assert len(await settled(client.batches.list())) == 2

    service.run(body)


def test_an_upload_under_a_key_is_found_again_and_waited_for(service: Service) -> None:
    async def body(client: Any) -> None:
        for _ in range(2):
            file = await settled(client.files.create(chat_lines(1), idempotency_key="u"))
            assert file.status == "processed"
        assert len(await settled(client.files.list())) == 1

    service.run(body)


def test_a_file_on_disk_is_rewritten_too(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(chat_lines(3).rstrip(b"\n").replace(b"\n", b"\r\n"))

    async def body(client: Any) -> None:
        assert str((await rows(client, await ended(client, path)))[1]) == "3 = 3 ok"

    service.run(body)


@pytest.mark.parametrize("quirks", [()], ids=["no-quirks"])
class TestRefusals:
    def test_a_wrong_key_is_said_to_be_one_and_not_repeated(self, service: Service) -> None:
        async def body(client: Any) -> None:
            with pytest.raises(AuthenticationError, match="Access denied") as caught:
                await settled(client.files.list())
            assert caught.value.request_id
            finding = (await settled(client.check()))[-1]
            assert (finding.level, finding.check) == ("error", "files")
            assert "AZURE_OPENAI_API_KEY" in finding.fix

        service.run(body, api_key="azure-wrong-SECRET-0123456789")

    def test_a_wrong_address_is_said_to_be_one(self, service: Service) -> None:
        async def body(client: Any) -> None:
            with pytest.raises(NotFoundError, match="Resource not found"):
                await settled(client.batches.retrieve("batch_1"))
            finding = (await settled(client.check()))[-1]
            assert "custom subdomain" in finding.fix

        service.run(body, base_url=f"{service.url}/elsewhere/v1")

    def test_an_account_that_is_right_has_only_good_findings(self, service: Service) -> None:
        async def body(client: Any) -> None:
            found = await settled(client.check())
            assert {one.level for one in found} == {"ok"}
            assert [one.check for one in found] == [
                *("subdomain", "version", "files", "credential", "batches", "deployments")
            ]

        service.run(body, api_version="preview")

    def test_what_is_not_there_is_not_found(self, service: Service) -> None:
        async def body(client: Any) -> None:
            with pytest.raises(NotFoundError) as caught:
                await settled(client.batches.retrieve("batch_none"))
            assert (caught.value.code, caught.value.provider) == ("notFound", "azure")

        service.run(body)

    def test_a_full_file_quota_is_no_reason_to_try_again_and_says_what_to_do(
        self, service: Service
    ) -> None:
        message = "The quota for files without expiry is reached. The maximum is 500."
        document = {"error": {"code": "quotaExceeded", "message": message}}
        fault = Fault("POST", "/openai/v1/files", Status(400, {}, json.dumps(document)), None)
        service.emulator.faults.add(fault)

        async def body(client: Any) -> None:
            with pytest.raises(
                QuotaExceededError, match=r"maximum is 500\. Delete files"
            ) as caught:
                await settled(client.files.create(chat_lines(1)))
            assert (caught.value.retryable, caught.value.status) == (False, 400)
            assert len(service.emulator.requests.matching("POST", "/openai/v1/files")) == 1

        service.run(body)

    def test_a_queue_that_stays_full_is_retryable_although_it_is_a_400(
        self, service: Service
    ) -> None:
        service.emulator.quirks.enable("fail-fast=99")

        async def body(client: Any) -> None:
            with pytest.raises(RateLimitError, match="enqueued tokens") as caught:
                await begun(client, chat_lines(1))
            assert (caught.value.retryable, caught.value.code) == (True, "token_limit_exceeded")
            assert service.created() == 3

        service.run(body)

    def test_a_rate_limit_is_waited_for_as_long_as_its_message_says(self, service: Service) -> None:
        message = "Requests have exceeded the call rate limit. Please retry after 9 seconds."
        document = {"error": {"code": "429", "message": message}}
        service.emulator.faults.add(
            Fault("GET", "/openai/v1/files", Status(429, {}, json.dumps(document)))
        )

        async def body(client: Any) -> None:
            assert await settled(client.files.list()) == []

        service.run(body)
        assert service.clock.slept == [9.0]

    def test_a_file_that_cannot_be_processed_is_refused_with_the_services_reason(
        self, service: Service
    ) -> None:
        document = {"id": "file-1", "status": "Error", "status_details": "not JSON Lines"}
        fault = Fault("GET", "/openai/v1/files/*", Status(200, {}, json.dumps(document)))
        service.emulator.faults.add(fault)

        async def body(client: Any) -> None:
            with pytest.raises(BadRequestError, match="status is error: not JSON Lines"):
                await settled(client.files.create(chat_lines(1)))

        service.run(body)
