from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchyard.cli import main
from batchyard.ledger.migrations import CURRENT


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["ledger", *arguments], env=environment)


def test_a_ledger_is_made_and_then_up_to_date(empty_url: str) -> None:
    before = run("status", "--ledger", empty_url, "--json")
    assert before.exit_code == 1
    assert json.loads(before.stdout)["state"] == "none"

    made = run("migrate", "--ledger", empty_url)
    assert made.exit_code == 0, made.output
    assert "up to date" in made.stdout
    assert "nothing to do" not in made.stderr

    after = run("status", "--ledger", empty_url, "--json")
    assert after.exit_code == 0
    found = json.loads(after.stdout)
    assert (found["state"], found["version"], found["current"]) == ("current", CURRENT, CURRENT)
    assert "nothing to do" in run("migrate", "--ledger", empty_url).stderr


def test_the_ledger_is_the_configured_one(tmp_path: Path) -> None:
    config = tmp_path / "batchyard.toml"
    config.write_text('[ledger]\nurl = "here/ledger.db"\nmigrate = false\n')
    assert run("migrate", "--config", str(config)).exit_code == 0
    assert (tmp_path / "here" / "ledger.db").exists()
    other = tmp_path / "other.db"
    done = run("migrate", "--config", str(config), BATCHYARD_LEDGER__URL=str(other))
    assert done.exit_code == 0
    assert other.exists()


@pytest.mark.parametrize("command", ["status", "migrate"])
def test_a_server_that_is_away_is_an_error_without_the_password(command: str) -> None:
    url = "postgresql://me:{}@127.0.0.1:1/ledger".format("hunter2")
    done = run(command, "--ledger", url)
    assert done.exit_code == 1
    assert "unreachable" in done.stderr
    assert "hunter2" not in done.output
