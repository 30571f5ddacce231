from __future__ import annotations

import pytest

from tests.config.conftest import Desk

FILE = """
[accounts.Acme-EU]
provider = "acme"
key = "of-the-file"
region = "file"
proxy = { host = "of-the-file", password = "pw" }
"""


def test_an_argument_wins_over_a_variable_and_that_over_the_file_and_that_over_the_provider(
    desk: Desk,
) -> None:
    def region(**environ: str) -> object:
        return desk.resolve("acme-eu", given, **environ).settings.region

    given = {"region": "arg"}
    providers = {"ACME_KEY": "k", "ACME_REGION": "own"}
    ours = {"BATCHYARD_ACCOUNTS__ACME_EU__REGION": "var"}
    desk.write(FILE)
    assert region(**providers, **ours) == "arg"
    given = {}
    assert region(**providers, **ours) == "var"
    assert region(**providers) == "file"
    desk.write(FILE.replace('region = "file"', ""))
    assert region(**providers) == "own"
    assert region() == "eu"


def test_the_sources_are_told(desk: Desk) -> None:
    path = desk.write('[accounts.acme]\nmax_lines = 3\nkey = "k"', "other.toml")
    found = desk.resolve(
        "acme",
        {"regions": ["x"]},
        config=path,
        ACME_KEY="k",
        ACME_REGION="own",
        BATCHYARD_ACCOUNTS__ACME__PROXY__HOST="h",
    )
    assert dict(found.sources) == {
        "key": str(path),
        "region": "environment",
        "max_lines": str(path),
        "proxy": "variables",
        "tariffs": "default",
        "mirrors": "default",
        "regions": "arguments",
    }


def test_tables_are_merged_within(desk: Desk) -> None:
    desk.write(FILE)
    found = desk.resolve("acme-eu", BATCHYARD_ACCOUNTS__ACME_EU__PROXY__HOST="of-the-variable")
    proxy = found.settings.proxy
    assert (proxy.host, proxy.password.get_secret_value()) == ("of-the-variable", "pw")


@pytest.mark.parametrize(
    "variable",
    [
        "BATCHYARD_ACCOUNTS__ACME_EU__KEY",
        "batchyard_accounts__acme_eu__key",
        "BATCHYARD_ACCOUNTS__ACME-EU__KEY",
    ],
)
def test_case_hyphens_and_underscores_do_not_count_in_names(desk: Desk, variable: str) -> None:
    desk.write(FILE)
    for name in ("acme-eu", "ACME_EU", "Acme-EU"):
        found = desk.resolve(name, **{variable: "of-the-variable"})
        assert found.name == "Acme-EU"
        assert found.settings.key.get_secret_value() == "of-the-variable"


def test_variables_alone_make_an_account(desk: Desk) -> None:
    found = desk.resolve(
        BATCHYARD_ACCOUNTS__MY_ACME__PROVIDER="acme", BATCHYARD_ACCOUNTS__MY_ACME__KEY="k"
    )
    assert (found.name, found.provider) == ("my-acme", "acme")


@pytest.mark.parametrize("key", ["123456", "true", "null", '{"type": "service_account"}', "1e5"])
def test_a_variable_that_looks_like_json_stays_the_text_it_is(desk: Desk, key: str) -> None:
    settings = desk.resolve(
        "acme", BATCHYARD_ACCOUNTS__ACME__KEY=key, BATCHYARD_ACCOUNTS__ACME__PROXY__PASSWORD=key
    ).settings
    assert settings.key.get_secret_value() == key
    assert settings.proxy.password.get_secret_value() == key


def test_a_variable_is_read_as_json_where_a_list_or_a_table_is_wanted(desk: Desk) -> None:
    settings = desk.resolve(
        "acme",
        ACME_KEY="k",
        BATCHYARD_ACCOUNTS__ACME__REGIONS='["a", "b"]',
        BATCHYARD_ACCOUNTS__ACME__TARIFFS='{"m": {"day": 2}}',
        BATCHYARD_ACCOUNTS__ACME__MAX_LINES="7",
    ).settings
    assert settings.regions == ["a", "b"]
    assert settings.tariffs["m"].day == 2
    assert settings.max_lines == 7


def test_an_empty_variable_says_nothing(desk: Desk) -> None:
    desk.write(FILE)
    found = desk.resolve("acme-eu", BATCHYARD_ACCOUNTS__ACME_EU__REGION="")
    assert found.settings.region == "file"
