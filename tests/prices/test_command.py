from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from batchyard.cli import main
from batchyard.drivers import SystemClock
from batchyard.ledger.database import Database
from batchyard.ledger.tables import settlement_items

CONFIG = """
[prices]
sources = ["account", "book", "derived"]

[accounts.eu]
provider = "azure"
api_key = "made-up"
base_url = "https://mine.openai.azure.com"

[accounts.eu.deployments."gpt-5"]
name = "five"
type = "DataZoneBatch"

[accounts.eu.deployments.mine]
name = "mine"
base_model = "gpt-4o"
type = "DataZoneBatch"

[accounts.main]
provider = "openai"
api_key = "sk-made-up"

[accounts.main.prices."house-model"]
input = "1"
output = "2"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "batchyard.toml"
    path.write_text(CONFIG)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prices", *arguments])


def shown(*arguments: str, code: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def test_without_a_configuration_it_shows_every_provider_that_has_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = {one["provider"]: one["rates"] for one in shown("show", "gpt-4.1-mini")["prices"]}
    assert set(found) == {"anthropic", "azure", "gemini", "openai", "vertex"}
    assert found["openai"]["input"] == "0.2"
    assert found["vertex"] is None


def test_a_provider_needs_no_credentials_to_have_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (one,) = shown("show", "gemini-2.5-flash", "--provider", "vertex")["prices"]
    assert one["rates"]["cached_input"] == "0.03"


@pytest.mark.usefixtures("config")
def test_what_results_call_a_model_is_found_among_the_deployments() -> None:
    (one,) = shown("show", "gpt-4o-2024-08-06", "--account", "eu")["prices"]
    assert (one["billed_as"], one["region"]) == ("gpt-4o", "datazone")
    (one,) = shown("show", "theirs", "--account", "eu", code=1)["prices"]
    assert "global or of a data zone" in one["reason"]


@pytest.mark.usefixtures("config")
def test_an_account_pays_what_its_deployment_is_billed_as() -> None:
    (one,) = shown("show", "five", "--account", "eu", "--at", "2026-11-01")["prices"]
    assert (one["billed_as"], one["region"]) == ("gpt-5", "datazone")
    assert one["rates"]["input"] == "0.6875"


@pytest.mark.usefixtures("config")
def test_it_says_where_a_price_is_from_and_since_when() -> None:
    said = run("show", "gpt-5.4", "--account", "main").output
    assert "main (openai): gpt-5.4" in said
    assert "above 272000 input" in said
    assert "list, from book 2026-11-23, since 2026-03-05" in said


@pytest.mark.usefixtures("config")
def test_a_price_is_that_of_the_day() -> None:
    asked = ("show", "o3", "--account", "main", "--at")
    assert shown(*asked, "2025-06-09")["prices"][0]["rates"]["input"] == "5.0"
    assert shown(*asked, "2025-06-10")["prices"][0]["rates"]["input"] == "1.0"


@pytest.mark.usefixtures("config")
def test_a_model_without_a_price_is_exit_code_1() -> None:
    (one,) = shown("show", "gpt-99", "--account", "main", code=1)["prices"]
    assert (one["rates"], one["reason"]) == (None, "no price of gpt-99 is known")


@pytest.mark.usefixtures("config")
def test_check_says_which_configured_models_have_what_price() -> None:
    result = run("check")
    assert result.exit_code == 0, result.output
    assert [line.split(maxsplit=3) for line in result.output.splitlines()] == [
        ["ok", "eu", "gpt-5", "list +10 %, from book"],
        ["warning", "eu", "mine", "derived, from book"],
        ["ok", "main", "house-model", "override, from account"],
    ]


@pytest.mark.usefixtures("config")
def test_check_fails_on_a_model_without_a_price() -> None:
    found = shown("check", "gpt-4.1", "gpt-99", "--account", "main", code=1)
    assert found["ok"] is False
    assert [one["reason"] for one in found["prices"]] == [None, "no price of gpt-99 is known"]


@pytest.mark.usefixtures("config")
def test_check_says_when_there_is_nothing_to_check(config: Path) -> None:
    config.write_text('[accounts.main]\nprovider = "openai"\napi_key = "sk-made-up"\n')
    assert "No model is configured" in run("check").output


def test_an_account_that_cannot_be_used_is_left_out_with_a_note(config: Path) -> None:
    config.write_text(CONFIG + '\n[accounts.bad]\nprovider = "azure"\n')
    result = run("show", "gpt-4.1")
    assert result.exit_code == 0
    assert "bad is left out" in result.stderr
    assert run("show", "gpt-4.1", "--account", "bad").exit_code != 0


def test_check_finds_what_the_ledgers_batches_used(config: Path) -> None:
    config.write_text(f'[ledger]\nurl = "ledger.db"\n{CONFIG}')
    _settled(config.parent / "ledger.db", "main", "gpt-77-unpriced")
    found = shown("check", code=1)
    reasons = {(one["account"], one["model"]): one["reason"] for one in found["prices"]}
    assert reasons["main", "gpt-77-unpriced"] == "no price of gpt-77-unpriced is known"
    assert reasons["main", "house-model"] is None


def _settled(path: Path, account: str, model: str) -> None:
    """A ledger with one item of a receipt."""

    async def write() -> None:
        async with Database(f"sqlite:///{path}") as db, db.writing() as connection:
            item = {
                "batch_id": "batch_1",
                "settlement": 0,
                "number": 0,
                "at": SystemClock().now(),
                "model": model,
                "provider": "openai",
                "account": account,
                "tier": "batch",
                "band": "standard",
            }
            await connection.execute(insert(settlement_items).values(item))

    asyncio.run(write())
