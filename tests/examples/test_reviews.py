from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from typing import Any

import pytest

from tests.style.repository import ROOT

REVIEWS = ROOT / "examples" / "reviews.jsonl"


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in REVIEWS.read_text("utf-8").splitlines()]


def test_the_example_is_what_its_script_makes() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make_reviews.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_passes_what_is_checked_of_a_whole_batch(lines: list[dict[str, Any]]) -> None:
    assert Counter(line["custom_id"] for line in lines).most_common(1)[0][1] == 1
    assert {line["method"] for line in lines} == {"POST"}
    assert {line["url"] for line in lines} == {"/v1/chat/completions"}
    assert len({line["body"]["model"] for line in lines}) == 1
    assert all(line["body"]["messages"] for line in lines)
    assert not any("stream" in line["body"] for line in lines)


def test_the_examples_readme_counts_and_names_what_is_in_it(lines: list[dict[str, Any]]) -> None:
    readme = (ROOT / "examples" / "README.md").read_text("utf-8")
    asks = tomllib.loads((ROOT / "scripts" / "requests.toml").read_text("utf-8"))
    refused = {refusal["id"]: refusal["why"] for refusal in asks["refusal"]}
    assert refused.keys() <= {line["custom_id"] for line in lines}
    assert f"{len(lines)} requests" in readme
    assert f"{len(refused)} of them" in readme
    assert [f"| `{name}` | {why} |" for name, why in refused.items()] == [
        row for row in readme.splitlines() if row.startswith("| `refused")
    ]
