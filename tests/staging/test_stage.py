from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import InputError, InvalidLinesError, SourceError
from batchyard.gates import GateChain
from batchyard.hookspecs import GateLine, Verdict
from batchyard.ledger.staging import Staged, stage
from batchyard.ledger.store import LocalStore, StoreError
from batchyard.lines import LineIndex, check_file
from batchyard.sources import Source
from batchyard.steps import BytesSource
from tests.gates.lines import EachLine, OfBatches, body_of, changed, redact, request

BOM = b"\xef\xbb\xbf"
ID = "file-1"


def staged(store: LocalStore, content: bytes | Source, **options: Any) -> Staged:
    source = BytesSource(content) if isinstance(content, bytes) else content
    return asyncio.run(stage(store, ID, source, **options))


def chain(*gates: object) -> GateChain:
    return GateChain([(f"gate-{number}", gate) for number, gate in enumerate(gates)])


def stored(store: LocalStore, part: str) -> bytes:
    with store.open(f"{ID}/{part}") as file:
        return file.read()


def parts(store: LocalStore) -> set[str]:
    return {name.partition("/")[2] for name in store.names(ID)}


def everything(store: LocalStore, tmp_path: Path) -> list[Path]:
    assert list(store.names()) == []
    return [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_a_file_is_kept_as_it_came_with_its_index(store: LocalStore) -> None:
    content = request("a") + b"\r\n\r\n" + request("b", model="gpt-5")

    result = staged(store, content)

    assert parts(store) == {"content.jsonl", "lines.index"}
    assert stored(store, "content.jsonl") == content
    with store.local(f"{ID}/lines.index") as path, LineIndex.open(path) as index:
        length = len(request("b", model="gpt-5"))
        assert index.find("b") == ((len(content) - length, length),)
        index_digest = index.digest()
    assert result == Staged(
        bytes=len(content),
        digest=hashlib.sha256(content).hexdigest(),
        lines=2,
        refused=0,
        index_digest=index_digest,
        endpoint="/v1/chat/completions",
        models={"gpt-4o-mini": 1, "gpt-5": 1},
        sent_bytes=None,
    )


def test_all_that_is_wrong_is_told_with_its_lines_and_nothing_is_kept(
    store: LocalStore, tmp_path: Path
) -> None:
    content = b"\n".join([request("a"), b"", b"{}", request("a"), request("b", stream=True)])

    with pytest.raises(InvalidLinesError) as caught:
        staged(store, content)

    problems = {(one.line, one.code) for one in caught.value.problems}
    assert {line for line, _ in problems} == {3, 4, 5}
    assert (4, "duplicate_custom_id") in problems
    assert everything(store, tmp_path) == []


def test_an_empty_file_is_refused(store: LocalStore) -> None:
    with pytest.raises(InvalidLinesError) as caught:
        staged(store, b"\n \n")

    assert caught.value.code == "empty_file"


def test_models_that_are_not_allowed_are_refused_line_by_line(store: LocalStore) -> None:
    content = request("a") + b"\n" + request("b", model="gpt-5-pro")

    with pytest.raises(InvalidLinesError) as caught:
        staged(store, content, models={"gpt-4o-mini"})

    assert [(one.line, one.code) for one in caught.value.problems] == [(2, "model_not_found")]


def test_a_file_for_something_else_is_stored_unchecked_and_seen_by_no_gate(
    store: LocalStore,
) -> None:
    gate = EachLine(lambda _: Verdict.refuse("no", "No."))

    result = staged(store, BOM + b"any bytes", checked=False, gates=chain(gate))

    assert parts(store) == {"content.jsonl"}
    assert stored(store, "content.jsonl") == BOM + b"any bytes"
    assert result == Staged(bytes=12, digest=hashlib.sha256(BOM + b"any bytes").hexdigest())
    assert gate.chunks == []


class Lying:
    """Says one length and has another."""

    def __init__(self, length: int, chunks: list[bytes]) -> None:
        self.length = length
        self._chunks = chunks
        self.read = 0

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read += 1
            yield chunk


def test_a_file_that_says_it_is_too_large_is_not_read(store: LocalStore, tmp_path: Path) -> None:
    source = Lying(11, [b"x" * 11])

    with pytest.raises(InputError) as caught:
        staged(store, source, max_bytes=10)

    assert (caught.value.code, source.read) == ("file_too_large", 0)
    assert everything(store, tmp_path) == []


def test_a_file_that_turns_out_to_be_too_large_is_read_no_further(
    store: LocalStore, tmp_path: Path
) -> None:
    source = Lying(10, [b"x" * 6] * 100)

    with pytest.raises(InputError) as caught:
        staged(store, source, max_bytes=10, checked=False)

    assert (caught.value.code, source.read) == ("file_too_large", 2)
    assert everything(store, tmp_path) == []


def test_a_file_of_just_the_size_that_is_taken_is_taken(store: LocalStore) -> None:
    content = request("a")

    assert staged(store, content, max_bytes=len(content)).bytes == len(content)


def test_a_body_of_another_length_than_it_says_is_refused(
    store: LocalStore, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="was said to have"):
        staged(store, Lying(20, [request("a")]))

    assert everything(store, tmp_path) == []


@pytest.mark.parametrize("error", [SourceError("the client went away"), OSError(28, "No space")])
def test_a_body_that_breaks_off_leaves_nothing(
    store: LocalStore, tmp_path: Path, error: Exception
) -> None:
    class Breaking(Lying):
        def chunks(self) -> Iterator[bytes]:
            yield request("a")
            raise error

    with pytest.raises((SourceError, StoreError)):
        staged(store, Breaking(1000, []))

    assert everything(store, tmp_path) == []


def test_refused_lines_are_kept_apart_from_what_is_sent(store: LocalStore) -> None:
    def judge(line: GateLine) -> Verdict:
        if line.custom_id == "b":
            return Verdict.refuse("no_b", "Nothing of b, said Zoë.", "custom_id")
        return redact(line)

    content = b"\n".join([request("a", "secret"), b"", request("b"), request("c")])

    result = staged(store, content, gates=chain(EachLine(judge)))

    sent = request("a", "[redacted]") + b"\n" + request("c") + b"\n"
    assert stored(store, "content.jsonl") == content
    assert stored(store, "sent.jsonl") == sent
    assert [json.loads(row) for row in stored(store, "refusals.jsonl").splitlines()] == [
        {
            "line": 3,
            "custom_id": "b",
            "code": "no_b",
            "message": "Nothing of b, said Zoë.",
            "param": "custom_id",
        }
    ]
    assert (result.lines, result.refused, result.sent_bytes) == (3, 1, len(sent))
    assert result.models == {"gpt-4o-mini": 2}


def test_gates_that_keep_everything_add_nothing(store: LocalStore) -> None:
    result = staged(store, request("a"), gates=chain(EachLine(lambda _: Verdict.keep())))

    assert parts(store) == {"content.jsonl", "lines.index"}
    assert result.sent_bytes is None


def test_gates_of_batches_alone_are_not_shown_lines(store: LocalStore) -> None:
    assert staged(store, request("a"), gates=chain(OfBatches(lambda _: Verdict.keep()))).lines == 1


def test_a_rewrite_adds_no_refusals(store: LocalStore) -> None:
    staged(store, request("a", "secret"), gates=chain(EachLine(redact)))

    assert parts(store) == {"content.jsonl", "lines.index", "sent.jsonl", "report.json"}


def test_the_models_are_those_of_what_is_sent(store: LocalStore) -> None:
    def judge(line: GateLine) -> Verdict:
        if line.custom_id == "c":
            return Verdict.refuse("no", "No.")
        return changed(line, body={**body_of(line.data), "model": "gpt-5-nano"})

    content = b"\n".join([request("a"), request("b", model="gpt-5"), request("c", model="o3")])

    assert staged(store, content, gates=chain(EachLine(judge))).models == {"gpt-5-nano": 2}


def test_where_every_line_is_refused_nothing_is_left_to_be_sent(store: LocalStore) -> None:
    refuse = EachLine(lambda _: Verdict.refuse("no", "No."))

    result = staged(store, request("a") + b"\n" + request("b"), gates=chain(refuse))

    assert (result.lines, result.refused, result.sent_bytes) == (2, 2, 0)
    assert result.models == {}
    assert stored(store, "sent.jsonl") == b""


def test_a_byte_order_mark_is_kept_and_not_sent(store: LocalStore) -> None:
    content = BOM + request("a") + b"\n"

    result = staged(store, content)

    assert stored(store, "content.jsonl") == content
    assert stored(store, "sent.jsonl") == request("a") + b"\n"
    assert (result.bytes, result.sent_bytes) == (len(content), len(content) - 3)


def test_what_is_sent_is_a_valid_file_of_the_lines_that_are_left(
    store: LocalStore, tmp_path: Path
) -> None:
    def judge(line: GateLine) -> Verdict:
        number = int(line.custom_id)
        if number % 3 == 0:
            return Verdict.refuse("no", "No.")
        return redact(line) if number % 3 == 1 else Verdict.keep()

    content = BOM + b"\n".join(request(str(number), "secret") for number in range(3000))

    result = staged(store, content, gates=chain(EachLine(judge)))

    check = check_file(tmp_path / "store" / ID / "sent.jsonl")
    assert check.problem_count == 0
    assert not check.has_bom
    assert check.lines == 2000 == (result.lines or 0) - result.refused
    assert check.bytes == result.sent_bytes


def test_memory_does_not_grow_with_the_file(store: LocalStore) -> None:
    class Many:
        """Forty megabytes of requests, made as they are read."""

        block = b"".join(request(f"{number:08}", "x" * 900) + b"\n" for number in range(1000))
        times = 40
        length = len(block) * times

        def chunks(self) -> Iterator[bytes]:
            for number in range(self.times):
                yield self.block.replace(b'": "00', f'": "{number:02}'.encode())

    gate = EachLine(redact)
    gate.chunks = _Forgetful()
    tracemalloc.start()
    try:
        result = staged(store, Many(), gates=chain(gate))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert result.lines == 40_000
    assert peak < 12 * 1024 * 1024


class _Forgetful(list[Any]):
    def append(self, _: object) -> None:
        """What was seen is not kept."""


def test_an_upload_that_is_cancelled_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    started, go_on = threading.Event(), threading.Event()

    class Slow(Lying):
        def chunks(self) -> Iterator[bytes]:
            started.set()
            go_on.wait(10)
            yield from super().chunks()

    async def main() -> None:
        content = request("a")
        task = asyncio.create_task(stage(store, ID, Slow(len(content), [content])))
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert everything(store, tmp_path) == []


def test_an_upload_that_is_cancelled_at_its_very_end_leaves_nothing(
    store: LocalStore, tmp_path: Path
) -> None:
    in_gate, go_on = threading.Event(), threading.Event()

    def hold(_: GateLine) -> Verdict:
        in_gate.set()
        go_on.wait(10)
        return Verdict.keep()

    async def main() -> None:
        gates = chain(EachLine(hold))
        task = asyncio.create_task(stage(store, ID, BytesSource(request("a")), gates=gates))
        await asyncio.to_thread(in_gate.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert everything(store, tmp_path) == []


def test_the_event_loop_is_free_while_a_file_is_staged(store: LocalStore) -> None:
    async def main() -> Staged:
        loop = asyncio.get_running_loop()

        def hold(_: GateLine) -> Verdict:
            free = threading.Event()
            loop.call_soon_threadsafe(free.set)
            return Verdict.keep() if free.wait(10) else Verdict.refuse("no", "The loop is held up.")

        return await stage(store, ID, BytesSource(request("a")), gates=chain(EachLine(hold)))

    assert asyncio.run(main()).refused == 0
