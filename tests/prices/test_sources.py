from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from batchyard.errors import PluginContractError, UnknownPluginError
from batchyard.hookspecs import hookimpl
from batchyard.models import Billing, Rates, Usage
from batchyard.prices import Asked, PriceOptions, PriceSources, override_rates, price_usage
from batchyard.registry import Account, PriceSource, Registry
from tests.prices.conftest import NOVEMBER, OF_CORE, row

DAY = int(NOVEMBER // 86_400)


def asked(model: str, account: str = "openai", day: int = DAY) -> Asked:
    return Asked(Billing(model), None, "openai", account, day)


@dataclass
class House:
    """A third party's source, which knows the models that it is told of."""

    known: dict[str, Rates] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    edition: str = "1"
    fault: Exception | None = None

    @hookimpl
    def rates(self, model: str, tier: str) -> Rates | None:
        self.calls.append(f"{model} {tier}")
        if self.fault:
            raise self.fault
        return self.known.get(model) if tier == "batch" else None


def with_house(house: House, *names: str) -> PriceSources:
    core = [PriceSource.load(Registry({}), name, None) for name in names]
    return PriceSources([PriceSource("house", house), *core])


def test_cores_own_sources_are_plugins_like_others() -> None:
    installed = {one.name: one for one in Registry({}).installed("prices")}
    assert set(OF_CORE) <= set(installed)
    assert {installed[name].distribution for name in OF_CORE} == {"batchyard"}


def test_sources_are_asked_in_their_order() -> None:
    names = PriceSources.load(Registry({})).names
    assert names == ("account", "book", "genai-prices", "litellm", "derived")


def test_a_source_without_a_rank_is_asked_before_cores_file() -> None:
    account, book, house = (
        PriceSource("account", type("A", (House,), {"rank": 0})()),
        PriceSource.load(Registry({}), "book", None),
        PriceSource("house", House()),
    )
    assert account.rank < house.rank < book.rank


def test_the_configuration_may_choose_sources_and_their_order(registry: Registry) -> None:
    options = PriceOptions(sources=("book", "account"))
    assert PriceSources.load(registry, options).names == ("book", "account")


def test_a_source_that_is_not_installed_is_an_error_and_not_left_out(registry: Registry) -> None:
    with pytest.raises(UnknownPluginError, match="bok"):
        PriceSources.load(registry, PriceOptions(sources=("bok",)))


def test_the_first_source_to_answer_counts() -> None:
    house = House({"gpt-4.1": Rates(Decimal(7), Decimal(9), source="house")})
    sources = with_house(house, "book")
    assert sources.rates(asked("gpt-4.1")).rates == house.known["gpt-4.1"]
    other = sources.rates(asked("gpt-4.1-mini")).rates
    assert other is not None
    assert other.source == "book"


def test_a_source_is_asked_for_a_dated_name_before_its_family() -> None:
    house = House({"gpt-4.1": Rates(Decimal(7), Decimal(9))})
    found = with_house(house, "book").rates(asked("gpt-4.1-2025-04-14"))
    assert found.rates == house.known["gpt-4.1"]
    assert house.calls == ["gpt-4.1-2025-04-14 batch", "gpt-4.1 batch"]


def test_an_answer_is_kept_for_the_day_until_the_edition_changes() -> None:
    house = House({"m": Rates(Decimal(1), Decimal(1))})
    sources = with_house(house)
    for _ in range(5):
        sources.rates(asked("m"))
    assert len(house.calls) == 1
    sources.rates(asked("m", day=DAY + 1))
    assert len(house.calls) == 2
    house.known["m"] = Rates(Decimal(2), Decimal(2))
    house.edition = "2"
    assert sources.rates(asked("m")).rates == house.known["m"]


def test_a_source_that_raises_leaves_its_models_unpriced(openai: Account) -> None:
    house = House(fault=RuntimeError("the meter is broken"))
    sources = with_house(house, "book")
    priced = price_usage([row("gpt-4.1", Usage(10, 10))], sources, openai, NOVEMBER)
    assert (priced.state, priced.cost) == ("unpriced", None)
    assert priced.items[0].reason == "the price source house failed: RuntimeError"


@pytest.mark.parametrize(
    "answer",
    [
        {"input": 1},
        Rates(Decimal(-1), Decimal(1)),
        Rates(Decimal("NaN"), Decimal(1)),
        Rates(1.5, Decimal(1)),  # type: ignore[arg-type]  # a source that is not checked
        Rates(Decimal(1), Decimal(1), long_context=Rates(Decimal(-1), Decimal(1))),
    ],
)
def test_an_answer_that_is_no_price_is_none(answer: Rates) -> None:
    source = PriceSource("house", House({"m": answer}))
    with pytest.raises(PluginContractError, match="price source house"):
        source.rates(
            model="m",
            provider="p",
            region=None,
            tier="batch",
            at=0.0,
            account="a",
            requested=None,
            discount=None,
        )


def test_an_accounts_own_prices_come_first_and_have_no_discount(
    registry: Registry, openai: Account
) -> None:
    own = override_rates({"input": "2", "output": "8", "cached_input": 0.5})
    options = PriceOptions({"openai": {"gpt-4.1": own}}, sources=OF_CORE)
    sources = PriceSources.load(registry, options)
    usage = Usage(1_000_000, 0)
    priced = price_usage([row("gpt-4.1-2025-04-14", usage, lines=100)], sources, openai, NOVEMBER)
    assert priced.cost == Decimal(2)
    rates = priced.items[0].rates
    assert rates is not None
    assert (rates.source, rates.basis) == ("account", "override")


def test_an_accounts_own_prices_are_not_anothers(registry: Registry) -> None:
    own = {"mine": {"gpt-4.1": override_rates({"input": 9, "output": 9})}}
    sources = PriceSources.load(registry, PriceOptions(own, sources=OF_CORE))
    found = [sources.rates(asked("gpt-4.1", one)).rates for one in ("mine", "yours")]
    assert [one.source for one in found if one] == ["account", "book"]


def test_an_override_may_name_what_the_lines_ask_for(registry: Registry, azure: Account) -> None:
    own = {"azure": {"mini-batch": override_rates({"input": 3, "output": 4})}}
    sources = PriceSources.load(registry, PriceOptions(own, sources=OF_CORE))
    rows = [row("gpt-4.1-mini-2025-04-14", Usage(1_000_000, 0), lines=99, requested="mini-batch")]
    assert price_usage(rows, sources, azure, NOVEMBER).cost == Decimal(3)


def test_a_fine_tuned_model_has_a_price_by_override_only(
    registry: Registry, openai: Account
) -> None:
    model = "ft:gpt-4.1-mini-2025-04-14:acme::abc"
    rows = [row(model, Usage(1_000_000, 0), lines=99)]
    everything = PriceSources.load(registry)
    assert price_usage(rows, everything, openai, NOVEMBER).cost is None
    for name in (model, "ft:gpt-4.1-mini-2025-04-14"):
        own = {"openai": {name: override_rates({"input": "0.4", "output": "1.6"})}}
        sources = PriceSources.load(registry, PriceOptions(own))
        assert price_usage(rows, sources, openai, NOVEMBER).cost == Decimal("0.4")


def test_the_time_of_price_is_the_lines_day_else_the_jobs_start(
    sources: PriceSources, openai: Account
) -> None:
    cut = 1_749_513_600  # o3 became cheaper on 2025-06-10
    usage = Usage(1_000_000, 0)
    rows = [
        row("o3-2025-04-16", usage, lines=99, day=cut // 86_400 - 1),
        row("o3-2025-04-16", usage, lines=99, day=cut // 86_400),
        row("o3-2025-04-16", usage, lines=99),
    ]
    before = price_usage(rows, sources, openai, cut - 100.0)
    assert [(one.lines, one.cost) for one in before.items] == [(198, Decimal(10)), (99, Decimal(1))]
    after = price_usage(rows, sources, openai, float(cut))
    assert [(one.lines, one.cost) for one in after.items] == [(99, Decimal(5)), (198, Decimal(2))]


def test_a_limit_of_plugins_leaves_our_own_prices() -> None:
    sources = PriceSources.load(Registry({"BATCHYARD_PLUGINS": ""}))
    assert sources.rates(asked("gpt-4.1")).rates is not None


def test_without_any_source_it_says_so() -> None:
    reason = PriceSources(()).rates(asked("gpt-4.1")).reason
    assert reason == "no price source is asked: [prices] sources names none"
