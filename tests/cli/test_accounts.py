"""``--account`` and ``--config``, ``config show``, ``config check`` and ``doctor``."""

from __future__ import annotations

import json

import pytest

from tests.cli.shell import Shell

TOML = b"""
default_account = "eu"

[accounts.eu]
provider = "openai"
api_key = "env:EU_KEY"

[accounts.wrong]
provider = "openai"
api_key = "wrong-key-12345"

[accounts.odd]
provider = "openai"
api_kye = "sk-SECRET"
"""


@pytest.fixture
def configured(shell: Shell) -> Shell:
    shell.file(TOML, "batchyard.toml").chmod(0o600)
    shell.environment["EU_KEY"] = shell.environment["OPENAI_API_KEY"]
    return shell


def test_commands_take_the_account_that_is_named(configured: Shell) -> None:
    assert configured.done("files", "list") == ""
    assert configured.done("files", "list", "--account", "EU") == ""
    assert configured.done("files", "list", "--provider", "openai") == ""
    wrong = configured("files", "list", "--account", "wrong")
    assert wrong.exit_code == 1
    assert "wrong-key-12345" not in wrong.output
    none = configured("files", "list", "--account", "wrnog")
    assert "accounts: eu, odd, wrong; providers: " in none.stderr
    assert "; did you mean 'wrong'?" in none.stderr


def test_a_configuration_can_be_named(configured: Shell) -> None:
    path = configured.file(b'[accounts.mine]\nprovider = "openai"', "other.toml")
    for options, variable in ((("--config", path), None), ((), str(path))):
        shown = configured.json("config", "show", *options, BATCHYARD_CONFIG=variable)
        assert shown["file"] == str(path)
        assert [one["name"] for one in shown["accounts"]] == ["mine"]
    none = configured("files", "list", "--config", "none.toml")
    assert (none.exit_code, none.stderr) == (1, "Error: there is no configuration file none.toml\n")


def test_show_prints_what_comes_out_and_where_it_is_from_without_secrets(
    configured: Shell,
) -> None:
    shown = configured.json("config", "show", BATCHYARD_ACCOUNTS__EU__MAX_LINES="7")
    sections = {"gateway", "ledger", "models", "sinks", "gates", "prices"}
    assert set(shown) == {"file", "default_account", "accounts", *sections}
    assert not any(shown[one] for one in sections)
    assert (shown["file"], shown["default_account"]) == ("batchyard.toml", "eu")
    by_name = {one["name"]: one for one in shown["accounts"]}
    assert set(by_name["eu"]) == {"name", "provider", "settings", "sources", "problem"}
    settings, sources = by_name["eu"]["settings"], by_name["eu"]["sources"]
    assert (settings["api_key"], sources["api_key"]) == ("**********", "batchyard.toml")
    assert (settings["max_lines"], sources["max_lines"]) == (7, "variables")
    assert sources["base_url"] == "environment"
    assert sources["region"] == "default"
    assert by_name["odd"]["settings"] == {"api_kye": "**********"}
    assert "did you mean 'api_key'" in by_name["odd"]["problem"]
    text = configured.done("config", "show")
    assert "default account  eu" in text
    assert "  cannot be used: batchyard.toml: accounts.odd.api_kye" in text
    secrets = ("SECRET", "wrong-key", configured.environment["EU_KEY"])
    assert not any(one in text + json.dumps(shown) for one in secrets)


def test_check_finds_what_is_wrong_and_asks_nobody(configured: Shell) -> None:
    answer = configured.json("config", "check", code=1)
    assert set(answer) == {"ok", "file", "findings"}
    assert all(set(one) == {"level", "check", "message", "fix"} for one in answer["findings"])
    assert {one["check"]: one["level"] for one in answer["findings"]} == {
        "eu": "ok",
        "wrong": "ok",
        "odd": "error",
    }
    assert configured.json("config", "check", "--account", "eu")["ok"] is True
    assert "error  odd" in configured.done("config", "check", code=1)
    assert list(configured.emulator.requests) == []


def test_check_finds_a_default_account_that_is_none_and_a_file_for_everybody(shell: Shell) -> None:
    text = b'default_account = "none"\n[accounts.eu]\nprovider = "openai"\napi_key = "k"'
    shell.file(text, "batchyard.toml").chmod(0o644)
    findings = shell.json("config", "check", code=1)["findings"]
    assert [(one["level"], one["check"]) for one in findings] == [
        ("error", "default_account"),
        ("warning", "eu"),
    ]
    assert findings[1]["fix"] == "chmod 600 batchyard.toml"


def test_a_file_that_is_no_toml_is_one_sentence(shell: Shell) -> None:
    shell.file(b"x = = 'sk-SECRET'", "batchyard.toml")
    for command in (["config", "show"], ["config", "check"], ["files", "list"], ["doctor"]):
        done = shell(*command)
        assert done.exit_code == 1
        assert "batchyard.toml is not TOML" in done.stderr
        assert "line 1" in done.stderr
        assert "SECRET" not in done.output


def test_the_doctor_asks_each_account(configured: Shell) -> None:
    answer = configured.json("doctor", code=1)
    assert set(answer) == {"ok", "accounts"}
    assert all(set(one) == {"account", "provider", "findings"} for one in answer["accounts"])
    levels = {
        one["account"]: {(f["check"], f["level"]) for f in one["findings"]}
        for one in answer["accounts"]
    }
    assert levels == {
        "eu": {("files", "ok"), ("batches", "ok")},
        "odd": {("settings", "error")},
        "wrong": {("files", "error")},
    }
    assert "wrong-key-12345" not in json.dumps(answer)
    text = configured.done("doctor", code=1)
    assert "eu (openai)\n  ok       files: " in text
    assert "           Check OPENAI_API_KEY" in text
    assert configured.json("doctor", "--account", "eu")["ok"] is True


def test_the_doctor_finds_the_accounts_of_the_environment(shell: Shell) -> None:
    assert [one["account"] for one in shell.json("doctor")["accounts"]] == ["openai"]
    none = shell("doctor", OPENAI_API_KEY=None)
    assert none.exit_code == 1
    assert "there is no account to check" in none.stderr


def test_debug_shows_the_traceback_and_our_logs(shell: Shell) -> None:
    plain = shell("files", "get", "file-none")
    assert "Traceback" not in plain.stderr
    for arguments in (("--debug", "files", "get"), ("files", "get", "--debug")):
        done = shell(*arguments, "file-none")
        assert "Traceback" in done.stderr
        assert "DEBUG batchyard" in done.stderr
        assert done.stderr.splitlines()[-1] == plain.stderr.strip() or "req_" in plain.stderr
        assert shell.environment["OPENAI_API_KEY"] not in done.stderr
