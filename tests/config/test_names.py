"""Which account a name, or the lack of one, stands for."""

from __future__ import annotations

import re

import pytest

from batchyard.errors import ConfigError, UnknownPluginError
from tests.config.conftest import Desk

TWO = """
[accounts.one]
provider = "acme"
key = "k1"

[accounts.two]
provider = "acme-classic"
key = "k2"
"""


def test_the_default_account_is_taken_without_a_name(desk: Desk) -> None:
    desk.write(f'default_account = "two"\n{TWO}')
    assert desk.resolve().name == "two"
    assert desk.resolve(BATCHYARD_DEFAULT_ACCOUNT="ONE").name == "one"


def test_the_default_may_be_a_provider(desk: Desk) -> None:
    desk.write(f'default_account = "acme"\n{TWO}')
    assert desk.resolve(ACME_KEY="k").name == "acme"


def test_the_only_account_needs_no_name(desk: Desk) -> None:
    desk.write('[accounts.mine]\nprovider = "acme"\nkey = "k"')
    assert desk.resolve().name == "mine"


def test_of_several_accounts_one_must_be_named(desk: Desk) -> None:
    desk.write(TWO)
    with pytest.raises(ConfigError, match=r"which account.* one, two, or set default_account"):
        desk.resolve(ACME_KEY="k")


def test_an_account_wins_over_the_provider_of_its_name(desk: Desk) -> None:
    desk.write('[accounts.acme]\nprovider = "acme-classic"\nkey = "configured"')
    found = desk.resolve("acme", ACME_KEY="of-the-environment")
    assert found.settings.key.get_secret_value() == "configured"


def test_an_account_without_a_provider_is_of_the_one_it_is_called_after(desk: Desk) -> None:
    desk.write('[accounts.acme]\nkey = "k"')
    assert desk.resolve().provider == "acme"


def test_a_provider_can_be_named_beside_accounts(desk: Desk) -> None:
    desk.write(TWO)
    found = desk.resolve("acme", {"key": "k3"})
    assert (found.name, found.provider) == ("acme", "acme")


def test_the_argument_account_names_one_too(desk: Desk) -> None:
    desk.write(TWO)
    assert desk.resolve(account="two").name == "two"
    for provider in ("acme", "acme-classic", "TWO"):
        assert desk.resolve(provider, account="two").name == "two"


@pytest.mark.parametrize("other", ["openai", "one"])
def test_an_account_of_another_provider_is_refused(desk: Desk, other: str) -> None:
    desk.write(TWO)
    with pytest.raises(ConfigError, match=f"'two' is of provider 'acme-classic', not '{other}'"):
        desk.resolve(other, account="two")


def test_an_account_that_is_not_configured_is_what_the_arguments_make(desk: Desk) -> None:
    desk.write(TWO)
    found = desk.resolve("acme", {"key": "k3"}, account="team-a")
    assert (found.name, found.provider) == ("team-a", "acme")


def test_a_name_that_exists_nowhere_is_answered_with_all_names(desk: Desk) -> None:
    desk.write(TWO)
    with pytest.raises(ConfigError) as caught:
        desk.resolve("twoo")
    said = str(caught.value)
    assert said.startswith("there is no account or provider 'twoo'; accounts: one, two; providers:")
    assert {"acme", "acme-classic", "openai"} <= set(re.split(r"[ ,;]+", said))
    assert said.endswith("; did you mean 'two'?")


def test_a_default_account_that_exists_nowhere_is_found_in_the_file(desk: Desk) -> None:
    desk.write(f'default_account = "thwo"\n{TWO}')
    with pytest.raises(ConfigError, match=r"^batchyard.toml: default_account: .* mean 'two'"):
        desk.resolve()
    assert desk.resolve("one").name == "one"


def test_a_default_account_without_any_account_is_found_in_the_file_too(desk: Desk) -> None:
    desk.write('default_account = "zz"')
    with pytest.raises(ConfigError, match=r"^batchyard.toml: default_account: .* accounts: none;"):
        desk.resolve()


def test_an_account_without_a_provider_is_told_to_name_one(desk: Desk) -> None:
    desk.write('[accounts.mine]\nkey = "k"')
    with pytest.raises(ConfigError, match=r"accounts.mine.provider: .* give it provider = "):
        desk.resolve("mine")


def test_without_a_configuration_a_name_is_a_providers(desk: Desk) -> None:
    with pytest.raises(UnknownPluginError, match="did you mean 'acme'"):
        desk.resolve("acne")
    assert desk.resolve("acme", ACME_KEY="k").name == "acme"
    assert desk.resolve(ACME_KEY="k").provider == "acme"
