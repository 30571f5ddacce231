"""``config show`` and ``config check`` of what there is beside accounts."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.config.extras import PLUGINS, POINTS
from tests.registry.distributions import Site


@pytest.fixture
def shown(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    packages = tmp_path / "site"
    packages.mkdir()
    monkeypatch.syspath_prepend(packages)
    Site(packages).add("extras", POINTS, {"extras": PLUGINS})
    shell.file(
        b"""
[accounts.openai]
[accounts.openai.prices."gpt-4o"]
input = 1.25
long_context_above = 1000
long_context = { input = 2.5 }

[ledger]
url = "env:DB"
store = "files"

[sinks.hook]
token = "env:TOKEN"

[sinks.audit]
sink = "plain"
path = "env:WHERE"
mode = "w"

[gates.size]
limmit = 1

[prices]
litellm_file = "none.json"
""",
        "batchyard.toml",
    ).chmod(0o600)
    shell.environment.update(
        DB=f"postgresql://{'me:pw-SECRET'}@db.example/x", TOKEN="t-SECRET", WHERE="w-SECRET"
    )
    yield shell
    sys.modules.pop("extras", None)


def test_show_prints_each_section_with_its_sources_and_no_secrets(shown: Shell) -> None:
    found = shown.json("config", "show", BATCHYARD_LEDGER__GRACE="5")
    ledger, (audit, hook) = found["ledger"], found["sinks"]
    assert ledger["settings"]["url"] == "postgresql://***db.example/x"
    assert ledger["settings"]["store"] == str(Path(shown.folder, "files"))
    assert ledger["sources"]["url"] == "batchyard.toml"
    assert (ledger["settings"]["grace"], ledger["sources"]["grace"]) == (5, "variables")
    assert ledger["sources"]["lost_after"] == "default"
    assert hook["settings"]["token"] == "**********"
    own = {"events": [], "lines": 0.0, "bodies": False, "redact": [], "rate": None}
    assert audit["settings"] == {"sink": "plain", **own, "path": "env:WHERE", "mode": "w"}
    (gate,) = found["gates"]
    assert "gates.size.limmit: there is no such setting; did you mean 'limit'" in gate["problem"]
    assert "prices.litellm_file: there is no file" in found["prices"]["problem"]
    prices = found["accounts"][0]["settings"]["prices"]
    assert prices == {
        "gpt-4o": {"input": "1.25", "long_context_above": 1000, "long_context": {"input": "2.5"}}
    }
    text = shown.done("config", "show")
    assert "\nsinks.audit\n" in text
    assert "SECRET" not in text + json.dumps(found)


def test_check_finds_what_is_wrong_in_them(shown: Shell) -> None:
    answer = shown.json("config", "check", code=1)
    assert {one["check"]: one["level"] for one in answer["findings"]} == {
        "openai": "ok",
        "ledger": "ok",
        "sinks.hook": "ok",
        "sinks.audit": "ok",
        "gates.size": "error",
        "prices": "error",
    }
    assert shown.json("config", "check", "--account", "openai")["ok"] is True


def test_models_and_the_gateway_are_shown_and_checked(shell: Shell) -> None:
    shell.file(
        b"""
[accounts.openai]
[gateway]
master_key = "env:MASTER"
[models."gpt-4.1-mini"]
account = "openai"
[models.cheap]
accounts = [{ account = "opnai" }]
""",
        "batchyard.toml",
    )
    shell.environment.update(MASTER="m-SECRET-0123456789")
    found = shell.json("config", "show")
    assert found["gateway"]["settings"]["master_key"] == "**********"
    cheap, mini = found["models"]
    assert mini["settings"]["accounts"] == [{"account": "openai", "model": None, "weight": 1}]
    assert "models.cheap.accounts.0.account: there is no account" in cheap["problem"]
    assert "did you mean 'openai'" in cheap["problem"]
    assert "SECRET" not in shell.done("config", "show")
    answer = shell.json("config", "check", code=1)
    assert {one["check"]: one["level"] for one in answer["findings"]} == {
        "openai": "ok",
        "gateway": "ok",
        "models.cheap": "error",
        "models.gpt-4.1-mini": "ok",
    }
