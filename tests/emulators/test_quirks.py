from __future__ import annotations

import json
from typing import Any

import pytest
from openai import NotFoundError
from openai.types import BatchRequestCounts

from batchyard_openai.emulator import OpenAIEmulator
from tests.emulators.parts import LONG_ENOUGH, chat, chats, rigged


def counts(total: int, completed: int, failed: int) -> BatchRequestCounts:
    return BatchRequestCounts(total=total, completed=completed, failed=failed)


def test_every_quirk_says_what_it_does() -> None:
    known = OpenAIEmulator.known_quirks
    assert all(quirk.description for quirk in known)
    assert len({quirk.name for quirk in known}) == len(known)


def test_an_unknown_quirk_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown quirk 'slow-rows'; known are: .*flaky-rows"):
        OpenAIEmulator(quirks=["slow-rows"])


def test_a_late_batch_is_not_there_at_first() -> None:
    with rigged(quirks=["late-batch"]) as rig:
        batch = rig.create(chats(1))
        with pytest.raises(NotFoundError):
            rig.again(batch)
        assert rig.again(batch).id == batch.id


def test_a_late_output_file_is_not_there_at_first() -> None:
    with rigged(quirks=["late-output-file"]) as rig:
        batch = rig.finish([chat("a"), chat("b", n=0)])
        assert batch.status == "completed"
        assert batch.output_file_id is batch.error_file_id is None
        assert rig.again(batch).output_file_id is None
        late = rig.again(batch)
        assert late.output_file_id is not None
        assert late.error_file_id is not None


def test_an_absent_file_may_be_an_empty_string() -> None:
    with rigged(quirks=["empty-string-file-ids"]) as rig:
        assert rig.create(chats(1)).error_file_id is None
        assert rig.finish(chats(1)).error_file_id == ""
        assert rig.finish([chat("a", n=0)]).output_file_id == ""


def test_a_cancel_may_lose_its_race() -> None:
    with rigged(quirks=["cancel-ends-completed"]) as rig:
        batch = rig.create(chats(20))
        rig.clock.advance(75)
        assert rig.client.batches.cancel(batch.id).status == "cancelling"
        rig.clock.advance(LONG_ENOUGH)
        ended = rig.again(batch)
        assert ended.status == "completed"
        assert ended.request_counts == counts(20, 20, 0)
        assert len(rig.rows(ended.output_file_id)) == 20


def test_flaky_rows_are_a_share_of_failures_worth_another_try() -> None:
    with rigged(quirks=["flaky-rows=0.25"]) as rig:
        batch = rig.finish(chats(40))
        errors = rig.rows(batch.error_file_id)
        assert batch.request_counts == counts(40, 30, 10)
        codes = {row["response"]["body"]["error"]["code"] for row in errors}
        assert codes == {"rate_limit_exceeded", "server_error"}
        assert {row["response"]["status_code"] for row in errors} == {429, 500}


def test_rows_of_status_zero_count_as_completed() -> None:
    with rigged(quirks=["zero-status-rows=2"]) as rig:
        batch = rig.finish(chats(5))
        assert batch.request_counts == counts(5, 5, 0)
        assert len(rig.rows(batch.output_file_id)) == 3
        for row in rig.rows(batch.error_file_id):
            assert row["response"] == {"status_code": 0, "request_id": "", "body": ""}
            assert row["error"] is None


def test_blank_rows_have_neither_response_nor_error() -> None:
    with rigged(quirks=["blank-rows"]) as rig:
        (row,) = rig.rows(rig.finish(chats(5)).error_file_id)
        assert row["response"] is row["error"] is None


def test_missing_rows_are_nowhere() -> None:
    with rigged(quirks=["missing-rows=2"]) as rig:
        batch = rig.finish(chats(5))
        assert batch.request_counts == counts(5, 5, 0)
        assert len(rig.rows(batch.output_file_id)) == 3
        assert batch.error_file_id is None


def test_duplicated_rows_are_there_twice() -> None:
    with rigged(quirks=["duplicated-rows"]) as rig:
        ids = [row["custom_id"] for row in rig.rows(rig.finish(chats(5)).output_file_id)]
        assert (len(ids), len(set(ids))) == (6, 5)


def test_a_malformed_line_is_one_that_ends_too_early() -> None:
    with rigged(quirks=["malformed-line"]) as rig:
        batch = rig.finish(chats(5))
        lines = rig.client.files.content(batch.output_file_id or "").text.splitlines()

        def is_json(line: str) -> bool:
            try:
                json.loads(line)
            except ValueError:
                return False
            return True

        assert [is_json(line) for line in lines].count(False) == 1
        assert len(lines) == 5


def test_a_stranger_is_a_row_that_nobody_asked_for() -> None:
    with rigged(quirks=["stranger-row"]) as rig:
        ids = {row["custom_id"] for row in rig.rows(rig.finish(chats(5)).output_file_id)}
        (stranger,) = ids - {f"row-{number}" for number in range(5)}
        assert stranger.startswith("stranger-")


def test_quirks_of_rows_befall_different_rows() -> None:
    quirks = ["zero-status-rows", "blank-rows", "missing-rows", "malformed-line", "flaky-rows"]
    with rigged(quirks=quirks) as rig:
        batch = rig.finish(chats(10))
        errors: list[Any] = rig.rows(batch.error_file_id)
        assert len(errors) == 3
        output = rig.client.files.content(batch.output_file_id or "").text
        assert len(output.splitlines()) == 6
