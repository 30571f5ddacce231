"""``batchyard procrastinate``."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from batchyard.cli import main


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environ: str) -> Result:
    environment = {"HOME": str(Path.cwd()), "XDG_CONFIG_HOME": "", **environ}
    return CliRunner().invoke(main, ["procrastinate", *arguments], env=environment)


def test_the_tables_are_created_once(postgres_url: str) -> None:
    ledger = {"BATCHYARD_LEDGER": postgres_url, "BATCHYARD_LEDGER__STORE": "files"}
    assert run("apply", **ledger).stdout == "the tables have been created\n"
    assert run("apply", **ledger).stdout == "the tables are there already\n"


def test_the_sql_can_be_printed_instead() -> None:
    assert "CREATE TABLE procrastinate_jobs" in run("schema").stdout


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        ({}, "no ledger is configured"),
        ({"BATCHYARD_LEDGER": "x.db"}, "works on Postgres"),
        (
            {
                "BATCHYARD_LEDGER": f"postgresql://{'me:pw-SECRET'}@127.0.0.1:1/none",
                "BATCHYARD_LEDGER__STORE": "files",
            },
            "the ledger's database: OperationalError",
        ),
    ],
)
def test_what_is_no_ledger_on_postgres_is_one_sentence(ledger: dict[str, str], said: str) -> None:
    done = run("apply", **ledger)
    assert done.exit_code == 1
    assert said in done.stderr
    assert "SECRET" not in done.output
