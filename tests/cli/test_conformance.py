"""`batchyard conformance`, over the emulator and at a service that is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from batchyard_openai.emulator import OpenAIEmulator
from tests.cli.shell import Shell

LIVE = ("conformance", "openai", "--live")


def test_a_real_service_is_tried_for_no_more_than_it_may_cost(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    shell.done(*LIVE, "--max-cost", "0.10", "--report", path, "--timeout", "120")
    report = json.loads(path.read_text())
    assert report["passed"] is True
    assert (report["mode"], report["subject"]) == ("live", "openai")
    assert {one["outcome"] for one in report["rules"]} == {"passed"}
    assert 0 < float(report["spent"]) <= float(report["estimate"]) <= 0.10


@pytest.mark.parametrize(
    ("options", "said", "code"),
    [
        ((), "say how much it may be", 2),
        (("--max-cost", "lots"), "is no amount", 2),
        (("--max-cost", "0"), "more than nothing", 2),
        (("--max-cost", "0.0000001"), "nothing is sent", 1),
        (("--max-cost", "1", "--model", "unheard-of"), "nothing is sent", 1),
    ],
)
def test_nothing_is_sent_without_a_cap_that_it_stays_under(
    shell: Shell, options: tuple[str, ...], said: str, code: int
) -> None:
    done = shell(*LIVE, *options)
    assert done.exit_code == code
    assert said in done.stderr
    assert not list(shell.emulator.requests)


def test_a_rule_that_is_broken_ends_what_goes_on_from_it(shell: Shell) -> None:
    shell.emulator.faults.add("POST /v1/batches 400 times=always")
    report = shell.json(*LIVE, "--max-cost", "0.10", code=1)
    outcomes = {one["rule"]: one["outcome"] for one in report["rules"]}
    assert outcomes["test_a_key_makes_one_batch"] == "failed"
    assert outcomes["test_the_batch_is_listed"] == "skipped"
    assert "test_a_batch_ends" not in outcomes


def test_a_batch_that_takes_longer_than_it_may_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    emulator = OpenAIEmulator(time_scale=10)
    with emulator.serve() as server:
        shell = Shell(tmp_path, emulator, server.url)
        report = shell.json(*LIVE, "--max-cost", "0.10", "--timeout", "1", code=1)
    (broken,) = (one for one in report["rules"] if one["outcome"] == "failed")
    assert broken["rule"] == "test_a_batch_ends"
    assert "has not ended within 1 s" in broken["said"][0]["message"]


@pytest.mark.slow
def test_an_installed_provider_keeps_the_contract(shell: Shell) -> None:
    report = shell.json("conformance", "openai")
    assert report["passed"] is True
    assert {one["outcome"] for one in report["rules"]} == {"passed"}
    assert {one["suite"] for one in report["rules"]} == {"TestInstalled", "TestEndToEnd"}
    # Azure's batches go on when they are late, so there is nothing to see there
    said = shell.done("conformance", "azure")
    assert "skipped  TestEndToEnd: a batch that expires accounts for every line" in said


def test_a_provider_that_is_not_there_is_answered_with_a_suggestion(shell: Shell) -> None:
    done = shell("conformance", "opnai")
    assert done.exit_code == 1
    assert "did you mean 'openai'" in done.stderr
