"""Whatever is wrong with a receiver, in the end it has every event, and nobody else noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sinks import exporters
from tests.sinks.life import CANARY, Life, Troubled, lived
from tests.sinks.table import MOODS, ROWS, SECRET, Row


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with ExitStack() as scope:
        yield asyncio.run(lived(tmp_path_factory.mktemp("life"), scope))


def of(life: Life, row: Row, mood: str) -> Troubled:
    return life.troubled[f"{row.name}-{mood}"]


@pytest.mark.parametrize("mood", MOODS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
class TestOfEverySink:
    def test_it_has_every_event_in_the_end_once_for_each_id(
        self, life: Life, row: Row, mood: str
    ) -> None:
        received = list(of(life, row, mood).case.received())
        once = list(dict.fromkeys(received))
        assert set(once) == set(life.expected(row))
        batch = life.of_the_batch(row)
        assert [one for one in once if one in batch] == batch, "those of a batch in their order"
        if not row.repeats:
            assert received == once

    def test_it_was_in_trouble_and_nothing_was_given_up(
        self, life: Life, row: Row, mood: str
    ) -> None:
        deliveries = life.deliveries[f"{row.name}-{mood}"]
        assert {one.state for one in deliveries} == {"delivered"}
        assert len(deliveries) == len(life.events)
        failed = [one for one in deliveries if one.attempts > 1]
        # lines that were taken begin the count anew, so what was tried counts too
        tried = of(life, row, mood).attempts > len(deliveries) + row.lines
        assert (mood == "slow") or failed or tried

    def test_no_prompt_and_no_secret_is_in_what_it_sends(
        self, life: Life, row: Row, mood: str
    ) -> None:
        output = of(life, row, mood).case.output()
        assert life.events[-1].id.encode() in output
        for secret in (CANARY, life.secret, SECRET.removeprefix("whsec_"), exporters.SECRET):
            assert secret
            assert secret.encode() not in output


def test_calls_were_not_kept_waiting_by_sinks_that_hang(life: Life) -> None:
    assert life.held == {f"{row.name}-hanging" for row in ROWS}
    # each was at an event before the calls, and their round not over when they had returned
    assert life.still == life.held
    assert life.passed == 0.0


def test_a_sink_that_is_well_did_not_notice(life: Life) -> None:
    assert life.witness.ids == [one.id for one in life.events]
    assert {(one.state, one.attempts) for one in life.deliveries["witness"]} == {("delivered", 1)}


def test_the_life_was_a_whole_one(life: Life) -> None:
    hooks = [one.hook for one in life.events]
    assert hooks[:3] == ["file_created", "file_created", "batch_created"]
    assert hooks[-1] == "batch_success"
    assert len(life.lines) == 6
