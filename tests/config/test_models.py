"""``[models."NAME"]``: where models run, and what is wrong with what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from batchyard.config import resolve_models
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from tests.config.conftest import Desk

ACCOUNTS = "[accounts.acme-eu]\nprovider='acme'\n[accounts.acme-us]\nprovider='acme'\n"


def models(**environ: str) -> dict[str, Any]:
    found = resolve_models(Registry(environ))
    return {one.name: [(at.account, at.model, at.weight) for at in one.accounts] for one in found}


def test_a_model_has_one_account_or_several_with_weights(desk: Desk) -> None:
    desk.write(
        ACCOUNTS
        + '[models."gpt-4.1-mini"]\naccount = "acme_EU"\n'
        + '[models.cheap]\naccount = "acme"\nmodel = "small"\n'
        + '[models.anywhere]\naccounts = [{ account = "acme-eu", weight = 2 }, '
        + '{ account = "acme-us", model = "dep" }]\n'
    )
    assert models() == {
        "gpt-4.1-mini": [("acme-eu", None, 1)],
        "cheap": [("acme", "small", 1)],
        "anywhere": [("acme-eu", None, 2), ("acme-us", "dep", 1)],
    }


@pytest.mark.usefixtures("desk")
def test_a_model_of_variables_alone() -> None:
    environ = {
        "BATCHYARD_ACCOUNTS__ACME__KEY": "k",
        "BATCHYARD_MODELS__CHEAP__ACCOUNTS": '[{"account": "acme", "weight": 3}]',
    }
    assert models(**environ) == {"cheap": [("acme", None, 3)]}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('account = "acme-ue"', "models.m.account: there is no account or provider 'acme-ue'"),
        ('account = "acme-euro"', "did you mean 'acme-eu'"),
        ('accounts = [{ account = "acme-eu", weight = 0 }]', "models.m.accounts.0.weight: "),
        ('accounts = [{ account = "acme-eu", wieght = 1 }]', "did you mean 'weight'"),
        ('accounts = [{ model = "x" }]', "models.m.accounts.0.account: Field required"),
        ("accounts = []", "models.m.accounts: name an account"),
        ('model = "x"', "models.m.account: this setting is needed"),
        ("", "models.m.account: this setting is needed"),
        ('account = "acme-eu"\naccounts = [{ account = "acme-us" }]', "not both"),
        (
            'accounts = [{ account = "acme-eu" }, { account = "acme_eu", model = "m" }]',
            "models.m.accounts.1.account: the account 'acme_eu' runs it as 'm' already",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_key(desk: Desk, table: str, said: str) -> None:
    path = desk.write(f"{ACCOUNTS}[models.m]\n{table}\n")
    with pytest.raises(ConfigError) as wrong:
        models()
    assert said in str(wrong.value)
    assert path.name in str(wrong.value)


def test_one_account_may_have_two_deployments_of_a_model(desk: Desk) -> None:
    desk.write(
        ACCOUNTS + '[models.m]\naccounts = [{ account = "acme-eu", model = "a" }, '
        '{ account = "acme-eu", model = "b" }]\n'
    )
    assert len(models()["m"]) == 2


def test_names_that_differ_by_case_alone_are_one_too_many(desk: Desk) -> None:
    desk.write(f"{ACCOUNTS}[models.a-b]\naccount='acme-eu'\n[models.A_B]\naccount='acme-eu'\n")
    with pytest.raises(ConfigError, match="the name of another model too"):
        models()
