"""The fixtures for those who test a pipeline, as their tests have them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from batchyard.errors import AuthenticationError
from batchyard.testing import Emulated, GatewayServer, ManualClock
from batchyard.testing.plugin import batchyard_gateway, emulator, fast_clock
from tests.client.requests import chat_lines

__all__ = ["batchyard_gateway", "emulator", "fast_clock"]

CHAT = "/v1/chat/completions"

Emulators = Callable[..., Emulated]
Gateways = Callable[..., GatewayServer]


def test_a_batch_is_over_at_once_on_the_clock_that_all_share(
    emulator: Emulators, fast_clock: ManualClock
) -> None:
    service = emulator("openai", time_scale=1)
    client = service.client()
    began, real = fast_clock.now(), time.monotonic()
    file = client.files.create(chat_lines(3))
    batch = client.batches.wait(client.batches.create(file, CHAT))
    assert batch.status == "completed"
    assert fast_clock.now() - began > 30
    assert time.monotonic() - real < 20
    assert service.requests.matching("POST", "/v1/batches")


@pytest.mark.parametrize("provider", ["azure", "openai", "vertex"])
def test_any_provider_that_is_installed_has_one(emulator: Emulators, provider: str) -> None:
    service = emulator(provider)
    assert service.client().check()
    assert any(service.url in one for one in service.environment.values())


def test_options_are_those_of_the_emulator(emulator: Emulators) -> None:
    service = emulator("openai", keys=["sk-right-0123456789"])
    assert service.client().files.create(b"x", purpose="user_data").id
    with pytest.raises(AuthenticationError):
        service.client(api_key="sk-wrong-0123456789").files.create(b"x", purpose="user_data")


def test_a_gateways_batch_ends_as_it_is_looked_at(
    batchyard_gateway: Gateways, tmp_path: Path
) -> None:
    gateway = batchyard_gateway("openai", max_file_bytes=10_000)
    with httpx.Client(base_url=f"{gateway.url}/", trust_env=False, timeout=30) as http:
        form = {"file": ("in.jsonl", chat_lines(2), "application/jsonl")}
        file = http.post("files", files=form, data={"purpose": "batch"}).json()
        order = {"input_file_id": file["id"], "endpoint": CHAT, "completion_window": "24h"}
        batch = http.post("batches", json=order).json()
        looks = 0
        while batch["status"] != "completed":
            batch, looks = http.get(f"batches/{batch['id']}").json(), looks + 1
            assert looks < 100
        second = http.post("batches", json=order).json()
        gateway.settle()
        assert http.get(f"batches/{second['id']}").json()["status"] == "completed"
        large = {"file": ("in.jsonl", b"x" * 20_000, "application/jsonl")}
        assert http.post("files", files=large, data={"purpose": "batch"}).status_code == 413
    assert gateway.api_key
    assert (tmp_path / "gateway-0" / "ledger.db").exists()
