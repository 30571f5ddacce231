from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from batchyard.errors import InputError, PluginContractError
from batchyard.gates import GateChain
from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard.models import BatchRequest, Ref
from tests.gates.lines import (
    EachLine,
    OfBatches,
    WholeChunk,
    body_of,
    changed,
    numbered,
    redact,
    refuse_long,
    request,
)

BATCH = BatchRequest(Ref("file-1"), "/v1/chat/completions", models=("gpt-4o-mini",))


def actions(verdicts: list[Verdict]) -> list[str]:
    return [one.action for one in verdicts]


def only(gate: object, *lines: bytes) -> list[Verdict]:
    return GateChain([("the-gate", gate)]).check_lines(numbered(*lines))


def test_without_gates_every_line_is_kept() -> None:
    chain = GateChain()

    assert actions(chain.check_lines(numbered(request("a"), request("b")))) == ["keep", "keep"]
    assert chain.check_batch(BATCH) == Verdict.keep()
    assert not chain
    assert not chain.sees_lines


def test_each_gate_sees_what_its_predecessors_left() -> None:
    upper = EachLine(lambda line: changed(line, body={**body_of(line.data), "user": "U"}))
    last = EachLine(lambda _: Verdict.keep())
    chain = GateChain([("redact", EachLine(redact)), ("upper", upper), ("last", last)])

    verdicts = chain.check_lines(numbered(request("a", "my secret")))

    assert body_of(last.seen[0].data)["user"] == "U"
    assert b"[redacted]" in last.seen[0].data
    assert verdicts[0] == Verdict.rewrite(last.seen[0].data)


def test_a_refused_line_is_shown_to_no_later_gate() -> None:
    last = EachLine(lambda _: Verdict.keep())
    chain = GateChain([("short", EachLine(refuse_long)), ("last", last)])

    verdicts = chain.check_lines(numbered(request("a"), request("b", "x" * 2000), request("c")))

    assert actions(verdicts) == ["keep", "refuse", "keep"]
    assert verdicts[1].code == "too_long"
    assert verdicts[1].param == "body.messages"
    assert [line.custom_id for line in last.seen] == ["a", "c"]
    assert [line.line for line in last.seen] == [1, 3]


def test_a_gate_is_not_asked_about_nothing() -> None:
    last = EachLine(lambda _: Verdict.keep())
    all_refused = EachLine(lambda _: Verdict.refuse("no", "No."))

    GateChain([("all", all_refused), ("last", last)]).check_lines(numbered(request("a")))

    assert last.chunks == []


def test_a_gate_that_raises_refuses(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> Any:
        raise ConnectionError("the policy service is down")

    verdicts = only(WholeChunk(fail), request("a"), request("b"))

    assert actions(verdicts) == ["refuse", "refuse"]
    assert {one.code for one in verdicts} == {"gate_failed"}
    assert "the-gate" in (verdicts[0].message or "")
    assert "policy service" not in (verdicts[0].message or "")
    assert "the policy service is down" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        [Verdict.keep()],
        [Verdict.keep()] * 3,
        iter([Verdict.keep(), Verdict.keep()]),
        "ab",
        {1: Verdict.keep(), 2: Verdict.keep()},
    ],
)
def test_a_gate_that_gives_no_verdict_for_each_line_refuses_them_all(answer: Any) -> None:
    verdicts = only(WholeChunk(lambda _: answer), request("a"), request("b"))

    assert actions(verdicts) == ["refuse", "refuse"]
    assert verdicts[0].code == "gate_failed"


@pytest.mark.parametrize("answer", [None, True, "keep", ("keep",)])
def test_a_gate_that_gives_anything_but_verdicts_refuses_them_all(answer: Any) -> None:
    gate = EachLine(lambda line: answer if line.custom_id == "b" else Verdict.keep())

    assert actions(only(gate, request("a"), request("b"))) == ["refuse", "refuse"]


class Async:
    """A gate of the other colour."""

    @hookimpl
    async def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        await asyncio.sleep(0)
        return [redact(line) for line in lines]

    @hookimpl
    async def check_batch(self, batch: BatchRequest) -> Verdict:
        return Verdict.refuse("async", f"{batch.endpoint} is not for you.")


def test_a_gate_may_be_async() -> None:
    chain = GateChain([("async", Async())])

    assert chain.check_lines(numbered(request("a", "secret"))) == [
        Verdict.rewrite(request("a", "[redacted]"))
    ]
    assert chain.check_batch(BATCH).code == "async"


def test_an_async_gate_works_where_an_event_loop_runs_already() -> None:
    async def main() -> list[Verdict]:
        return GateChain([("async", Async())]).check_lines(numbered(request("a")))

    assert asyncio.run(main()) == [Verdict.keep()]


def test_what_has_no_hook_of_a_gate_is_not_taken_for_one_that_keeps_everything() -> None:
    class Mistyped:
        def check_line(self, lines: Any) -> Any:
            """Not marked, and not a hook."""

    with pytest.raises(PluginContractError, match="no hook of gates"):
        GateChain([("mistyped", Mistyped())])


def test_an_action_that_there_is_not_refuses() -> None:
    gate = EachLine(lambda _: Verdict("drop"))  # type: ignore[arg-type]  # as a plugin may

    assert actions(only(gate, request("a"))) == ["refuse"]


@pytest.mark.parametrize(
    ("rewrite", "says"),
    [
        (b"", "no JSON"),
        (b"not json", "not valid JSON"),
        (request("other"), "`custom_id`"),
        (request("a").replace(b"/v1/chat/completions", b"/v1/completions"), "missing"),
        (
            b'{"custom_id":"a","method":"POST","url":"/v1/moderations","body":{"input":"x"}}',
            "`url`",
        ),
        (b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}', "model"),
        (json.dumps(json.loads(request("a")), indent=1).encode(), "line breaks"),
        (request("a") + b"\n" + request("b"), "line breaks"),
        (request("a", stream=True), "stream"),
        (request("a") + b"\xff", "UTF-8"),
    ],
)
def test_a_rewrite_into_what_is_no_such_line_refuses(rewrite: bytes, says: str) -> None:
    verdicts = only(EachLine(lambda _: Verdict.rewrite(rewrite)), request("a"))

    assert actions(verdicts) == ["refuse"]
    assert verdicts[0].code == "gate_failed"
    assert says in (verdicts[0].message or "")


def test_a_rewrite_that_is_text_and_not_bytes_refuses() -> None:
    gate = EachLine(lambda line: Verdict.rewrite(line.data.decode()))  # type: ignore[arg-type]  # so do plugins

    assert actions(only(gate, request("a"))) == ["refuse"]


def test_a_rewrite_may_end_as_a_line_does() -> None:
    gate = EachLine(lambda line: Verdict.rewrite(line.data.replace(b"hello", b"bye") + b"\r\n"))

    assert only(gate, request("a")) == [Verdict.rewrite(request("a", "bye"))]


def test_a_rewrite_into_the_same_is_no_rewrite() -> None:
    assert only(EachLine(lambda line: Verdict.rewrite(line.data)), request("a")) == [Verdict.keep()]


def test_a_later_gate_that_keeps_leaves_the_rewrite() -> None:
    chain = GateChain(
        [
            ("redact", EachLine(redact)),
            ("same", EachLine(lambda line: Verdict.rewrite(line.data))),
            ("keep", EachLine(lambda _: Verdict.keep())),
        ]
    )

    verdicts = chain.check_lines(numbered(request("a", "secret")))

    assert verdicts == [Verdict.rewrite(request("a", "[redacted]"))]


def test_a_refusal_without_words_gets_some() -> None:
    gate = EachLine(lambda _: Verdict("refuse"))

    verdict = only(gate, request("a"))[0]

    assert verdict.code == "refused_by_gate"
    assert "the-gate" in (verdict.message or "")


def test_a_refusal_can_always_be_written_as_utf_8() -> None:
    gate = EachLine(lambda _: Verdict.refuse("no", "half of a pair: \ud800"))

    message = only(gate, request("a"))[0].message or ""

    assert message.encode() == b"half of a pair: ?"


def test_the_first_gate_that_refuses_a_batch_is_the_one_that_is_told() -> None:
    chain = GateChain(
        [
            ("lines", EachLine(refuse_long)),
            ("keeps", OfBatches(lambda _: Verdict.keep())),
            ("budget", OfBatches(lambda _: Verdict.refuse("over_budget", "No money.", "metadata"))),
            ("other", OfBatches(lambda _: Verdict.refuse("other", "Other."))),
        ]
    )

    with pytest.raises(InputError, match=r"No money\.") as caught:
        chain.admit(BATCH)

    assert (caught.value.code, caught.value.param) == ("over_budget", "metadata")


@pytest.mark.parametrize("answer", [None, True, Verdict.rewrite(b"{}"), [Verdict.keep()]])
def test_a_gate_that_gives_no_verdict_on_a_batch_refuses_it(answer: Any) -> None:
    verdict = GateChain([("budget", OfBatches(lambda _: answer))]).check_batch(BATCH)

    assert (verdict.action, verdict.code) == ("refuse", "gate_failed")


def test_a_gate_that_raises_on_a_batch_refuses_it(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: object) -> Any:
        raise RuntimeError("no budget service")

    with caplog.at_level(logging.ERROR):
        verdict = GateChain([("budget", OfBatches(fail))]).check_batch(BATCH)

    assert verdict.action == "refuse"
    assert "no budget service" in caplog.text


def test_a_gate_of_lines_says_nothing_of_batches_and_the_other_way_round() -> None:
    chain = GateChain([("lines", EachLine(refuse_long))])
    assert chain.check_batch(BATCH) == Verdict.keep()
    assert chain.sees_lines
    assert not GateChain([("batches", OfBatches(lambda _: Verdict.keep()))]).sees_lines
