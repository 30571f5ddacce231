"""Input files are checked before they are sent, and what was seen in them is remembered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from batchyard.client import _uploads as uploads_module
from batchyard.errors import InputError, InvalidLinesError
from batchyard.hookspecs import hookimpl
from batchyard.models import BatchRequest
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"
BAD = chat_lines(2) + b"{\n" + chat_lines(1) + chat_lines(1, prefix="s", stream=True)


def as_path(content: bytes, folder: Path) -> Any:
    path = folder / "in.jsonl"
    path.write_bytes(content)
    return path


def as_file(content: bytes, _folder: Path) -> Any:
    file = BytesIO(b"before" + content)
    file.seek(6)
    return file


def as_pieces(content: bytes, _folder: Path) -> Any:
    return (content[start : start + 7] for start in range(0, len(content), 7))


class Made:
    """A source of the caller's own."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length = len(content)

    def chunks(self) -> Iterator[bytes]:
        yield self._content


FORMS: dict[str, Callable[[bytes, Path], Any]] = {
    "bytes": lambda content, _: content,
    "path": as_path,
    "file": as_file,
    "pieces": as_pieces,
    "source": lambda content, _: Made(content),
    "named": lambda content, _: ("in.jsonl", content),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_with_bad_lines_is_refused_with_all_of_them_before_anything_is_sent(
    service: Service, tmp_path: Path, form: str
) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            await settled(client.files.create(FORMS[form](BAD, tmp_path)))
        assert [(one.line, one.code) for one in caught.value.problems] == [
            (3, "invalid_json_line"),
            (4, "duplicate_custom_id"),
            (5, "streaming_unsupported"),
        ]
        assert caught.value.count == 3

    service.run(body)
    assert not service.emulator.requests


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_was_checked_is_sent_whole(service: Service, tmp_path: Path, form: str) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(FORMS[form](chat_lines(3), tmp_path)))
        assert await settled(client.files.content(file).read()) == chat_lines(3)

    service.run(body)


def test_bad_lines_are_sent_when_checking_is_off_or_the_purpose_is_another(
    service: Service,
) -> None:
    async def body(client: Any) -> None:
        for options in ({"validate": False}, {"purpose": "user_data"}):
            file = await settled(client.files.create(BAD, **options))
            assert file.bytes == len(BAD)

    service.run(body)


def test_the_limits_of_the_account_are_those_of_the_check(service: Service) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            await settled(client.files.create(chat_lines(4)))
        assert [one.code for one in caught.value.problems] == ["too_many_tasks", "file_too_large"]
        elsewhere = chat_lines(1).replace(b"/v1/chat/completions", b"/v1/audio/speech")
        with pytest.raises(InvalidLinesError, match="The provider takes /v1/responses and "):
            await settled(client.files.create(elsewhere))

    service.run(body, max_lines=3, max_bytes=500)


def test_a_batch_for_another_endpoint_than_its_lines_is_refused_before_it_is_sent(
    service: Service,
) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        sent = len(service.emulator.requests)
        with pytest.raises(InputError, match="are for /v1/chat/completions") as caught:
            await settled(client.batches.create(file.id, "/v1/responses"))
        assert (caught.value.code, caught.value.param) == ("invalid_url", "endpoint")
        assert len(service.emulator.requests) == sent
        assert (await settled(client.batches.create(file.id, CHAT))).endpoint == CHAT

    service.run(body)


def test_several_models_may_be_uploaded_and_no_batch_made_of_them(service: Service) -> None:
    lines = chat_lines(2) + chat_lines(1, prefix="s", model="gpt-4.1")

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines))
        sent = len(service.emulator.requests)
        with pytest.raises(InputError, match=r"2 models \(gpt-4.1-mini, gpt-4.1\)") as caught:
            await settled(client.batches.create(file, CHAT))
        assert (caught.value.code, caught.value.param) == ("mismatched_model", "body.model")
        assert len(service.emulator.requests) == sent

    service.run(body)


def test_a_file_that_this_client_has_not_checked_is_left_to_the_provider(
    service: Service,
) -> None:
    async def body(client: Any) -> None:
        unchecked = await settled(client.files.create(chat_lines(1), validate=False))
        batch = await settled(client.batches.create(unchecked, "/v1/responses"))
        assert batch.status == "validating"

    service.run(body)


def test_a_file_found_by_its_key_is_not_taken_for_the_one_at_hand(service: Service) -> None:
    other = json.dumps(
        {
            "custom_id": "a",
            "method": "POST",
            "url": "/v1/responses",
            "body": {"model": "gpt-4.1-mini", "input": "x"},
        }
    ).encode()

    async def body(client: Any) -> None:
        await settled(client.files.create(chat_lines(2), idempotency_key="k", validate=False))
        found = await settled(client.files.create(other, idempotency_key="k"))
        assert found.bytes == len(chat_lines(2))
        assert (await settled(client.batches.create(found, CHAT))).endpoint == CHAT

    service.run(body)


class Seen:
    """Middleware of a service that takes several models, which notes what it is asked to create."""

    def __init__(self) -> None:
        self.models: list[tuple[str, ...]] = []

    @hookimpl(wrapper=True)
    def create_batch(self, batch: BatchRequest) -> Any:
        self.models.append(batch.models)
        return (yield)

    @hookimpl(wrapper=True)
    def limits(self) -> Any:
        return replace((yield), one_model_per_file=False)


def test_the_provider_is_told_the_models_of_a_file_that_was_checked(service: Service) -> None:
    seen = Seen()

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(2)))
        await settled(client.batches.create(file, CHAT))
        await settled(client.batches.create(file, CHAT, models=("mine",)))
        unchecked = await settled(client.files.create(chat_lines(2), validate=False))
        await settled(client.batches.create(unchecked, CHAT))
        lines = chat_lines(1) + chat_lines(1, prefix="s", model="gpt-4.1")
        await settled(client.batches.create(await settled(client.files.create(lines)), CHAT))

    service.run(body, middleware=[seen])
    assert seen.models == [("gpt-4.1-mini",), ("mine",), (), ("gpt-4.1-mini", "gpt-4.1")]


def test_the_oldest_uploads_are_forgotten(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "MOST", 2)

    async def body(client: Any) -> None:
        files = [await settled(client.files.create(chat_lines(1))) for _ in range(3)]
        assert await settled(client.batches.create(files[0], "/v1/responses"))
        for file in files[1:]:
            with pytest.raises(InputError):
                await settled(client.batches.create(file, "/v1/responses"))

    service.run(body)
