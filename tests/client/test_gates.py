"""Gates where nothing is kept: what they refuse is not uploaded, what they rewrite is."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import InputError, InvalidLinesError
from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard.models import BatchRequest
from tests.client.conftest import Service, settled
from tests.client.requests import chat_lines
from tests.registry.distributions import Site

CHAT = "/v1/chat/completions"
FORMS = ("bytes", "path", "pieces")


class House:
    """Refuses requests with a word, takes another word out, and lets no batch have metadata."""

    def __init__(self) -> None:
        self.lines = 0

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        self.lines += len(lines)
        return [self._verdict(line.data) for line in lines]

    @hookimpl
    def check_batch(self, batch: BatchRequest) -> Verdict:
        if batch.metadata:
            return Verdict.refuse("no_metadata", "Leave the metadata out.", "metadata")
        return Verdict.keep()

    @staticmethod
    def _verdict(data: bytes) -> Verdict:
        if b"hello 3 times" in data:
            return Verdict.refuse("no_three", "Nothing with three.", "body.messages")
        if b"hello 1 times" in data:
            return Verdict.rewrite(data.replace(b"hello", b"goodbye"))
        return Verdict.keep()


class Async:
    @hookimpl
    async def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [Verdict.rewrite(line.data.replace(b"hello", b"adieu")) for line in lines]


def given(form: str, content: bytes, folder: Path) -> Any:
    if form == "path":
        path = folder / "in.jsonl"
        path.write_bytes(content)
        return path
    return (
        content if form == "bytes" else (content[at : at + 7] for at in range(0, len(content), 7))
    )


async def uploaded(client: Any, file: Any, **options: Any) -> bytes:
    """What the provider has of the file."""
    stored = await settled(client.files.create(file, **options))
    return b"".join(await settled(client.files.content(stored)))


@pytest.mark.parametrize("form", FORMS)
def test_what_a_gate_rewrites_is_what_is_uploaded(
    service: Service, form: str, tmp_path: Path
) -> None:
    async def body(client: Any) -> None:
        sent = await uploaded(client, given(form, chat_lines(3), tmp_path))
        assert sent == chat_lines(3).replace(b"hello 1", b"goodbye 1")

    service.run(body, gates=[House()])


@pytest.mark.parametrize("form", FORMS)
def test_a_refused_line_refuses_the_file_before_anything_is_sent(
    service: Service, form: str, tmp_path: Path
) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            await settled(client.files.create(given(form, chat_lines(5), tmp_path)))
        (problem,) = caught.value.problems
        assert (problem.line, problem.code, problem.param) == (4, "no_three", "body.messages")
        assert caught.value.body["error"]["data"][0]["line"] == 4

    service.run(body, gates=[House()])
    assert list(service.emulator.requests) == []


def test_gates_see_the_lines_of_a_file_that_is_not_to_be_validated_too(service: Service) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError, match="three"):
            await settled(client.files.create(chat_lines(5), validate=False))
        with pytest.raises(InvalidLinesError, match="not valid JSON"):
            await settled(client.files.create(b"{", validate=False))

    service.run(body, gates=[House()])
    assert list(service.emulator.requests) == []


def test_gates_see_nothing_of_files_for_something_else(service: Service) -> None:
    gate = House()

    async def body(client: Any) -> None:
        assert await uploaded(client, chat_lines(5), purpose="user_data") == chat_lines(5)

    service.run(body, gates=[gate])
    assert gate.lines == 0


def test_a_file_of_which_nothing_changes_is_sent_as_it_is(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)

    async def body(client: Any) -> None:
        content = chat_lines(1).replace(b"\n", b"\r\n")
        assert await uploaded(client, given("path", content, tmp_path)) == content

    service.run(body, gates=[House()])


def test_each_gate_sees_what_the_one_before_it_left(service: Service) -> None:
    async def body(client: Any) -> None:
        sent = await uploaded(client, chat_lines(2))
        assert sent == chat_lines(2).replace(b"hello 1", b"goodbye 1").replace(
            b"hello 0", b"adieu 0"
        )

    service.run(body, gates=[House(), Async()])


def test_what_was_rewritten_is_what_is_remembered_of_the_file(service: Service) -> None:
    class Cheaper:
        @hookimpl
        def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
            return [
                Verdict.rewrite(line.data.replace(b"gpt-4.1-mini", b"gpt-4.1-nano"))
                for line in lines
            ]

    seen: list[BatchRequest] = []

    class Curious:
        @hookimpl
        def check_batch(self, batch: BatchRequest) -> Verdict:
            seen.append(batch)
            return Verdict.keep()

    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(2)))
        await settled(client.batches.create(file.id, CHAT))

    service.run(body, gates=[Cheaper(), Curious()])
    assert seen[0].models == ("gpt-4.1-nano",)


def test_a_refused_batch_is_not_created(service: Service) -> None:
    async def body(client: Any) -> None:
        file = await settled(client.files.create(chat_lines(2)))
        with pytest.raises(InputError) as caught:
            await settled(client.batches.create(file.id, CHAT, metadata={"a": "b"}))
        assert (caught.value.code, caught.value.param) == ("no_metadata", "metadata")
        assert await settled(client.batches.list()) == []
        assert (await settled(client.batches.create(file.id, CHAT))).status == "validating"

    service.run(body, gates=[House()])


def test_a_gate_that_fails_lets_nothing_pass(service: Service) -> None:
    class Broken:
        @hookimpl
        def check_lines(self) -> list[Verdict]:
            raise ConnectionError("no policy today")

        @hookimpl
        def check_batch(self) -> Verdict:
            raise ConnectionError("no policy today")

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as lines:
            await settled(client.files.create(chat_lines(2)))
        assert (lines.value.count, lines.value.code) == (2, "gate_failed")
        with pytest.raises(InputError) as batch:
            await settled(client.batches.create("file-1", CHAT))
        assert batch.value.code == "gate_failed"

    service.run(body, gates=[Broken()])
    assert list(service.emulator.requests) == []


PLUGIN = """
from batchyard.hookspecs import Verdict, hookimpl

class Limit:
    def __init__(self, most):
        self.most = most

    @hookimpl
    def check_lines(self, lines):
        return [
            Verdict.refuse("too_many", f"At most {self.most} here.")
            if line.line > self.most else Verdict.keep()
            for line in lines
        ]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution with the gate ``limit``."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    points = {"gates": "limit = house_rules:Limit"}
    Site(folder).add("house-rules", points, {"house_rules": PLUGIN})
    yield
    sys.modules.pop("house_rules", None)


@pytest.mark.usefixtures("installed")
def test_gates_that_are_configured_come_before_those_that_are_passed(
    service: Service, tmp_path: Path
) -> None:
    config = tmp_path / "batchyard.toml"
    config.write_text("[gates.limit]\nmost = 2\n")
    passed = House()

    async def body(client: Any) -> None:
        with pytest.raises(InvalidLinesError) as caught:
            await settled(client.files.create(chat_lines(3)))
        assert [(one.line, one.code) for one in caught.value.problems] == [(3, "too_many")]

    service.run(body, gates=[passed], config_file=config)
    assert passed.lines == 2
