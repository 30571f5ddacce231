from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from openai.types import BatchRequestCounts

from batchyard.emulators.openai_wire import Dialect
from batchyard_openai.emulator import OpenAIEmulator
from tests.emulators.parts import LONG_ENOUGH, START, Rig, chat, chats, jsonl, request, rigged

GOOD = chat("good")


def without(line: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != key}


def lacking(line: dict[str, Any], key: str) -> dict[str, Any]:
    return line | {"body": without(line["body"], key)}


CASES: dict[str, tuple[Any, str, str | None]] = {
    "not JSON": (b'{"custom_id": \n', "invalid_json_line", None),
    "a blank line": (b"\n", "invalid_json_line", None),
    "a byte order mark": (b"\xef\xbb\xbf" + jsonl([chat("b")]), "invalid_json_line", None),
    "not UTF-8": (b'"\xff"\n', "invalid_json_line", None),
    "nested too deep": (b"[" * 100_000 + b"\n", "invalid_json_line", None),
    "not an object": ([1], "invalid_json_line", None),
    "duplicate": ([chat("good")], "duplicate_custom_id", "custom_id"),
    "no id": ([without(chat("b"), "custom_id")], "missing_required_parameter", "custom_id"),
    "id no string": ([chat("b") | {"custom_id": 7}], "invalid_request", "custom_id"),
    "no method": ([without(chat("b"), "method")], "missing_required_parameter", "method"),
    "wrong method": ([chat("b") | {"method": "GET"}], "invalid_request", "method"),
    "no url": ([without(chat("b"), "url")], "missing_required_parameter", "url"),
    "wrong url": ([chat("b") | {"url": "/v1/responses"}], "invalid_url", "url"),
    "no body": ([without(chat("b"), "body")], "missing_required_parameter", "body"),
    "no model": ([lacking(chat("b"), "model")], "invalid_request", "body.model"),
    "other model": ([chat("b", model="gpt-4o")], "mismatched_model", "body.model"),
    "stream": ([chat("b", stream=True)], "streaming_unsupported", "body.stream"),
    "no messages": (
        [lacking(chat("b"), "messages")],
        "missing_required_parameter",
        "body.messages",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_line_fails_the_batch_and_is_named(rig: Rig, case: str) -> None:
    bad, code, param = CASES[case]
    content = jsonl([GOOD]) + (bad if isinstance(bad, bytes) else jsonl(bad)) + b"also bad\n"
    batch = rig.finish(content)
    assert batch.status == "failed"
    assert batch.failed_at is not None
    assert batch.errors is not None
    assert batch.errors.object == "list"
    (issue,) = batch.errors.data or []
    assert (issue.code, issue.param, issue.line) == (code, param, 2)
    assert issue.message
    assert batch.request_counts == BatchRequestCounts(total=0, completed=0, failed=0)
    assert batch.output_file_id is batch.error_file_id is None


def only_issue(rig: Rig, lines: Any, endpoint: str = "/v1/chat/completions") -> tuple[Any, ...]:
    batch = rig.finish(lines, endpoint)
    assert batch.status == "failed"
    assert batch.errors is not None
    (issue,) = batch.errors.data or []
    return issue.code, issue.param, issue.line, issue.message


@pytest.mark.parametrize("model", ["gpt-9-nothing", "text-embedding-3-small"])
def test_a_model_without_batch_access_is_not_found(rig: Rig, model: str) -> None:
    assert only_issue(rig, [chat("a", model=model)])[:3] == ("model_not_found", "body.model", 1)


def test_an_empty_file_fails(rig: Rig) -> None:
    assert only_issue(rig, b"")[:3] == ("empty_file", None, None)


@pytest.mark.parametrize("name", ["file-doesnotexist", "", "../../etc/passwd"])
def test_an_unknown_file_is_accepted_and_found_missing_later(rig: Rig, name: str) -> None:
    batch = rig.client.batches.create(
        input_file_id=name, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert batch.status == "validating"
    rig.clock.advance(LONG_ENOUGH)
    failed = rig.again(batch)
    assert failed.errors is not None
    (issue,) = failed.errors.data or []
    assert (issue.code, issue.param, issue.line) == ("invalid_request", "file_id", None)
    assert issue.message is not None
    assert issue.message.startswith(f"Cannot find file {name}")


def test_a_file_of_another_purpose_is_not_found(rig: Rig) -> None:
    file = rig.client.files.create(file=("in.jsonl", jsonl(chats(1))), purpose="user_data")
    batch = rig.client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    rig.clock.advance(LONG_ENOUGH)
    assert rig.again(batch).status == "failed"


def test_a_file_deleted_before_validation_is_not_found(rig: Rig) -> None:
    batch = rig.create(chats(1))
    rig.client.files.delete(batch.input_file_id)
    rig.clock.advance(LONG_ENOUGH)
    assert rig.again(batch).status == "failed"


class Small(Dialect):
    max_lines = 3
    max_inputs = 5


class SmallEmulator(OpenAIEmulator):
    dialect = Small


@pytest.fixture
def small(rig: Rig) -> Any:
    with (
        closing(SmallEmulator(clock=rig.clock, time_scale=1)) as emulator,
        emulator.serve() as server,
    ):
        url = emulator.environment(server.url)["OPENAI_BASE_URL"]
        with rig.client.with_options(base_url=url) as client:
            yield Rig(emulator, rig.clock, client, rig.http)


def test_more_lines_than_allowed_fail_the_batch(small: Rig) -> None:
    assert small.finish(chats(3)).status == "completed"
    assert only_issue(small, chats(4))[:3] == ("too_many_tasks", None, None)


def test_embedding_inputs_are_summed_over_the_lines(small: Rig) -> None:
    lines = [
        request("/v1/embeddings", name, model="text-embedding-3-small", input=["x"] * 3)
        for name in "ab"
    ]
    assert only_issue(small, lines, "/v1/embeddings")[:2] == ("too_many_tasks", None)


def test_the_real_limit_is_fifty_thousand_lines() -> None:
    assert Dialect.max_lines == 50_000
    with rigged() as rig:
        lines = b"".join(
            b'{"custom_id":"%d","method":"POST","url":"/v1/moderations","body":{"input":"x"}}\n' % n
            for n in range(50_001)
        )
        assert only_issue(rig, lines, "/v1/moderations")[0] == "too_many_tasks"


def test_validation_takes_its_time(rig: Rig) -> None:
    batch = rig.create(b"bad\n")
    rig.clock.advance(40)
    assert rig.again(batch).status == "validating"
    rig.clock.advance(40)
    failed = rig.again(batch)
    assert failed.status == "failed"
    assert failed.failed_at is not None
    assert START + 40 < failed.failed_at <= START + 80
