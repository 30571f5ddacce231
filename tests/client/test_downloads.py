"""Saving a file whose transfer breaks off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import APIConnectionError, NotFoundError
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines

CONTENT = chat_lines(20_000)
WRITE = 256 * 1024
"""Bytes written at a time, and so told of."""


@pytest.fixture(params=["ranges", "no ranges"])
def ranges(request: pytest.FixtureRequest, service: Service) -> bool:
    """Whether the service takes a transfer up where it stopped."""
    if request.param == "no ranges":
        service.emulator.quirks.enable("no-range")
    return bool(request.param == "ranges")


def statuses(service: Service) -> set[int | None]:
    """Those of the replies to requests for the content."""
    return {one.status for one in service.emulator.requests if one.path.endswith("/content")}


def test_what_breaks_off_again_and_again_is_saved_whole(
    service: Service, tmp_path: Path, *, ranges: bool
) -> None:
    target = tmp_path / "copy.jsonl"
    for size in (1_000_000, 1_500_000, 2_500_000):
        service.emulator.faults.add(f"GET /v1/files/*/content truncate={size}")
    service.emulator.faults.add("GET /v1/files/*/content reset")
    told: list[tuple[int, int | None]] = []

    async def body(client: Any) -> None:
        file = await settled(client.files.create(CONTENT))
        content = client.files.content(file)
        size = await settled(content.save(target, progress=lambda *one: told.append(one)))
        assert size == len(CONTENT)

    service.run(body)
    assert target.read_bytes() == CONTENT
    assert [one.name for one in tmp_path.iterdir()] == ["copy.jsonl"]
    assert {total for _, total in told} == {len(CONTENT)}
    written = [one for one, _ in told]
    assert written == sorted(written)
    assert written[-1] == len(CONTENT)
    assert len(written) > len(CONTENT) / WRITE / 2
    assert ranges == (206 in statuses(service))


@pytest.mark.usefixtures("ranges")
def test_what_never_comes_whole_leaves_what_was_there(service: Service, tmp_path: Path) -> None:
    target = tmp_path / "copy.jsonl"
    target.write_bytes(b"before")
    service.emulator.faults.add("GET /v1/files/*/content truncate=500000")
    service.emulator.faults.add("GET /v1/files/*/content reset times=always")

    async def body(client: Any) -> None:
        file = await settled(client.files.create(CONTENT))
        with pytest.raises(APIConnectionError):
            await settled(client.files.content(file).save(target))

    service.run(body)
    assert target.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["copy.jsonl"]


def test_the_size_is_asked_for_only_where_it_is_not_known_and_is_of_use(
    service: Service, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(1)))
        asked = len(service.emulator.requests)
        content = client.files.content(file.id)
        await settled(content.save(tmp_path / "1"))
        assert len(service.emulator.requests) == asked + 1
        await settled(content.save(tmp_path / "2", progress=lambda *one: told.append(one)))
        assert len(service.emulator.requests) == asked + 3
        none = client.files.content("file-none")
        with pytest.raises(NotFoundError):
            await settled(none.save(tmp_path / "3", progress=lambda *one: told.append(one)))

    service.run(body)
    assert told == [(len(chat_lines(1)), len(chat_lines(1)))]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1", "2"]
