"""A batch is created once, whatever happens to replies and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from batchyard.emulators import Fault
from batchyard.errors import IdempotencyError
from tests.client.conftest import KEY, Service, settled
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"


def test_the_same_key_gives_the_same_batch(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        first = await settled(client.batches.create(file, CHAT, idempotency_key="k1"))
        again = await settled(client.batches.create(file, CHAT, idempotency_key="k1"))
        other = await settled(client.batches.create(file, CHAT, idempotency_key="k2"))
        assert first.id == again.id != other.id
        assert (await settled(client.batches.find("k1"))).id == first.id
        assert await settled(client.batches.find("k3")) is None

    service.run(body)


def test_the_mark_of_a_key_is_never_seen_and_the_key_never_sent(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(
            client.batches.create(file, CHAT, metadata={"a": "b"}, idempotency_key="k-secret")
        )
        assert batch.metadata == {"a": "b"}
        assert (await settled(client.batches.retrieve(batch))).metadata == {"a": "b"}
        assert [one.metadata for one in await settled(client.batches.list())] == [{"a": "b"}]

    service.run(body)


def test_a_key_without_room_in_the_metadata_is_refused(service: Service) -> None:
    metadata = {f"k{n}": "v" for n in range(16)}

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        with pytest.raises(IdempotencyError, match="all are taken"):
            await settled(client.batches.create(file, CHAT, metadata=metadata, idempotency_key="k"))
        await settled(client.batches.create(file, CHAT, metadata=metadata))

    service.run(body)


def test_a_key_used_for_another_endpoint_is_refused(service: Service) -> None:
    async def body(client: Any) -> None:
        # of a file that it has checked the client itself would say that the endpoint is wrong
        file = await settled(client.files.create(chat_lines(1), validate=False))
        await settled(client.batches.create(file, CHAT, idempotency_key="k"))
        with pytest.raises(IdempotencyError, match="used for /v1/chat/completions"):
            await settled(client.batches.create(file, "/v1/responses", idempotency_key="k"))

    service.run(body)


@pytest.mark.parametrize("key", [None, "k"])
def test_a_create_whose_reply_is_lost_makes_one_batch(service: Service, key: str | None) -> None:
    service.emulator.faults.add(Fault.parse("POST /v1/batches lost"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        batch = await settled(client.batches.create(file, CHAT, idempotency_key=key))
        assert [one.id for one in await settled(client.batches.list())] == [batch.id]

    service.run(body)


@pytest.mark.parametrize("status", [408, 409, 500, 503])
def test_an_ambiguous_refusal_is_looked_up_before_the_create_is_sent_again(
    service: Service, status: int
) -> None:
    service.emulator.faults.add(Fault.parse(f"POST /v1/batches {status}"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        before = service.clock.now()
        await settled(client.batches.create(file, CHAT))
        assert service.clock.now() - before >= 60
        assert len(await settled(client.batches.list())) == 1

    service.run(body)


def test_a_create_that_was_limited_is_sent_again_after_the_time_asked_for(
    service: Service,
) -> None:
    service.emulator.faults.add(Fault.parse("POST /v1/batches 429 times=2 retry-after=7"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        await settled(client.batches.create(file, CHAT))
        assert service.clock.slept.count(7.0) == 2
        assert len(await settled(client.batches.list())) == 1

    service.run(body)


def test_an_upload_under_a_key_is_taken_up_again(service: Service) -> None:
    service.emulator.faults.add(Fault.parse("POST /v1/files lost"))

    async def body(client: Any) -> None:
        file = await settled(
            client.files.create(chat_lines(1), filename="in.jsonl", idempotency_key="u")
        )
        again = await settled(
            client.files.create(chat_lines(1), filename="in.jsonl", idempotency_key="u")
        )
        assert file.id == again.id
        assert file.filename.endswith(".jsonl")
        assert len(await settled(client.files.list())) == 1

    service.run(body)


CREATES_AND_HANGS = """
import sys
from batchyard import Client

with Client("openai", api_key=sys.argv[2], base_url=sys.argv[1]) as client:
    batch = client.batches.create(sys.argv[3], "/v1/chat/completions", idempotency_key="job-7")
    print(batch.id)
"""


def test_a_process_killed_after_its_create_leaves_one_batch_for_the_same_key(
    service: Service,
) -> None:
    """The service acted, the reply hangs, the process is killed with -9, and the caller repeats."""
    service.emulator.faults.add(Fault.parse("POST /v1/batches hang"))

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        process = subprocess.Popen(  # noqa: ASYNC220 - it is killed, not waited for
            [sys.executable, "-c", CREATES_AND_HANGS, f"{service.url}/v1", KEY, file.id],
            stdout=subprocess.PIPE,
        )
        while not await settled(client.batches.list()):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        assert process.communicate()[0] == b""

        batch = await settled(client.batches.create(file, CHAT, idempotency_key="job-7"))
        assert [one.id for one in await settled(client.batches.list())] == [batch.id]

    service.run(body)
