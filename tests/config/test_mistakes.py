"""A mistake is named with its file and key, or its variable, and never with a value."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from batchyard.errors import BatchyardError, ConfigError
from tests.config.conftest import Desk

HEAD = '[accounts.mine]\nprovider = "acme"\nkey = "sk-SECRET"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defualt_account = 'x'", "defualt_account: .* mean 'default_account'"),
        ("[acounts.x]", "acounts: there is no such setting; did you mean 'accounts'"),
        ("[ledgr]", "ledgr: there is no such setting; did you mean 'ledger'"),
        ("[gatway]", "gatway: there is no such setting; did you mean 'gateway'"),
        ("sinks = 'x'", "sinks: must be a table .* sinks.NAME.sink"),
        ("ledger = 3", "ledger: must be a table .* ledger.url"),
        ("[sinks.a-b]\n[sinks.A_B]", "sinks.A_B: this is the name of another sink too, 'a-b'"),
        ("accounts = 'sk-SECRET'", "accounts: must be a table"),
        ("[accounts]\nx = 'sk-SECRET'", "accounts.x: must be a table .* accounts.x.api_key"),
        ("default_account = 3", "default_account: Input should be a valid string"),
        ("[accounts.x]\nprovider = 3", "accounts.x.provider: must be a provider's name"),
        ("[accounts.x]\nprovider = 'amce'", "accounts.x.provider: .* did you mean 'acme'"),
        ("[accounts.a-b]\n[accounts.A_B]", "accounts.A_B: this is the name of another account"),
        ("[accounts.'']", "the name is empty"),
        (HEAD + "kye = 's'", "accounts.mine.kye: .* did you mean 'key'"),
        (HEAD + "proxy.hots = 's'", "accounts.mine.proxy.hots: .* did you mean 'host'"),
        (HEAD + "tariffs.m.dya = 1", "accounts.mine.tariffs.m.dya: .* mean 'day'"),
        (HEAD + "prices.m.inputs = 1", "accounts.mine.prices.m.inputs: .* mean 'input'"),
        (HEAD + "prices.m.input = -1", "accounts.mine.prices.m.input: Input should be greater"),
        (HEAD + "prices.m.input = nan", "accounts.mine.prices.m.input: Input should be a finite"),
        (HEAD + "prices.m = 'sk-SECRET'", "accounts.mine.prices.m: Input should be a valid dict"),
        (HEAD + "mirrors = [{}, {pasword = 1}]", "accounts.mine.mirrors.1.pasword: .* 'password'"),
        (HEAD + "max_lines = 'sk-SECRET'", "accounts.mine.max_lines: Input should be a valid int"),
        (HEAD + "proxy.host = ['sk-SECRET']", "accounts.mine.proxy.host: Input should be a valid"),
        (HEAD + "mirrors = [{host = 1}]", "accounts.mine.mirrors.0.host: Input should be a valid"),
        (HEAD + "region = 'sk-SECRET'", "accounts.mine.region: String should have at most 5"),
        ("x = 1\ny = = sk-SECRET", "is not TOML: .*line 2"),
        ("x = 1\nx = 2", "is not TOML: .*line 2"),
        ("x = " + "[" * 100_000, "is nested too deeply"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_key(desk: Desk, text: str, message: str) -> None:
    path = desk.write(text, "own.toml")
    with pytest.raises(ConfigError, match=message) as caught:
        desk.resolve(config=path)
    assert "own.toml" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(caught.value.body)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("BATCHYARD_ACCOUNTS__ACME__MAX_LINES", "__ACME__MAX_LINES: Input should be a valid int"),
        ("BATCHYARD_ACCOUNTS__ACME__KYE", "__ACME__KYE: there is no such .* did you mean 'key'"),
        ("BATCHYARD_ACCOUNTS__ACME__PROXY__HOTS", "__PROXY__HOTS: .* did you mean 'host'"),
        ("BATCHYARD_ACCOUNTS__ACME__REGIONS", "__REGIONS: Input should be a valid list"),
        ("BATCHYARD_ACCOUNTS__ACME", "__ACME: must be a table .* BATCHYARD_ACCOUNTS__ACME__API"),
        ("BATCHYARD_ACCOUNTS", "BATCHYARD_ACCOUNTS: must be a table"),
    ],
)
def test_a_mistake_in_a_variable_is_named_by_the_variable(
    desk: Desk, variable: str, message: str
) -> None:
    desk.write('[accounts.acme]\nkey = "k"')
    with pytest.raises(ConfigError, match=message) as caught:
        desk.resolve("acme", config=None, **{variable: "sk-SECRET"})
    assert "BATCHYARD_ACCOUNTS" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "batchyard.toml" not in str(caught.value)


def test_all_unknown_keys_are_named_at_once(desk: Desk) -> None:
    desk.write(HEAD + "kye = 1\nregoin = 2")
    with pytest.raises(ConfigError, match=r"accounts\.mine\.kye: .*; .*accounts\.mine\.regoin: "):
        desk.resolve()


def test_an_argument_that_is_unknown_is_answered_with_a_suggestion(desk: Desk) -> None:
    with pytest.raises(ConfigError, match=r"^regoin: .* did you mean 'region'") as caught:
        desk.resolve("acme", {"regoin": "x"}, ACME_KEY="k")
    assert caught.value.param == "regoin"


def test_a_mistake_in_one_account_does_not_stop_another(desk: Desk) -> None:
    desk.write(HEAD + '[accounts.broken]\nprovider = "none"\nkey = "env:NONE"')
    assert desk.resolve("mine").name == "mine"


def test_a_lack_is_the_providers_to_describe(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"')
    with pytest.raises(ConfigError, match=r"accounts\.mine\.key: Field required .*ACME_KEY"):
        desk.resolve()


def test_a_reference_is_followed_in_tables_and_lists_too(desk: Desk) -> None:
    desk.write(
        '[accounts.mine]\nprovider = "acme"\nkey = "env:K"\nregions = ["env:R"]\n'
        'proxy.password = "env:P"'
    )
    settings = desk.resolve(K="k", R="r", P="p").settings
    assert settings.key.get_secret_value() == "k"
    assert settings.regions == ["r"]
    assert settings.proxy.password.get_secret_value() == "p"


@pytest.mark.parametrize(("environ", "lack"), [({}, "not set"), ({"K": ""}, "empty")])
def test_a_reference_that_leads_nowhere_is_an_error(
    desk: Desk, environ: dict[str, str], lack: str
) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"\nkey = "env:K"')
    with pytest.raises(ConfigError, match=f"accounts.mine.key: the variable K is {lack}"):
        desk.resolve(**environ)
    assert desk.resolve(None, {"key": "given"}, **environ).name == "mine"


def test_what_is_no_text_file_is_refused(desk: Desk) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            desk.resolve("acme", config=path)
        assert path.name in str(caught.value)
        return str(caught.value)

    folder, fifo, odd = (desk.folder / name for name in ("folder", "fifo", "odd"))
    folder.mkdir()
    assert "not a regular file" in refused(folder)
    os.mkfifo(fifo)
    assert "not a regular file" in refused(fifo)
    odd.write_bytes(b"x = 1\ny = '\xff'")
    assert "not UTF-8 (at line 2)" in refused(odd)
    odd.write_bytes(b"#" * 2_000_000)
    assert "no configuration" in refused(odd)
    odd.write_bytes(b"x = '\0'")
    assert "not TOML" in refused(odd)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_an_error(desk: Desk) -> None:
    desk.write("").chmod(0)
    with pytest.raises(BatchyardError, match=r"cannot read batchyard\.toml"):
        desk.resolve("acme", ACME_KEY="k")
