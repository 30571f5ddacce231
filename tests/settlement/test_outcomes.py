"""Each line of the input ends with one outcome, whatever the provider's files are like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.settlement.files import Desk, answer, line_of, not_run, request, row

ABC = [request(one) for one in "abc"]


def test_results_are_matched_by_custom_id_and_never_by_position(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job([answer(one, made=ord(one)) for one in "cab"]))
    assert found.outcomes == {"ok": 3}
    assert found.ids == ["a", "b", "c"]
    made = [json.loads(one.data)["response"]["body"]["usage"] for one in found.output]
    assert [one["completion_tokens"] for one in made] == [ord(one) for one in "abc"]
    assert found.settled.proof.complete


def test_rows_are_the_providers_own_bytes(desk: Desk) -> None:
    odd = b'{"error" : null,\t"custom_id":"a",  "response":{"status_code":200,"body":{"x":1.50}}}'
    found = desk.settle(ABC[:1], desk.job([odd]))
    assert [one.data for one in found.output] == [odd]


def test_an_output_file_that_holds_all_there_is_is_not_copied(desk: Desk) -> None:
    job = desk.job([answer(one) for one in "cab"], [])
    found = desk.settle(ABC, job)
    assert found.task.output.content.samefile(job.results[0])


@pytest.mark.parametrize(
    "output",
    [
        b"\xef\xbb\xbf" + b"\n".join(map(answer, "cab")) + b"\n",
        b"\r\n".join(map(answer, "cab")) + b"\r\n",
        b"\n\n".join(map(answer, "cab")) + b"\n \n",
        b"\n".join(map(answer, "cab")),
        b"\n".join([*map(answer, "cab"), answer("a")]) + b"\n",
        b"\n".join([*map(answer, "cab"), answer("x")]) + b"\n",
        b"\n".join([*map(answer, "cab"), b"{"]) + b"\n",
    ],
    ids=["mark", "crlf", "blank", "no-end", "duplicate", "stranger", "malformed"],
)
def test_what_does_not_belong_in_an_output_file_is_left_out_of_it(
    desk: Desk, output: bytes
) -> None:
    found = desk.settle(ABC, desk.job(output))
    assert found.outcomes == {"ok": 3}
    assert found.ids == ["a", "b", "c"]
    assert [one.data.strip() for one in found.output] == [answer(one) for one in "abc"]
    assert found.task.output.content.read_bytes().count(b"\n") == 3


def test_errors_of_a_result_line_are_errors_wherever_they_stand(desk: Desk) -> None:
    """In the body of a 4xx, on the line without a body, and in an output file."""
    in_body = row("a", {"error": {"code": "context_length_exceeded", "message": "x"}}, 400)
    on_line = line_of("b", None, {"code": "server_error", "message": "x"})
    found = desk.settle(ABC, desk.job([answer("c"), in_body], [on_line]))
    assert found.outcomes == {"ok": 1, "error": 2}
    assert [one.data for one in found.errors] == [in_body, on_line]


def test_status_zero_and_neither_response_nor_error_are_errors_and_no_successes(
    desk: Desk,
) -> None:
    rows = [
        row("a", {}, 0),
        line_of("b", {"status_code": 0, "request_id": "", "body": ""}, None),
        line_of("c", None, None),
    ]
    found = desk.settle(ABC, desk.job([], rows))
    assert found.outcomes == {"error": 3}
    assert found.settled.proof.complete
    assert found.settled.usages == {}


def test_lines_that_never_ran_are_expired_or_cancelled_and_what_ran_is_kept(desk: Desk) -> None:
    job = desk.job([answer("b")], [not_run("a"), not_run("c", "batch_cancelled")], status="expired")
    found = desk.settle(ABC, job)
    assert found.outcomes == {"ok": 1, "expired": 1, "cancelled": 1}
    assert found.settled.usage.input_tokens == 10


def test_a_blocked_prompt_is_blocked(desk: Desk) -> None:
    blocked = row("a", {"error": {"code": "content_filter", "message": "x"}}, 400)
    assert desk.settle(ABC[:1], desk.job([], [blocked])).outcomes == {"blocked": 1}


def test_a_completed_batch_without_an_output_file_had_only_errors(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job([row(one, {"error": {}}, 400) for one in "abc"]))
    assert found.outcomes == {"error": 3}
    assert found.settled.output.lines == 0
    assert not found.task.output.content.exists()
    assert found.task.errors.content.samefile(found.task.jobs[0].results[0])


def test_a_zero_byte_error_file_is_no_sign_of_errors(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job([answer(one) for one in "abc"], b""))
    assert found.outcomes == {"ok": 3}
    assert found.settled.proof.complete


@pytest.mark.parametrize("files", [(), (b"",), (b"", b"")], ids=["none", "empty", "two empty"])
@pytest.mark.parametrize(
    ("status", "outcome"),
    [("completed", "missing"), ("expired", "expired"), ("cancelled", "cancelled")],
)
def test_lines_in_no_file_are_what_became_of_their_job(
    desk: Desk, files: tuple[bytes, ...], status: str, outcome: str
) -> None:
    found = desk.settle(ABC, desk.job(*files, status=status))
    assert found.outcomes == {outcome: 3}
    assert found.ids == ["a", "b", "c"]
    assert all(one.made for one in found.errors)
    assert found.settled.missing == (3 if outcome == "missing" else 0)
    assert found.settled.proof.complete == (outcome != "missing")


def test_a_line_in_neither_file_is_missing_and_not_forgotten(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job([answer("c")], [not_run("a")]))
    assert found.outcomes == {"ok": 1, "expired": 1, "missing": 1}
    assert found.reason(2)["code"] == "missing"
    assert not found.settled.proof.complete


def test_one_malformed_line_costs_one_line_and_no_spend_of_others(desk: Desk) -> None:
    lines = [answer("a"), b'{"custom_id": "b", "resp', answer("c")]
    found = desk.settle(ABC, desk.job(lines))
    assert found.outcomes == {"ok": 2, "missing": 1}
    assert found.settled.proof.malformed == 1
    assert found.settled.usage.input_tokens == 20
    assert found.strays == [lines[1]]


@pytest.mark.parametrize("cut", [1, 20, 150])
def test_a_file_that_was_cut_off_costs_its_last_line(desk: Desk, cut: int) -> None:
    data = b"\n".join(map(answer, "abc"))[:-cut]
    found = desk.settle(ABC, desk.job(data))
    assert found.outcomes == {"ok": 2, "missing": 1}
    assert found.settled.proof.malformed == 1


@pytest.mark.parametrize(
    "junk", [b"null", b"[]", b"7", b'"a"', b"{}", b'{"custom_id": 7}', b"\xff\xfe", b"[" * 100_000]
)
def test_rows_that_are_no_results_are_counted_and_kept_aside(desk: Desk, junk: bytes) -> None:
    found = desk.settle(ABC, desk.job([answer("a"), junk, answer("b"), answer("c")]))
    assert found.outcomes == {"ok": 3}
    assert found.settled.proof.malformed == 1
    assert found.strays == [junk]


def test_a_second_result_of_a_line_is_counted_beside_the_outcomes(desk: Desk) -> None:
    first, second = answer("a", made=1), answer("a", made=2)
    found = desk.settle(ABC, desk.job([first, answer("b"), second, answer("c")]))
    assert found.outcomes == {"ok": 3}
    assert found.settled.proof.duplicates == 1
    assert found.output[0].data == first
    assert found.strays == [second]
    assert not found.settled.proof.complete


def test_of_two_results_the_success_counts_wherever_it_is(desk: Desk) -> None:
    found = desk.settle(ABC[:1], desk.job([row("a", {}, 500)], [answer("a")]))
    assert found.outcomes == {"ok": 1}
    assert found.strays == [row("a", {}, 500)]


def test_a_result_of_no_line_is_a_stranger_and_goes_to_nobody(desk: Desk) -> None:
    lines = [answer(one) for one in ("zz", "a", "b", "0", "c", "")]
    found = desk.settle(ABC, desk.job(lines))
    assert found.outcomes == {"ok": 3}
    assert found.settled.proof.strangers == 3
    assert sorted(found.strays) == sorted(map(answer, ("zz", "0", "")))


def test_what_a_gate_refused_is_refused_with_its_reason(desk: Desk) -> None:
    refusal = {"line": 2, "custom_id": "b", "code": "no_pii", "message": "A name.", "param": "body"}
    found = desk.settle(
        ABC, desk.job([answer("a"), answer("c")]), refusals=[json.dumps(refusal).encode()]
    )
    assert found.outcomes == {"ok": 2, "refused": 1}
    assert found.reason(2) == {"code": "no_pii", "message": "A name.", "param": "body"}
    assert found.errors[0].made
    assert found.settled.proof.complete


def test_a_failed_job_says_of_each_line_what_it_knows(desk: Desk) -> None:
    errors = [
        {"code": "model_not_found", "message": "No such model.", "line": 2},
        {"code": "x", "message": "Another.", "line": 99},
    ]
    found = desk.settle(ABC, desk.job(status="failed", errors=errors))
    assert found.outcomes == {"error": 3}
    assert found.reason(2) == {"code": "model_not_found", "message": "No such model."}
    assert found.reason(1)["code"] == "batch_failed"
    assert "No such model." in found.reason(1)["message"]


def test_line_numbers_of_a_failed_job_are_of_the_file_that_it_was_sent(desk: Desk) -> None:
    """Its lines are fewer where gates have refused some."""
    sent = desk.file([request("b"), request("c")])
    refusal = json.dumps({"custom_id": "a", "code": "no", "message": "No."}).encode()
    errors = [{"code": "invalid", "message": "Bad.", "line": 2}]
    job = desk.job(status="failed", errors=errors, sent=sent)
    found = desk.settle(ABC, job, refusals=[refusal])
    assert found.outcomes == {"refused": 1, "error": 2}
    assert [found.reason(one)["code"] for one in (1, 2, 3)] == ["no", "batch_failed", "invalid"]


def test_rows_of_a_failed_job_are_kept(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job([answer("b")], status="failed"))
    assert found.outcomes == {"ok": 1, "error": 2}


@pytest.mark.parametrize(
    "custom_id",
    ["a b", "größe ✓ 例", "x" * 3000, '"quoted"', "a/../b", "1", "\n", "\ud800", "\U0001f600"],
)
@pytest.mark.parametrize("times", [0, 1])
def test_ids_of_any_shape_come_back_as_they_were(desk: Desk, custom_id: str, times: int) -> None:
    rows = [answer("z"), *[answer(custom_id)] * times]
    found = desk.settle(
        [request(custom_id), request("z")], desk.job(rows), indexed=custom_id != "\ud800"
    )
    assert found.ids == [custom_id, "z"]


class TestInputsThatWereNotStaged:
    """Batches that were made elsewhere, and taken over."""

    def test_the_index_is_made(self, desk: Desk) -> None:
        found = desk.settle(ABC, desk.job(map(answer, "cab")), indexed=False)
        assert found.outcomes == {"ok": 3}
        assert found.ids == ["a", "b", "c"]

    def test_no_result_goes_to_a_line_that_shares_its_id(self, desk: Desk) -> None:
        lines = [request("a"), request("b"), request("a")]
        found = desk.settle(lines, desk.job(map(answer, "aba")), indexed=False)
        assert found.outcomes == {"ok": 1, "missing": 2}
        assert found.reason(1)["code"] == found.reason(3)["code"] == "duplicate_custom_id"
        assert found.settled.proof.strangers + found.settled.proof.duplicates == 2
        assert found.settled.usage.input_tokens == 30, "it was answered, so it is paid for"

    def test_lines_that_are_no_requests_are_errors(self, desk: Desk) -> None:
        lines = [request("a"), b"{", b"", b"[]", request("b")]
        found = desk.settle(lines, desk.job(map(answer, "ab")), indexed=False)
        assert found.outcomes == {"ok": 2, "error": 2}
        assert found.ids == ["a", None, None, "b"]
        assert found.reason(2)["code"] == "invalid_json_line"

    def test_without_an_input_the_results_are_all_that_is_known(self, desk: Desk) -> None:
        job = desk.job(map(answer, "cab"), [not_run("d"), answer("a")])
        found = desk.settle(None, job)
        assert found.settled.proof.lines is None
        assert not found.settled.proof.complete
        assert found.outcomes == {"ok": 3, "expired": 1}
        assert found.settled.proof.duplicates == 1
        assert found.ids == ["c", "a", "b", "d"], "as they were completed"


class TestSeveralJobs:
    def test_a_lines_outcome_comes_from_exactly_one_job(self, desk: Desk) -> None:
        one = desk.job([answer("a", made=1)], [not_run("b")], carries="ab", name="one")
        two = desk.job([answer("c", made=2)], carries="c", name="two")
        found = desk.settle(ABC, one, two)
        assert found.outcomes == {"ok": 2, "expired": 1}
        assert found.settled.proof.complete
        assert {key.job: sum_.lines for key, sum_ in found.settled.usages.items()} == {
            "one": 1,
            "two": 1,
        }

    def test_twins_are_both_paid_for_and_the_older_ones_results_count(self, desk: Desk) -> None:
        older = desk.job([answer("a", made=1), answer("b", made=1)], name="older")
        younger = desk.job(
            [answer("a", made=2)],
            [not_run("b", "batch_cancelled")],
            name="younger",
            status="cancelled",
        )
        found = desk.settle(ABC[:2], older, younger)
        assert found.outcomes == {"ok": 2}
        assert [one.data for one in found.output] == [answer("a", made=1), answer("b", made=1)]
        assert found.settled.proof.duplicates == 2
        by_job = {key.job: sum_.usage.output_tokens for key, sum_ in found.settled.usages.items()}
        assert by_job == {"older": 2, "younger": 2}

    def test_a_success_of_a_later_job_replaces_an_earlier_failure(self, desk: Desk) -> None:
        first = desk.job([], [row("a", {}, 500)], name="first")
        again = desk.job([answer("a")], name="again", carries="a")
        assert desk.settle(ABC[:1], first, again).outcomes == {"ok": 1}

    def test_a_line_without_a_row_is_what_became_of_the_job_that_had_it(self, desk: Desk) -> None:
        failed = desk.job(
            status="failed", carries="a", name="one", errors=[{"code": "x", "message": "Bad."}]
        )
        ended = desk.job(status="completed", carries="b", name="two")
        gone = desk.job(status="cancelled", carries="c", name="three")
        assert desk.settle(ABC, failed, ended, gone).outcomes == {
            "error": 1,
            "missing": 1,
            "cancelled": 1,
        }

    def test_a_cancelled_twin_does_not_hide_that_a_line_is_missing(self, desk: Desk) -> None:
        cancelled = desk.job(status="cancelled", name="twin")
        found = desk.settle(ABC, cancelled, desk.job([answer("a")], name="older"))
        assert found.outcomes == {"ok": 1, "missing": 2}


def test_rows_of_two_lines_whose_hashes_are_one_are_told_apart(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such ids are known, so the hash is made worse: it tells only lengths apart."""

    def short(custom_id: str) -> bytes:
        return len(custom_id).to_bytes(8)

    monkeypatch.setattr("batchyard.lines._entries.hash_id", short)
    monkeypatch.setattr("batchyard.ledger.settlement._reading.hash_id", short)
    monkeypatch.setattr(
        "batchyard.ledger.settlement._reading.hash_ids", lambda ids: map(short, ids)
    )
    rows = [answer("b", made=2), answer("x"), answer("a", made=1), answer("b"), answer("dd")]
    found = desk.settle([*ABC, request("dd")], desk.job(rows))
    assert found.outcomes == {"ok": 3, "missing": 1}
    assert found.ids == ["a", "b", "c", "dd"]
    assert (found.settled.proof.duplicates, found.settled.proof.strangers) == (1, 1)
    assert [one.data for one in found.output] == [
        answer("a", made=1),
        answer("b", made=2),
        answer("dd"),
    ]


def test_more_rows_than_are_sorted_in_memory_come_out_right(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchyard.ledger.settlement._rows.RUN", 700)
    ids = [f"r-{number}" for number in range(5000)]
    rows = [answer(one) for one in reversed(ids) if not one.endswith("7")]
    found = desk.settle(map(request, ids), desk.job([*rows, answer("r-1")]))
    assert found.outcomes == {"ok": 4500, "missing": 500}
    assert found.settled.proof.duplicates == 1
    assert found.ids == ids


def test_settling_again_gives_the_same(desk: Desk) -> None:
    jobs = desk.job(map(answer, "cab"), [not_run("d")])
    first = desk.settle([*ABC, request("e")], jobs, digests=True)
    second = desk.settle([*ABC, request("e")], jobs, digests=True)
    assert first.settled == second.settled
    assert first.rows == second.rows


def test_nothing_is_left_in_the_scratch_folder_but_what_may_be(desk: Desk) -> None:
    found = desk.settle(ABC, desk.job(map(answer, "cab")))
    assert list(Path(found.task.scratch).iterdir()) == []


def test_a_row_with_an_error_beside_a_good_response_is_no_success(desk: Desk) -> None:
    odd: dict[str, Any] = {"code": "x", "message": "y"}
    line = row("a", json.loads(answer("a"))["response"]["body"], 200, odd)
    found = desk.settle(ABC[:1], desk.job([line]))
    assert found.outcomes == {"error": 1}
    assert found.settled.usage.input_tokens == 10, "it was answered, so it is paid for"
