from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.style.repository import ROOT


def demo(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def custom_ids(path: Path) -> set[str]:
    return {json.loads(line)["custom_id"] for line in path.read_text("utf-8").splitlines()}


def ending(text: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """What the demo ends with: the receipt, and two events."""
    _, receipt = text.split("\n\nmodel ")
    receipt, _, events = receipt.partition("\n\nEvents, as they were delivered to ")
    first, last = events.partition(":\n")[2].split("}\n{\n")
    return receipt, json.loads(first + "}"), json.loads("{" + last)


def total_tokens(text: str) -> int:
    found = re.search(r"^tokens +([\d,]+) = ", text, re.MULTILINE)
    assert found is not None
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("provider", ["azure", "openai", "vertex"])
def test_the_demo_answers_every_request_but_those_that_are_to_be_refused(provider: str) -> None:
    done = demo(provider)
    assert done.returncode == 0, done.stderr
    assert "lines     518 = 505 ok + 13 error" in done.stdout.splitlines()
    everything = custom_ids(ROOT / "examples" / "reviews.jsonl")
    refused = {name for name in everything if name.startswith("refused: ")}
    assert custom_ids(ROOT / "build" / "demo" / "errors.jsonl") == refused
    assert custom_ids(ROOT / "build" / "demo" / "results.jsonl") == everything - refused
    receipt, first, last = ending(done.stdout)
    assert not {"unknown", "no price"} & {one.strip() for one in receipt.split("  ")}
    assert (first["type"], last["type"]) == ("acreate_batch", "batch_success")
    assert last["batch"]["id"] == first["batch"]["id"]
    assert f"cost      {Decimal(last['totals']['response_cost']).normalize():f} USD" in receipt
    assert last["totals"]["total_tokens"] == total_tokens(done.stdout)
    assert last["receipt"]["state"] == "priced"
    assert last["receipt"]["proof"]["complete"] is True


@pytest.mark.slow
def test_the_demo_begins_anew_each_time() -> None:
    first, again = (ending(demo("openai").stdout)[1]["batch"]["id"] for _ in range(2))
    assert first != again


def test_the_demo_shows_progress_and_answers_beside_their_requests() -> None:
    done = demo("openai")
    assert "518 requests" in done.stderr
    assert "518 of 518 done" in done.stderr
    assert done.stdout.count("\n    < ") == done.stdout.count("\n    > ") == 8


def test_the_live_demo_without_a_key_says_which_variable_is_missing() -> None:
    environment = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
    done = demo("openai", "--live", environment=environment)
    assert done.returncode != 0
    assert "OPENAI_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_of_an_unknown_provider_says_so_in_a_line() -> None:
    done = demo("nobody")
    assert done.returncode == 1
    assert "nobody" in done.stderr
    assert "Traceback" not in done.stderr
