from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchyard.errors import BatchyardError, InputError, InvalidLinesError
from batchyard.lines import (
    MAX_LINE,
    FileCheck,
    LineIndex,
    check_file,
    check_source,
    count_lines,
)
from batchyard.lines import _ids as ids_module
from batchyard.models import Limits
from batchyard.steps import BytesSource

CHAT = "/v1/chat/completions"


def request(custom_id: Any, **fields: Any) -> dict[str, Any]:
    body = {"model": "m-1", "messages": [{"role": "user", "content": "hello"}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **fields}


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in request("a").items() if key != name}).encode()


def dumped(*requests: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in requests)


def with_body(body: Any, **fields: Any) -> bytes:
    if isinstance(body, dict):
        body = {"messages": [], **body}
    return json.dumps(request("a", body=body, **fields)).encode()


def check(tmp_path: Path, content: bytes, limits: Limits | None = None) -> FileCheck:
    (tmp_path / "input.jsonl").write_bytes(content)
    return check_file(tmp_path / "input.jsonl", limits=limits, digest=True)


def found(result: FileCheck) -> list[tuple[int, str, str | None]]:
    return [(one.line, one.code, one.param) for one in result.problems]


def test_a_good_file(tmp_path: Path) -> None:
    body = {"model": "m-2", "messages": ["ünïcödé"], "stream": False}
    content = dumped(request("a"), request("b"), request("c", body=body)) + b"\n \r\n"
    result = check(tmp_path, content)
    assert (result.lines, result.bytes) == (3, len(content))
    assert result.digest == hashlib.sha256(content).hexdigest()
    assert result.endpoint == CHAT
    assert dict(result.endpoints) == {CHAT: 3}
    assert dict(result.models) == {"m-1": 2, "m-2": 1}
    assert (result.problems, result.problem_count) == ((), 0)
    result.raise_for_problems()


def test_crlf_a_missing_last_newline_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + dumped(request("a"), request("b")).replace(b"\n", b"\r\n")[:-2]
    result = check(tmp_path, content)
    assert (result.lines, result.problem_count, result.has_bom) == (2, 0, True)
    assert not check(tmp_path, content[3:]).has_bom


def test_text_that_is_not_ascii_is_as_good(tmp_path: Path) -> None:
    lines = [request(str(n), body={"model": "m-1", "messages": ["日本語"]}) for n in range(3)]
    content = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)
    assert check(tmp_path, content).problem_count == 0


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b"{", "invalid_json_line", None),
        (b"not json", "invalid_json_line", None),
        (b"[]", "invalid_json_line", None),
        (b"null", "invalid_json_line", None),
        (b'{"custom_id": "a"} {}', "invalid_json_line", None),
        (b'{"body":{"x":NaN}}', "invalid_json_line", None),
        (
            with_body({"model": "m-1", "x": "y"}).replace(b'"y"', b"[" * 99_999),
            "invalid_json_line",
            None,
        ),
        (
            with_body({"model": "m-1", "x": "y"}).replace(b'"y"', b'"\xff"'),
            "invalid_encoding",
            None,
        ),
        (
            with_body({"model": "m-1", "x": "y"}).replace(b'"y"', b'"\x00"'),
            "invalid_encoding",
            None,
        ),
        (
            with_body({"model": "m-1", "x": "y"}).replace(b'"y"', b'"\\ud83d"'),
            "invalid_encoding",
            None,
        ),
        (b'{"custom_id":"\\ud83d"}', "invalid_encoding", None),
        (without("custom_id"), "missing_required_parameter", "custom_id"),
        (json.dumps(request(None)).encode(), "missing_required_parameter", "custom_id"),
        (json.dumps(request(7)).encode(), "invalid_request", "custom_id"),
        (json.dumps(request("")).encode(), "invalid_request", "custom_id"),
        (without("method"), "missing_required_parameter", "method"),
        (json.dumps(request("a", method="GET")).encode(), "invalid_request", "method"),
        (json.dumps(request("a", method=["POST"] * 99)).encode(), "invalid_request", "method"),
        (without("url"), "missing_required_parameter", "url"),
        (json.dumps(request("a", url=3)).encode(), "invalid_url", "url"),
        (json.dumps(request("a", url="https://x.example/v1/y")).encode(), "invalid_url", "url"),
        (json.dumps(request("a", url="chat/completions")).encode(), "invalid_url", "url"),
        (json.dumps(request("a", url="/v1/a b")).encode(), "invalid_url", "url"),
        (json.dumps(request("a", url=CHAT + "\n")).encode(), "invalid_url", "url"),
        (json.dumps(request("a", url="/" + "x" * 999)).encode(), "invalid_url", "url"),
        (without("body"), "missing_required_parameter", "body"),
        (with_body("text"), "invalid_request", "body"),
        (with_body([]), "invalid_request", "body"),
        (with_body({}), "invalid_request", "body.model"),
        (with_body({"model": None}), "invalid_request", "body.model"),
        (with_body({"model": ""}), "invalid_request", "body.model"),
        (with_body({"model": 1}), "invalid_request", "body.model"),
        (with_body({"model": "m" * 513}), "invalid_request", "body.model"),
        (with_body({"model": "m"}).replace(b'"m"', b"1" * 5000), "invalid_request", "body.model"),
        (with_body({"model": "m-1", "stream": True}), "streaming_unsupported", "body.stream"),
        (with_body({"model": "m-1", "stream": "yes"}), "invalid_request", "body.stream"),
        (b'{"custom_id":1,' + json.dumps(request("a")).encode()[1:], "invalid_json_line", None),
    ],
)
def test_what_is_wrong_is_told_with_its_code_its_field_and_its_line(
    tmp_path: Path, line: bytes, code: str, param: str | None
) -> None:
    content = dumped(request("first")) + b"\n" + line + b"\n" + dumped(request("last"))
    result = check(tmp_path, content)
    assert found(result) == [(3, code, param)]
    assert (result.lines, result.problem_count) == (3, 1)
    message = result.problems[0].message
    assert len(message) < 400
    assert message.endswith(".")


def test_a_value_may_be_absent_that_the_endpoint_does_not_need(tmp_path: Path) -> None:
    lines = [request(str(n), url="/v1/moderations", body={"input": "x"}) for n in range(3)]
    result = check(tmp_path, dumped(*lines))
    assert (result.problem_count, dict(result.models)) == (0, {})


def test_null_for_stream_is_as_good_as_nothing(tmp_path: Path) -> None:
    assert check(tmp_path, with_body({"model": "m-1", "stream": None})).problem_count == 0


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("/v1/chat/completions", {"model": "m", "messages": []}),
        ("/chat/completions", {"model": "m", "messages": []}),
        ("/v1/responses", {"model": "m", "input": "x"}),
        ("/v1/embeddings", {"model": "m", "input": ["x"]}),
        ("/v1/completions", {"model": "m", "prompt": "x"}),
        ("/v1/moderations", {"input": "x"}),
        ("/v1/images/generations", {"prompt": "x"}),
        ("/v1/images/edits", {"prompt": "x", "images": [{"file_id": "file-1"}]}),
        ("/v1/videos", {"model": "m", "prompt": "x"}),
    ],
)
@pytest.mark.parametrize("absent", ["left out", "null"])
def test_what_an_endpoint_needs_must_be_there(
    tmp_path: Path, endpoint: str, body: dict[str, Any], absent: str
) -> None:
    good = [request(f"good-{n}", url=endpoint, body=body) for n in range(3)]
    assert check(tmp_path, dumped(*good)).problem_count == 0
    for name in body.keys() - {"model"}:
        left = {key: value for key, value in body.items() if key != name}
        lacking = left if absent == "left out" else left | {name: None}
        bad = request("bad", url=endpoint, body=lacking)
        result = check(tmp_path, dumped(*good, bad, request("last", url=endpoint, body=body)))
        assert found(result) == [(4, "missing_required_parameter", f"body.{name}")]
        assert "Give " in result.problems[0].message


def test_an_endpoint_that_is_not_known_needs_nothing(tmp_path: Path) -> None:
    lines = [request(str(number), url="/v1/rerank", body={}) for number in range(3)]
    assert check(tmp_path, dumped(*lines)).problem_count == 0


def test_a_model_that_is_not_allowed_is_told_on_every_line(tmp_path: Path) -> None:
    bodies: list[Any] = [{"model": name, "messages": []} for name in ("a", "b", "a", "c", "b")]
    lines = [request(str(number), body=body) for number, body in enumerate(bodies)]
    (tmp_path / "input.jsonl").write_bytes(dumped(*lines))
    result = check_file(tmp_path / "input.jsonl", models={"a", "c"})
    assert found(result) == [
        (2, "model_not_found", "body.model"),
        (5, "model_not_found", "body.model"),
    ]
    assert result.problems[0].message.endswith("Use one of: a, c.")
    assert dict(result.models) == {"a": 2, "b": 2, "c": 1}
    assert check_file(tmp_path / "input.jsonl", models=("a", "b", "c")).problem_count == 0


LINES = (
    dumped(request("{}")),
    dumped(request("{}", body={"model": "m-2", "messages": [], "stream": False})),
    dumped(request("{}", body={"model": "m-1", "messages": ["日本"]})).decode().encode(),
    dumped(request("{}", body={"model": "m-1", "messages": [], "stream": True})),
    dumped(request("{}", body={"model": "m-1"})),
    dumped(request("{}", body={"model": 5, "messages": []})),
    dumped(request("{}", method="GET")),
    dumped(request("{}", url="/v1/responses", body={"model": "m-1", "input": "x"})),
    dumped(request("{}")).replace(b"\n", b"\r\n"),
    dumped(request("{}")).replace(b"hello", b"\xff"),
    dumped(request("twin")),
    dumped(request("")),
    dumped(request("{}")).replace(b", ", b",\n", 1),
    dumped(request("{}"))[:-1] + b" " + dumped(request("{}")),
    b"\n",
    b" \t\r\n",
    b"null\n",
)


@given(st.lists(st.sampled_from(LINES), max_size=30), st.integers(1, 2000))
def test_lines_are_judged_alike_whether_they_come_alone_or_together(
    chosen: list[bytes], size: int
) -> None:
    content = b"".join(line.replace(b"{}", b"r-%d" % number) for number, line in enumerate(chosen))
    together, alone = check_source(BytesSource(content)), check_source(Cut(content, 1))
    assert together == alone == check_source(Cut(content, size))
    assert together.lines == count_lines([content])


class Cut:
    """A source of pieces of some size."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = content
        self._size = size
        self.length = len(content)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, self.length, self._size):
            yield self._content[start : start + self._size]


def test_a_source_is_checked_as_a_file_is(tmp_path: Path) -> None:
    twins = dumped(request("a"), request("b"), request("a"))
    for content in (b"", b"\xef\xbb\xbf" + dumped(request("a")), twins, b"x\n" + twins):
        assert check_source(BytesSource(content), digest=True) == check(tmp_path, content)


def test_all_faults_of_a_line_are_told(tmp_path: Path) -> None:
    result = check(tmp_path, b'{"url":"x","body":{"stream":true}}')
    assert [param for _, _, param in found(result)] == ["custom_id", "method", "url", "body.stream"]


def test_a_second_url_is_told_with_the_line_of_the_first(tmp_path: Path) -> None:
    other = request("b", url="/v1/embeddings", body={"model": "m-1", "input": "x"})
    result = check(
        tmp_path, b"\n" + dumped(request("a"), other, request("c"), other | {"custom_id": "d"})
    )
    assert found(result) == [(3, "invalid_url", "url"), (5, "invalid_url", "url")]
    assert "line 2" in result.problems[0].message
    assert result.endpoint is None
    assert dict(result.endpoints) == {CHAT: 2, "/v1/embeddings": 2}


def test_an_endpoint_that_the_provider_does_not_take_is_told_on_every_line(tmp_path: Path) -> None:
    content = dumped(request("a"), request("b"))
    result = check(tmp_path, content, Limits(endpoints=("/v1/responses",)))
    assert found(result) == [(1, "invalid_url", "url"), (2, "invalid_url", "url")]
    assert check(tmp_path, content, Limits(endpoints=("/v1/responses", CHAT))).problem_count == 0


@pytest.mark.parametrize("most", [2, ids_module.MAX_REMEMBERED])
@pytest.mark.parametrize("indexed", [False, True])
def test_a_second_use_of_an_id_names_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, *, indexed: bool
) -> None:
    monkeypatch.setattr(ids_module, "MAX_REMEMBERED", most)
    path, index = tmp_path / "input.jsonl", tmp_path / "index" if indexed else None
    twins = request("é"), request("b"), request("\u00e9"), request("b", method="GET"), request("é")
    path.write_bytes(b"\xef\xbb\xbf\r\n" + dumped(*twins))
    result = check_file(path, index)
    assert found(result) == [
        (4, "duplicate_custom_id", "custom_id"),
        (5, "invalid_request", "method"),
        (5, "duplicate_custom_id", "custom_id"),
        (6, "duplicate_custom_id", "custom_id"),
    ]
    firsts = [one.message for one in result.problems if one.code == "duplicate_custom_id"]
    assert ["line 2" in message for message in firsts] == [True, False, True]
    assert "line 3" in firsts[1]
    assert [one.name for one in tmp_path.iterdir()] == ["input.jsonl"]


def test_a_second_use_far_from_the_first_has_the_right_numbers(tmp_path: Path) -> None:
    body = {"model": "m-1", "messages": ["x" * 1000]}
    lines = [request(str(number), body=body) for number in range(3000)]
    result = check(tmp_path, dumped(*lines, request("1500"), request("7")))
    assert [(one.line, one.code) for one in result.problems] == [
        (3001, "duplicate_custom_id"),
        (3002, "duplicate_custom_id"),
    ]
    assert "line 1501" in result.problems[0].message
    assert "line 8 " in result.problems[1].message


def test_ids_with_one_hash_are_no_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchyard.lines._entries.hash_id", lambda _: b"12345678")
    content = dumped(*(request(str(number)) for number in range(5)), request("3"))
    (tmp_path / "input.jsonl").write_bytes(content)
    result = check_file(tmp_path / "input.jsonl", tmp_path / "index")
    assert found(result) == [(6, "duplicate_custom_id", "custom_id")]
    assert "line 4" in result.problems[0].message


def test_the_index_finds_the_lines(tmp_path: Path) -> None:
    content = dumped(*(request(f"r-{number}") for number in range(100)))
    path = tmp_path / "input.jsonl"
    path.write_bytes(content)
    assert check_file(path, tmp_path / "index").problem_count == 0
    with LineIndex.open(tmp_path / "index") as index:
        assert len(index) == 100
        ((offset, length),) = index.find("r-42")
        assert json.loads(content[offset : offset + length])["custom_id"] == "r-42"


@pytest.mark.parametrize("step", [1, 7])
def test_more_ids_than_are_remembered_are_checked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(ids_module, "MAX_REMEMBERED", 10)
    monkeypatch.setattr(ids_module, "MAX_NOTED", 10)
    content = dumped(*(request(str(number * step % 50)) for number in range(50)))
    result = check(tmp_path, content)
    assert (result.lines, result.problem_count) == (50, 0)
    assert check(tmp_path, content + dumped(request("0"))).problem_count == 1


blocks_of_ids = st.lists(
    st.lists(st.integers(0, 99).map(str) | st.text(max_size=3), min_size=1, max_size=6), max_size=8
)


@given(blocks_of_ids | blocks_of_ids.map(lambda blocks: [sorted(one, key=len) for one in blocks]))
def test_ids_differ_or_not_however_they_are_ordered(blocks: list[list[str]]) -> None:
    ids = ids_module.RememberedIds()
    for block in blocks:
        ids.add_all(block, b"", 0)
    every = [custom_id for block in blocks for custom_id in block]
    assert ids.all_differ == (len(set(every)) == len(every))


def test_ids_that_ascend_and_then_do_not_are_all_compared() -> None:
    for last, differ in (("0", False), ("57", False), ("099", True), ("x", True)):
        ids = ids_module.RememberedIds()
        for start in range(0, 2000, 100):
            ids.add_all([str(number) for number in range(start, start + 100)], b"", 0)
        ids.add(last, 0, 0)
        assert ids.all_differ == differ


def test_a_file_without_requests_is_told(tmp_path: Path) -> None:
    for content in (b"", b"\n \n\r\n", b"\xef\xbb\xbf"):
        result = check(tmp_path, content)
        assert found(result) == [(0, "empty_file", None)]
        assert (result.lines, result.endpoint) == (0, None)


def test_limits_of_the_whole_file_are_told_before_its_lines(tmp_path: Path) -> None:
    content = dumped(request("a"), request("b"), request("c")) + b"x"
    result = check(tmp_path, content, Limits(max_lines=3, max_bytes=100))
    assert found(result) == [
        (0, "too_many_tasks", None),
        (0, "file_too_large", None),
        (4, "invalid_json_line", None),
    ]
    exact = Limits(max_lines=4, max_bytes=len(content))
    assert found(check(tmp_path, content, exact)) == [(4, "invalid_json_line", None)]


def test_all_bad_lines_are_counted_and_the_first_thousand_told(tmp_path: Path) -> None:
    twins = dumped(*(request("a") for _ in range(1500)))
    result = check(tmp_path, b"x\n" * 2 + twins + b"x\n" * 2000)
    assert result.problem_count == 2 + 1499 + 2000
    assert [one.line for one in result.problems] == [1, 2, *range(4, 1002)]
    with pytest.raises(InvalidLinesError) as raised:
        result.raise_for_problems()
    assert raised.value.count == 3501
    assert raised.value.code == "invalid_json_line"
    assert raised.value.problems == result.problems


def test_of_many_models_the_first_thousand_are_counted(tmp_path: Path) -> None:
    names = [f"m-{number % 1500}" for number in range(3000)]
    lines = [
        request(str(number), body={"model": name, "messages": []})
        for number, name in enumerate(names)
    ]
    result = check(tmp_path, dumped(*lines))
    assert result.problem_count == 0
    assert len(result.models) == 1000
    assert set(result.models.values()) == {2}


def test_a_huge_line_is_one_problem_and_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    with path.open("wb") as file:
        file.write(dumped(request("a")))
        file.truncate(200_000_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + dumped(request("b")))
    tracemalloc.start()
    try:
        result = check_file(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found(result) == [(2, "line_too_long", None)]
    assert result.lines == 3
    assert peak < 3 * MAX_LINE


def test_a_large_file_is_checked_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "input.jsonl"
    body = {"model": "m-1", "messages": ["x" * 10_000]}
    path.write_bytes(dumped(*(request(str(number), body=body) for number in range(5000))))
    tracemalloc.start()
    try:
        result = check_file(path, tmp_path / "index")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (result.lines, result.problem_count) == (5000, 0)
    assert peak < 4_000_000


def test_a_hostile_tree_is_not_built(tmp_path: Path) -> None:
    bomb = b'{"custom_id":"a","body":[' + b"[]," * 4_000_000 + b"[]]}"
    tracemalloc.start()
    try:
        result = check(tmp_path, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "body" in [param for _, _, param in found(result)]
    assert peak < 100_000_000


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path, tmp_path / "fifo", tmp_path / "loop", tmp_path / "none", "/dev/null"):
        with pytest.raises(InputError, match="cannot read"):
            check_file(path)
    with pytest.raises(InputError, match="cannot read"):
        check_file("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "input.jsonl").touch(0o000)
    with pytest.raises(InputError, match="Permission denied"):
        check_file(tmp_path / "input.jsonl")


def test_an_index_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / "input.jsonl").write_bytes(dumped(request("a")))
    with pytest.raises(BatchyardError, match="cannot write the line index"):
        check_file(tmp_path / "input.jsonl", tmp_path / "none" / "index")


@pytest.mark.parametrize("before", [0, 1, 6])
@pytest.mark.parametrize(
    "hidden",
    [
        b'"model": "secret", "model": ',
        rb'"mod\u0065l": "secret", "model": ',
        b'"model": null, "model": "secret", "model": ',
    ],
)
def test_no_model_hides_behind_a_second_one(before: int, hidden: bytes) -> None:
    lines = []
    for number in range(before):
        fields = {"model": f"m-{number % 2}", "messages": []}
        lines.append(json.dumps(request(f"r-{number}", body=fields)).encode())
    lines.append(json.dumps(request("last")).encode().replace(b'"model": ', hidden))
    check = check_source(BytesSource(b"\n".join(lines)), models={"m-0", "m-1"})
    assert [one.line for one in check.problems] == [before + 1]


def test_a_body_that_occurs_twice_hides_no_model() -> None:
    line = json.dumps(request("a")).encode()
    twice = line.replace(b'"body": ', b'"body": {"model": "secret", "messages": []}, "body": ')
    check = check_source(BytesSource(twice), models={"m-1"})
    assert check.problem_count == 1
