from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from batchyard.errors import SourceError
from batchyard.gates import GateChain, Refusal, pass_file
from batchyard.hookspecs import GateLine, Verdict
from batchyard.steps import BytesSource
from tests.gates.lines import EachLine, changed, redact, refuse_long, request

BOM = b"\xef\xbb\xbf"


class Passage:
    """A file that has gone through some gates."""

    def __init__(self, content: bytes, *gates: object) -> None:
        self.opened = 0
        self.refusals: list[Refusal] = []
        self._sent = io.BytesIO()
        chain = GateChain([(f"gate-{number}", gate) for number, gate in enumerate(gates)])
        self.passed = pass_file(Pieces(content), chain, self._begin, self.refusals.append)

    @property
    def sent(self) -> bytes | None:
        return self._sent.getvalue() if self.opened else None

    def _begin(self) -> io.BytesIO:
        self.opened += 1
        return self._sent


class Pieces:
    """A body in pieces that end anywhere."""

    def __init__(self, content: bytes, size: int = 37) -> None:
        self._content = content
        self._size = size
        self.length = len(content)

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, self.length, self._size):
            yield self._content[start : start + self._size]


def keep(_: GateLine) -> Verdict:
    return Verdict.keep()


def test_a_file_of_which_nothing_changes_is_not_written_again() -> None:
    passage = Passage(request("a") + b"\n" + request("b"), EachLine(keep))

    assert passage.sent is None
    assert passage.passed.lines == 2
    assert not passage.passed.changed


def test_what_came_before_the_first_change_is_sent_as_it_was() -> None:
    content = b"\r\n".join([request("a"), b"", request("b"), request("c", "secret"), request("d")])

    passage = Passage(content, EachLine(redact))

    before = b"\r\n".join([request("a"), b"", request("b"), b""])
    assert passage.sent == before + request("c", "[redacted]") + b"\n" + request("d") + b"\n"
    assert passage.opened == 1


def test_refused_lines_are_left_out_and_told_with_their_numbers_in_the_file() -> None:
    content = b"\n".join([request("a"), b"  ", request("b", "x" * 2000), request("c")])

    passage = Passage(content, EachLine(refuse_long))

    assert passage.sent == request("a") + b"\n  \n" + request("c") + b"\n"
    assert passage.refusals == [
        Refusal(3, "b", "too_long", "Prompts are limited here.", "body.messages")
    ]
    assert (passage.passed.lines, passage.passed.refused) == (2, 1)


def test_a_byte_order_mark_is_not_sent() -> None:
    passage = Passage(BOM + request("a") + b"\n" + request("b") + b"\n", EachLine(keep))

    assert passage.sent == request("a") + b"\n" + request("b") + b"\n"


def test_a_byte_order_mark_before_blank_lines_is_not_sent_either() -> None:
    passage = Passage(BOM + b"\n\n" + request("a"), EachLine(redact))

    assert passage.sent is not None
    assert passage.sent.strip() == request("a")


def test_a_file_of_which_every_line_is_refused_is_empty() -> None:
    refuse = EachLine(lambda _: Verdict.refuse("no", "No."))

    passage = Passage(request("a") + b"\n" + request("b"), refuse)

    assert passage.sent == b""
    assert [one.custom_id for one in passage.refusals] == ["a", "b"]


def test_gates_get_lines_in_chunks_of_a_bounded_number() -> None:
    gate = EachLine(keep)

    Passage(b"\n".join(request(str(number)) for number in range(1201)), gate)

    assert [len(chunk) for chunk in gate.chunks] == [500, 500, 201]
    assert [line.line for line in gate.seen] == list(range(1, 1202))


def test_gates_get_lines_in_chunks_of_bounded_size() -> None:
    gate = EachLine(keep)

    Passage(b"\n".join(request(str(number), "x" * 400_000) for number in range(7)), gate)

    assert [len(chunk) for chunk in gate.chunks] == [3, 3, 1]


def test_what_is_shown_has_the_bytes_of_the_line_without_its_end() -> None:
    gate = EachLine(keep)

    Passage(BOM + request("ä", "ß") + b"\r\n" + request("b") + b"\n", gate)

    assert [line.data for line in gate.seen] == [request("ä", "ß"), request("b")]
    assert gate.seen[0].custom_id == "ä"


def test_a_line_that_was_never_checked_is_an_error_and_not_sent() -> None:
    with pytest.raises(SourceError, match="line 2 changed"):
        Passage(request("a") + b"\n{}", EachLine(keep))


def test_a_model_that_a_gate_chose_is_what_is_sent() -> None:
    def cheaper(line: GateLine) -> Verdict:
        return changed(line, body={"model": "gpt-5-nano", "messages": []})

    passage = Passage(request("a"), EachLine(cheaper))

    assert passage.sent is not None
    assert b"gpt-5-nano" in passage.sent


def test_a_file_can_be_shown_to_no_gate_at_all() -> None:
    assert Passage(request("a")).passed.lines == 1
    assert pass_file(BytesSource(b""), GateChain(), io.BytesIO, print).lines == 0
