"""Where prices come from, and what an account pays itself."""

from __future__ import annotations

from decimal import Decimal

import pytest

from batchyard.config import PriceSettings, resolve_prices
from batchyard.errors import ConfigError
from batchyard.registry import Registry
from tests.config.conftest import Desk

MINE = '[accounts.mine]\nprovider = "acme"\nkey = "k"\n'


def test_an_accounts_own_prices_are_exact_and_not_its_providers_to_check(desk: Desk) -> None:
    desk.write(
        f'{MINE}[accounts.mine.prices."gpt-4o.mini"]\ninput = 0.1\noutput = "0.40"\n'
        "batch_discount = 0.5\nlong_context_above = 200000\nlong_context = { input = 0.2 }"
    )
    found = desk.resolve()
    assert found.prices == {
        "gpt-4o.mini": {
            "input": Decimal("0.1"),
            "output": Decimal("0.40"),
            "batch_discount": Decimal("0.5"),
            "long_context_above": 200_000,
            "long_context": {"input": Decimal("0.2")},
        }
    }
    assert found.sources["prices"] == "batchyard.toml"
    assert not hasattr(found.settings, "prices")


def test_prices_can_be_variables_and_arguments(desk: Desk) -> None:
    desk.write(f"{MINE}prices.m = {{ input = 1, output = 2 }}")
    variable = {"BATCHYARD_ACCOUNTS__MINE__PRICES": '{"m": {"input": 3}, "n": {"input": 4}}'}
    given = {"prices": {"m": {"input": "5"}}}
    found = desk.resolve("mine", given, BATCHYARD_ACCOUNTS__MINE__PRICES__M__OUTPUT="6")
    assert found.prices == {"m": {"input": 5, "output": 6}}
    assert desk.resolve("mine", **variable).prices == {"m": {"input": 3}, "n": {"input": 4}}


def test_an_account_without_prices_has_none(desk: Desk) -> None:
    desk.write(MINE)
    found = desk.resolve()
    assert found.prices == {}
    assert "prices" not in found.sources


def test_where_prices_come_from(desk: Desk) -> None:
    assert resolve_prices(Registry({})) == PriceSettings()
    path = desk.write("[prices]\nlitellm_file = 'p.json'\nsources = ['house']", "sub/own.toml")
    file = desk.write("{}", "sub/p.json")
    settings = resolve_prices(Registry({}), path)
    assert (settings.litellm_file, settings.sources) == (file, ("house",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("litelm_file = 'x'", "prices.litelm_file: .* did you mean 'litellm_file'"),
        ("litellm_file = 'none.json'", "prices.litellm_file: there is no file .*none.json"),
        ("sources = 'house'", "prices.sources: Input should be a valid tuple"),
    ],
)
def test_a_mistake_is_named_with_its_key(desk: Desk, text: str, message: str) -> None:
    desk.write(f"[prices]\n{text}")
    with pytest.raises(ConfigError, match=message):
        resolve_prices(Registry({}))
