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

PROVIDERS = ("openai", "azure", "vertex")
FOLDER = ROOT / "build" / "demo"


def demo(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.demo", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@pytest.fixture(scope="module")
def printed() -> str:
    """What the demo of all providers prints."""
    done = demo("all")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def custom_ids(path: Path) -> set[str]:
    return {json.loads(line)["custom_id"] for line in path.read_text("utf-8").splitlines()}


def receipts(text: str) -> list[str]:
    return text.split("$ batchyard batches cost ")[1:]


def told(text: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two events of one of the batches."""
    events = text.split("Events, as they were delivered to ")[number + 1].partition(":\n")[2]
    first, end = json.JSONDecoder().raw_decode(events)
    last, _ = json.JSONDecoder().raw_decode(events[end:].lstrip())
    return first, last


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_request_is_answered_but_those_that_are_to_be_refused(
    printed: str, provider: str
) -> None:
    everything = custom_ids(ROOT / "examples" / "reviews.jsonl")
    refused = {name for name in everything if name.startswith("refused: ")}
    assert custom_ids(FOLDER / f"{provider}.errors.jsonl") == refused
    assert custom_ids(FOLDER / f"{provider}.results.jsonl") == everything - refused
    assert printed.count("lines     518 = 505 ok + 13 error\n") == len(PROVIDERS)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_ends_with_a_receipt_and_the_two_events(printed: str, provider: str) -> None:
    number = PROVIDERS.index(provider)
    receipt = receipts(printed)[number]
    assert not {"unknown", "no price"} & {one.strip() for one in receipt.split("  ")}
    first, last = told(printed, number)
    assert (first["type"], last["type"]) == ("acreate_batch", "batch_success")
    assert last["provider"] == provider
    assert last["batch"]["id"] == first["batch"]["id"]
    assert receipt.startswith(last["batch"]["id"])
    assert f"cost      {Decimal(last['totals']['response_cost']).normalize():f} USD" in receipt
    assert last["receipt"]["state"] == "priced"
    assert last["receipt"]["proof"]["complete"] is True


def test_the_quickstarts_commands_are_run_first(printed: str) -> None:
    commands = re.findall(r"^\$ curl -sS \S+(/v1/\S+)", printed, re.MULTILINE)
    assert [re.sub(r"batch_\w+", "ID", one) for one in commands] == [
        "/v1/files",
        "/v1/batches",
        "/v1/batches/ID",
        "/v1/batches",
    ]


def test_answers_are_shown_beside_their_requests(printed: str) -> None:
    each = 8 * len(PROVIDERS)
    assert printed.count("\n    < ") == printed.count("\n    > ") == each


@pytest.mark.slow
def test_without_curl_the_same_requests_are_sent_from_python(tmp_path: Path) -> None:
    done = demo("openai", environment={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "curl is not installed here" in done.stdout
    assert "lines     518 = 505 ok + 13 error" in done.stdout.splitlines()


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
