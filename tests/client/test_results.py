"""Completeness: every input line once, whatever the provider's files are like."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from batchyard.emulators import Fault, Server
from batchyard_openai.emulator import OpenAIEmulator
from tests.client.conftest import Service, settled
from tests.client.large import LargeService
from tests.client.requests import chat_lines

CHAT = "/v1/chat/completions"
LINES = 60


@pytest.fixture
def quirks(request: pytest.FixtureRequest) -> list[str]:
    return list(getattr(request, "param", []))


@pytest.fixture
def emulator(clock: Any, quirks: list[str]) -> OpenAIEmulator:
    return OpenAIEmulator(clock=clock, quirks=quirks)


def outcomes(service: Service, lines: bytes = b"") -> tuple[Counter[str], Any]:
    """The outcomes of a batch's lines, and the proof."""
    found: Counter[str] = Counter()

    async def body(client: Any) -> Any:
        file = await settled(client.files.create(lines or chat_lines(LINES)))
        batch = await settled(client.batches.create(file, CHAT))
        results = client.batches.results(await settled(client.batches.wait(batch)))
        items = await settled(results)
        assert [item.line for item in items] == list(range(1, len(items) + 1))
        found.update(item.outcome for item in items)
        return results.completeness

    return found, service.run(body)


@pytest.mark.parametrize("quirks", [["missing-rows"]], indirect=True)
def test_a_line_in_neither_file_is_missing_and_not_forgotten(service: Service) -> None:
    found, proof = outcomes(service)
    assert found["missing"] > 0
    assert sum(found.values()) == proof.lines == LINES
    assert not proof.complete


@pytest.mark.parametrize("quirks", [["duplicated-rows"]], indirect=True)
def test_a_second_result_of_a_line_is_counted_beside_the_outcomes(service: Service) -> None:
    found, proof = outcomes(service)
    assert sum(found.values()) == LINES
    assert proof.duplicates > 0
    assert not proof.complete


@pytest.mark.parametrize("quirks", [["stranger-row"]], indirect=True)
def test_a_result_of_no_line_is_a_stranger_and_goes_to_nobody(service: Service) -> None:
    found, proof = outcomes(service)
    assert found == {"ok": LINES}
    assert proof.strangers == 1
    assert "(besides: 1 strangers)" in str(proof)


@pytest.mark.parametrize("quirks", [["malformed-line"]], indirect=True)
def test_one_malformed_result_costs_one_line(service: Service) -> None:
    found, proof = outcomes(service)
    assert found == {"ok": LINES - 1, "missing": 1}
    assert proof.malformed == 1


@pytest.mark.parametrize(
    "quirks", [["zero-status-rows"], ["blank-rows"], ["flaky-rows"]], indirect=True
)
def test_odd_rows_are_errors_and_never_empty_successes(service: Service) -> None:
    found, proof = outcomes(service)
    assert set(found) == {"ok", "error"}
    assert proof.complete


@pytest.mark.parametrize(
    "quirks", [["late-output-file"], ["empty-string-file-ids"], ["late-batch"]], indirect=True
)
def test_files_and_batches_that_are_named_late_are_waited_for(service: Service) -> None:
    found, proof = outcomes(service)
    assert found == {"ok": LINES}
    assert proof.complete


def test_a_blocked_prompt_is_blocked_and_not_an_empty_answer(service: Service) -> None:
    lines = chat_lines(1) + chat_lines(
        1, prefix="x", messages=[{"role": "user", "content": "[[flagged]]"}]
    )
    found, _ = outcomes(service, lines)
    assert found == {"ok": 1, "blocked": 1}


def test_ids_of_any_shape_come_back_as_they_were(service: Service) -> None:
    ids = ["a b", "größe ✓ 例", "x" * 300, '"quoted"', "a/../b", "1"]
    lines = b"".join(chat_lines(1, prefix=one) for one in ids)

    async def body(client: Any) -> None:
        file = await settled(client.files.create(lines))
        batch = await settled(client.batches.create(file, CHAT))
        await settled(client.batches.wait(batch))
        items = await settled(client.batches.results(batch))
        assert [item.custom_id for item in items] == [f"{one}-0" for one in ids]

    service.run(body)


def test_a_download_that_breaks_off_is_taken_up_and_every_line_is_there(
    service: Service,
) -> None:
    service.emulator.faults.add(Fault.parse("GET /v1/files/*/content truncate=2000 times=2"))
    found, proof = outcomes(service)
    assert found == {"ok": LINES}
    assert proof.complete


def test_an_outage_while_waiting_is_waited_out(service: Service) -> None:
    service.emulator.faults.add(Fault.parse("GET /v1/batches/* 503 times=20"))
    found, _ = outcomes(service)
    assert found == {"ok": LINES}


@pytest.mark.parametrize("lines", [60_000, pytest.param(200_000, marks=pytest.mark.slow)])
# both read and join by the same code
@pytest.mark.parametrize("colour", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_large_files_are_joined_in_bounded_memory(colour: str, lines: int, tmp_path: Path) -> None:
    """Memory is bounded by a block and the index, never by bodies, of a kilobyte each."""
    service = LargeService(lines, size=1000)
    with Server(service, "127.0.0.1", 0) as server:
        done = subprocess.run(
            [sys.executable, "-m", "tests.client.large", colour, server.url],
            env={"TMPDIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    proof, grown = done.stdout.splitlines()
    assert proof == f"{lines} = {lines} ok"
    assert float(grown) < 64
    assert list(tmp_path.iterdir()) == [], "the files it worked on are gone"
