"""What `doctor` finds at a resource, and what it says to do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from batchyard import AsyncClient
from batchyard.emulators import Fault, Status
from batchyard.models import Finding
from batchyard.testing import ManualClock
from batchyard_azure.emulator import AzureEmulator
from tests.azure.service import DEPLOYMENTS, KEY, MODELS

PROBLEM = {"code": "invalid_request", "message": "The deployment 'mini-batch' is of another SKU."}
FULL = {"code": "token_limit_exceeded", "message": "No room."}


class Rig:
    def __init__(self, emulator: AzureEmulator, url: str) -> None:
        self.emulator, self.url = emulator, url

    def check(self, **settings: Any) -> dict[str, Finding]:
        own = {"api_key": KEY, "base_url": self.url, "deployments": MODELS, **settings}

        async def main() -> list[Finding]:
            async with AsyncClient("azure", clock=ManualClock(), max_retries=0, **own) as client:
                return await client.check()

        return {one.check: one for one in asyncio.run(main())}


@pytest.fixture(scope="module")
def served() -> Iterator[Rig]:
    emulator = AzureEmulator(keys=[KEY], deployments=DEPLOYMENTS)
    with closing(emulator), emulator.serve() as server:
        yield Rig(emulator, server.url)


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    yield served
    served.emulator.faults.clear()


def answers(rig: Rig, path: str, data: list[Any], **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"object": "list", "data": data})
    rig.emulator.faults.add(Fault("GET", f"/openai/v1/{path}", Status(200, named, body), None))


@pytest.mark.parametrize(
    ("given", "check", "level", "says"),
    [
        ({}, "version", "ok", "v1 API"),
        ({"api_version": "2024-10-21"}, "version", "warning", "o3-mini"),
        ({"api_version": "2025-04-01-preview"}, "version", "ok", "2025-04-01-preview"),
        ({}, "credential", "ok", "key is taken"),
        ({"deployments": {}}, "deployments", "warning", "no deployments are configured"),
        ({"deployments": {"m": {"name": "n"}}}, "deployments", "warning", "no base_model"),
        ({}, "deployments", "ok", "priced as gpt-4.1-mini"),
        ({"base_url": "http://127.0.0.1:9"}, "files", "error", ""),
    ],
)
def test_each_finding_says_how_things_are_and_what_to_do(
    rig: Rig, given: dict[str, Any], check: str, level: str, says: str
) -> None:
    found = rig.check(**given)[check]
    assert found.level == level
    assert says in found.message
    assert (found.fix is None) == (level == "ok")


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "Keys and Endpoint"), (403, "Cognitive Services OpenAI User"), (404, "base_url")],
)
@pytest.mark.parametrize("path", ["files", "batches"])
def test_what_is_refused_is_the_last_finding_with_the_cure(
    rig: Rig, path: str, status: int, advice: str
) -> None:
    rig.emulator.faults.add(f"GET /openai/v1/{path} {status} times=always")
    found = rig.check()
    assert list(found)[-1] == path
    assert found[path].level == "error"
    assert advice in (found[path].fix or "")


def test_batches_that_failed_for_their_deployment_are_told_of(rig: Rig) -> None:
    failed = {"id": "batch_1", "status": "failed", "errors": {"data": [PROBLEM]}}
    answers(rig, "batches", [failed])
    found = rig.check()["deployments"]
    assert (found.level, "another SKU" in found.message) == ("error", True)
    assert "Global Batch or Data Zone Batch" in (found.fix or "")


def test_how_full_the_queue_is_and_that_batches_found_no_room_is_told(rig: Rig) -> None:
    full = {"id": "batch_1", "status": "Failed", "errors": {"data": [FULL]}}
    answers(rig, "batches", [full], deployment_enqueued_tokens="7")
    found = rig.check()
    assert found["quota"].message == "deployment-enqueued-tokens: 7"
    assert (found["queue"].level, "1 of the last 1" in found["queue"].message) == ("warning", True)


def test_many_files_without_an_expiry_are_warned_of(rig: Rig) -> None:
    answers(rig, "files", [{"id": f"file-{n}", "expires_at": None} for n in range(400)])
    assert rig.check()["file-quota"].level == "warning"


def test_a_token_that_will_end_is_warned_of(rig: Rig) -> None:
    token = rig.emulator.tokens.issue("https://ai.azure.com")
    found = rig.check(api_key=None, ad_token=token)["credential"]
    assert (found.level, "not renewed" in found.message) == ("warning", True)
