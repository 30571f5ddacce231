"""Every input line comes out once, and adds up to what direct mode finds in the same file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from batchyard.client import _join
from batchyard.errors import InputError
from batchyard.hookspecs import GateLine, Verdict, hookimpl
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import settled
from tests.client.requests import chat_lines
from tests.client.tracked.conftest import Tracked, begun, ended, rows

LINES = 40

MIXED = (
    chat_lines(10)
    + chat_lines(3, prefix="bad", temperature=9)
    + chat_lines(2, prefix="ü", messages=[{"role": "user", "content": "[[flagged]]"}])
)


@pytest.fixture
def quirks(request: pytest.FixtureRequest) -> list[str]:
    return list(getattr(request, "param", []))


@pytest.fixture
def finished(request: pytest.FixtureRequest) -> int | None:
    """How many lines are answered before a batch expires; ``None``: it does not."""
    return getattr(request, "param", None)


@pytest.fixture
def emulator(clock: Any, quirks: list[str], finished: int | None) -> OpenAIEmulator:
    return OpenAIEmulator(clock=clock, quirks=quirks, finished_before_expiry=finished)


def outcome(tracked: Tracked, lines: bytes, **options: Any) -> tuple[list[Any], Any]:
    """The results of the lines, and the proof."""

    async def body(client: Any) -> Any:
        return await rows(client, await ended(client, lines))

    found: tuple[list[Any], Any] = tracked.run(body, **options)
    return found


def directly(tracked: Tracked) -> tuple[list[Any], Any]:
    """What direct mode makes of the one batch that the provider has."""

    async def body(client: Any) -> Any:
        (batch,) = await settled(client.batches.list())
        return await rows(client, batch)

    found: tuple[list[Any], Any] = tracked.run(body, ledger=False)
    return found


def assert_alike(one: Any, other: Any) -> None:
    assert (one.custom_id, one.outcome, one.line) == (other.custom_id, other.outcome, other.line)
    assert (one.input, one.usage, one.error) == (other.input, other.usage, other.error)
    assert (one.output, one.request, one.text) == (other.output, other.request, other.text)
    assert json.loads(one.result_line()) == json.loads(other.result_line())


def test_a_mixed_file_comes_to_the_same_as_in_direct_mode(tracked: Tracked) -> None:
    here, proof = outcome(tracked, MIXED)
    there, proved = directly(tracked)
    assert str(proof) == "15 = 10 ok + 3 error + 2 blocked"
    assert proof == proved
    for one, other in zip(here, there, strict=True):
        assert_alike(one, other)


@pytest.mark.parametrize(
    "quirks",
    [
        ["missing-rows"],
        ["duplicated-rows"],
        ["stranger-row"],
        ["malformed-line"],
        ["zero-status-rows"],
        ["blank-rows"],
        ["late-output-file"],
        ["empty-string-file-ids"],
    ],
    indirect=True,
    ids=lambda given: given[0],
)
def test_odd_files_come_to_the_same_as_in_direct_mode(blocking: Tracked) -> None:
    here, proof = outcome(blocking, chat_lines(LINES), ledger=blocking.settings(grace=20))
    there, proved = directly(blocking)
    for one, other in zip(here, there, strict=True):
        assert_alike(one, other)
    assert [one.custom_id for one in here] == [f"r-{number}" for number in range(LINES)]
    # a second answer and one to nobody are billed too: a receipt counts what they used
    assert replace(proof, usage=proved.usage) == proved
    odd = proof.duplicates + proof.strangers
    assert (proof.usage.total_tokens > proved.usage.total_tokens) == bool(odd)


@pytest.mark.parametrize("quirks", [["missing-rows"]], indirect=True)
def test_a_line_without_an_answer_says_so(blocking: Tracked) -> None:
    here, proof = outcome(blocking, chat_lines(LINES), ledger=blocking.settings(grace=20))
    lost = [one for one in here if one.outcome == "missing"]
    assert lost
    assert not proof.complete
    for one in lost:
        assert (one.output, one.text, one.usage.total_tokens) == (None, None, 0)
        assert one.error.code == "missing"
        assert one.request["model"] == "gpt-4.1-mini"


@pytest.mark.parametrize("finished", [0, 7], indirect=True)
def test_an_expired_batch_keeps_and_pays_what_was_answered(
    blocking: Tracked, finished: int
) -> None:
    async def body(client: Any) -> None:
        begun_with = await begun(client, chat_lines(LINES))
        hours = lambda _: blocking.clock.advance(6 * 3600)  # noqa: E731 - it is called so
        batch = await settled(client.batches.wait(begun_with, on_progress=hours))
        assert batch.status == "expired"
        items, proof = await rows(client, batch)
        counted = Counter(one.outcome for one in items)
        assert (counted["ok"], counted["expired"]) == (finished, LINES - finished)
        assert proof.complete
        assert {one.error.code for one in items if one.outcome == "expired"} == {"batch_expired"}
        receipt = await settled(client.batches.cost(batch))
        assert (receipt.cost > 0) == (finished > 0)

    blocking.run(body)


def test_a_batch_that_the_provider_refuses_accounts_for_all_its_lines(tracked: Tracked) -> None:
    lines = chat_lines(2, model="gpt-4o-realtime-nonsense")

    async def body(client: Any) -> None:
        batch = await ended(client, lines)
        assert batch.status == "failed"
        items, proof = await rows(client, batch)
        assert [one.outcome for one in items] == ["error"] * 2
        assert str(proof) == "2 = 2 error"
        assert batch.errors is not None
        assert items[0].error.code == batch.errors.data[0].code

    tracked.run(body)


class House:
    """Refuses requests with a word, and takes another word out."""

    @hookimpl
    def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [self._verdict(line.data) for line in lines]

    @staticmethod
    def _verdict(data: bytes) -> Verdict:
        if b"hello 3 times" in data:
            return Verdict.refuse("no_three", "Nothing with three.", "body.messages")
        return Verdict.rewrite(data.replace(b"hello", b"goodbye"))


class Adieu:
    @hookimpl
    async def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
        return [Verdict.rewrite(line.data.replace(b"goodbye 1 ", b"adieu 1 ")) for line in lines]


class NoMetadata:
    @hookimpl
    def check_batch(self, batch: Any) -> Verdict:
        if batch.metadata:
            return Verdict.refuse("no_metadata", "Leave the metadata out.", "metadata")
        return Verdict.keep()


def test_a_line_that_a_gate_refuses_is_refused_alone_and_the_rest_is_sent_rewritten(
    tracked: Tracked,
) -> None:
    async def body(client: Any) -> None:
        batch = await begun(client, chat_lines(5))
        # what was uploaded is what its owner sees
        assert await settled(client.files.content(batch.input_file_id).read()) == chat_lines(5)
        done = await settled(client.batches.wait(batch))
        assert (done.request_counts.completed, done.request_counts.failed) == (4, 1)
        items, proof = await rows(client, done)
        assert [one.outcome for one in items] == ["ok"] * 3 + ["refused", "ok"]
        assert str(proof) == "5 = 4 ok + 1 refused"
        assert proof.complete
        assert (items[3].error.code, items[3].error.message) == ("no_three", "Nothing with three.")
        assert items[3].output is None

    tracked.run(body, gates=[House(), Adieu()])
    with_direct: list[bytes] = []

    async def provider(client: Any) -> None:
        (file,) = await settled(client.files.list(purpose="batch"))
        with_direct.append(await settled(client.files.content(file).read()))

    tracked.run(provider, ledger=False)
    kept = b"".join(chat_lines(5).splitlines(keepends=True)[n] for n in (0, 1, 2, 4))
    assert with_direct == [kept.replace(b"hello", b"goodbye").replace(b"goodbye 1 ", b"adieu 1 ")]


def test_a_batch_of_which_gates_leave_nothing_is_never_sent(tracked: Tracked) -> None:
    class Wall:
        @hookimpl
        def check_lines(self, lines: Sequence[GateLine]) -> list[Verdict]:
            return [Verdict.refuse("wall", "No.") for _ in lines]

    async def body(client: Any) -> None:
        items, proof = await rows(client, await ended(client))
        assert [one.outcome for one in items] == ["refused"] * 3
        assert str(proof) == "3 = 3 refused"

    tracked.run(body, gates=[Wall()])
    assert len(tracked.emulator.requests) == 0


def test_a_batch_that_a_gate_refuses_is_not_written_down(tracked: Tracked) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(InputError, match="Leave the metadata out"):
            await begun(client, metadata={"a": "b"})
        assert await settled(client.batches.list()) == []
        await begun(client)

    tracked.run(body, gates=[NoMetadata()])


def test_large_results_are_handed_over_a_few_at_a_time(
    tracked: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_join, "BLOCK_BYTES", 2000)
    sizes: list[int] = []
    whole = _join._block

    def measured(results: Any) -> Any:
        block = whole(results)
        sizes.append(len(block))
        return block

    monkeypatch.setattr(_join, "_block", measured)
    _, proof = outcome(tracked, chat_lines(LINES))
    assert proof.complete
    assert sum(sizes) == LINES
    assert 0 < max(sizes) < 5
