"""Costs worked out by hand, from the providers' lists."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from batchyard.emulators.openai_wire import _models
from batchyard.models import Usage
from batchyard.prices import Asked, PriceSources, price_usage
from batchyard.registry import Account, Registry
from tests.prices.conftest import NOVEMBER, dollars, row

ROOT = Path(__file__).parents[2]


def cost(
    sources: PriceSources, account: Account, model: str, usage: Usage, lines: int = 1
) -> Decimal:
    priced = price_usage([row(model, usage, lines=lines)], sources, account, NOVEMBER)
    assert priced.state == "priced", priced.items
    assert priced.cost is not None
    assert priced.cost == priced.priced_cost == sum(one.cost or 0 for one in priced.items)
    return priced.cost


def test_a_plain_batch(sources: PriceSources, openai: Account) -> None:
    # 51,800 in at 0.20 and 20,720 out at 0.80 dollars a million: 0.01036 + 0.016576
    usage = Usage(51_800, 20_720)
    assert cost(sources, openai, "gpt-4.1-mini-2025-04-14", usage, 518) == dollars("0.026936")


def test_cached_input_of_older_models_has_both_discounts(
    sources: PriceSources, openai: Account
) -> None:
    # gpt-4o: list 2.50 in, 1.25 cached, 10 out.  In a batch 1.25, 0.625 and 5:
    # 20,000 * 1.25 + 10,000 * 0.625 + 1,000 * 5 = 25,000 + 6,250 + 5,000
    usage = Usage(30_000, 1_000, cached_tokens=10_000)
    assert cost(sources, openai, "gpt-4o-2024-08-06", usage) == dollars("0.03625")
    # gpt-4.1: 20,000 * 1 + 10,000 * 0.25 + 1,000 * 4
    assert cost(sources, openai, "gpt-4.1-2025-04-14", usage) == dollars("0.0265")
    # o3: the same prices; o4-mini: 20,000 * 0.55 + 10,000 * 0.1375 + 1,000 * 2.2
    assert cost(sources, openai, "o3-2025-04-16", usage) == dollars("0.0265")
    assert cost(sources, openai, "o4-mini-2025-04-16", usage) == dollars("0.014575")


def test_cached_input_and_cache_writes_of_newer_models(
    sources: PriceSources, openai: Account
) -> None:
    # gpt-5-nano: 500 * 0.025 + 500 * 0.0025 + 100 * 0.20 = 12.5 + 1.25 + 20
    nano = Usage(1_000, 100, cached_tokens=500)
    assert cost(sources, openai, "gpt-5-nano-2025-08-07", nano) == dollars("0.00003375")
    # gpt-6.1-sol: 1,000 * 1 + 2,000 * 0.05 + 3,000 * 1.25 + 400 * 5 = 1000 + 100 + 3750 + 2000
    sol = Usage(6_000, 400, cached_tokens=2_000, cache_write_tokens=3_000)
    assert cost(sources, openai, "gpt-6.1-sol", sol) == dollars("0.00685")


def test_reasoning_is_output_and_not_counted_twice(sources: PriceSources, openai: Account) -> None:
    # gpt-5: 1,000 * 0.625 + 5,000 * 5, of which 4,000 are reasoning
    usage = Usage(1_000, 5_000, reasoning_tokens=4_000)
    assert cost(sources, openai, "gpt-5-2025-08-07", usage) == dollars("0.025625")


def test_long_context_above_272000_bills_the_whole_request(
    sources: PriceSources, openai: Account
) -> None:
    # gpt-6.1-sol in a batch: 1.00 / 0.05 / 5.00, above 272,000 input tokens 2.00 / 0.10 / 7.50
    at = Usage(272_000, 1_000, cached_tokens=72_000)
    over = Usage(272_001, 1_000, cached_tokens=72_000)
    # 200,000 * 1 + 72,000 * 0.05 + 1,000 * 5
    assert cost(sources, openai, "gpt-6.1-sol", at) == dollars("0.2086")
    # 200,001 * 2 + 72,000 * 0.10 + 1,000 * 7.5
    assert cost(sources, openai, "gpt-6.1-sol", over) == dollars("0.414702")


def test_long_context_above_200000_bills_the_whole_request(
    sources: PriceSources, vertex: Account
) -> None:
    # gemini-2.5-pro in a batch: 0.625 / 5, above 200,000 input tokens 1.25 / 7.50
    at, over = Usage(200_000, 1_000), Usage(200_001, 1_000)
    assert cost(sources, vertex, "gemini-2.5-pro", at) == dollars("0.13")
    assert cost(sources, vertex, "gemini-2.5-pro", over) == dollars("0.25750125")


def test_long_context_goes_by_line_and_never_by_the_sum(
    sources: PriceSources, vertex: Account
) -> None:
    # 100 lines of 100,000 tokens are ten million at 0.625; the dearer tier would say 12.50
    usage = Usage(10_000_000, 0)
    assert cost(sources, vertex, "gemini-2.5-pro", usage, 100) == dollars("6.25")


def test_short_and_long_lines_are_two_items(sources: PriceSources, openai: Account) -> None:
    rows = [
        row("gpt-5.4-2026-03-05", Usage(300_000, 10)),
        row("gpt-5.4-2026-03-05", Usage(30_000, 20)),
        row("gpt-5.4-2026-03-05", Usage(100_000, 30)),
    ]
    priced = price_usage(rows, sources, openai, NOVEMBER)
    # 300,000 * 2.5 + 10 * 11.25; 130,000 * 1.25 + 50 * 7.5
    found = [(one.band, one.lines, one.cost) for one in priced.items]
    assert found == [("long", 1, dollars("0.7501125")), ("standard", 2, dollars("0.162875"))]


def test_embeddings_by_their_table(sources: PriceSources, openai: Account, vertex: Account) -> None:
    million = Usage(1_000_000, 0)
    lines = 1000
    assert cost(sources, openai, "text-embedding-3-small", million, lines) == dollars("0.01")
    assert cost(sources, openai, "text-embedding-3-large", million, lines) == dollars("0.065")
    # 0.15 one by one, and not half of it in a batch
    assert cost(sources, vertex, "gemini-embedding-001", million, lines) == dollars("0.12")


def test_an_azure_deployment_is_billed_as_its_base_model(
    sources: PriceSources, azure: Account
) -> None:
    usage = Usage(10_000, 1_000, cached_tokens=5_000)
    rows = [row(None, usage, requested="mini-batch")]
    priced = price_usage(rows, sources, azure, NOVEMBER)
    # gpt-4.1-mini: 5,000 * 0.2 + 5,000 * 0.05 + 1,000 * 0.8
    assert priced.cost == dollars("0.00205")


def test_an_azure_data_zone_costs_a_tenth_more(sources: PriceSources, azure: Account) -> None:
    usage = Usage(10_000, 1_000, cached_tokens=5_000)
    rows = [row("gpt-5-2025-08-07", usage, requested="gpt-5")]
    priced = price_usage(rows, sources, azure, NOVEMBER)
    # gpt-5: 5,000 * 0.6875 + 5,000 * 0.06875 + 1,000 * 5.5
    assert priced.cost == dollars("0.00928125")
    assert priced.items[0].rates is not None
    assert priced.items[0].rates.basis == "list +10 %"


def test_azures_list_has_two_decimals_where_openais_has_three(
    sources: PriceSources, registry: Registry, openai: Account
) -> None:
    settings = {"api_key": "made-up", "base_url": "https://mine.openai.azure.com"}
    azure = registry.account("azure", settings)
    short = Usage(1_000, 0, cached_tokens=1_000)
    long = Usage(300_000, 0, cached_tokens=300_000)
    assert cost(sources, openai, "gpt-5.4-2026-03-05", short) == dollars("0.000125")
    assert cost(sources, azure, "gpt-5.4-2026-03-05", short) == dollars("0.00013")
    assert cost(sources, azure, "gpt-5.4-2026-03-05", long) == dollars("0.075")


def test_vertex_keeps_the_discount_of_the_cache_and_does_not_stack_it(
    sources: PriceSources, vertex: Account
) -> None:
    # gemini-2.5-flash: 0.15 in, 0.03 cached as one by one, 1.25 out:
    # 20,000 * 0.15 + 80,000 * 0.03 + 1,000 * 1.25 = 3,000 + 2,400 + 1,250
    usage = Usage(100_000, 1_000, cached_tokens=80_000)
    assert cost(sources, vertex, "gemini-2.5-flash", usage) == dollars("0.00665")
    # of 3.5 Flash the list itself has half: 20,000 * 0.75 + 80,000 * 0.075 + 1,000 * 4.5
    assert cost(sources, vertex, "gemini-3.5-flash", usage) == dollars("0.0255")


def test_audio_and_images_have_prices_of_their_own(
    sources: PriceSources, vertex: Account, openai: Account
) -> None:
    # 100 * 0.15 + 200 * 0.50 + 300 * 0.15 + 40 * 1.25
    usage = Usage(600, 40, input_audio_tokens=200, input_image_tokens=300)
    assert cost(sources, vertex, "gemini-2.5-flash", usage) == dollars("0.00021")
    # 50 * 2.5 + 300 * 5 + 4,000 * 20
    image = Usage(350, 4_000, input_image_tokens=300, output_image_tokens=4_000)
    assert cost(sources, openai, "gpt-image-1", image) == dollars("0.081625")


def test_mixed_models_are_an_item_each(sources: PriceSources, openai: Account) -> None:
    rows = [
        row("gpt-4o-mini-2024-07-18", Usage(1_000, 100), lines=2),
        row("gpt-4.1-nano-2025-04-14", Usage(2_000, 50), lines=3),
        row("gpt-4o-mini-2024-07-18", Usage(3_000, 0), lines=1),
    ]
    priced = price_usage(rows, sources, openai, NOVEMBER)
    # 2,000 * 0.05 + 50 * 0.2; 4,000 * 0.075 + 100 * 0.3
    found = [(one.model, one.lines, one.cost) for one in priced.items]
    assert found == [
        ("gpt-4.1-nano-2025-04-14", 3, dollars("0.00011")),
        ("gpt-4o-mini-2024-07-18", 3, dollars("0.00033")),
    ]
    assert priced.cost == dollars("0.00044")


def test_the_responses_shape_costs_what_the_chat_shape_costs(
    sources: PriceSources, openai: Account
) -> None:
    from batchyard.lines import decode_result  # noqa: PLC0415 - beside what it is for

    chat = (
        '{"prompt_tokens": 900, "completion_tokens": 70,'
        ' "prompt_tokens_details": {"cached_tokens": 400},'
        ' "completion_tokens_details": {"reasoning_tokens": 30}}'
    )
    responses = (
        '{"input_tokens": 900, "output_tokens": 70,'
        ' "input_tokens_details": {"cached_tokens": 400},'
        ' "output_tokens_details": {"reasoning_tokens": 30}}'
    )
    read = openai.usage_reader("/v1/responses")
    costs = []
    for usage in (chat, responses):
        body = f'{{"model": "gpt-5-mini-2025-08-07", "usage": {usage}}}'
        line = f'{{"custom_id": "a", "response": {{"status_code": 200, "body": {body}}}}}'
        used = read(decode_result(line.encode()))
        assert used.model is not None
        costs.append(cost(sources, openai, used.model, used))
    # 500 * 0.125 + 400 * 0.0125 + 70 * 1
    assert costs == [dollars("0.0001375")] * 2


def test_an_unknown_model_is_unpriced_and_never_free(
    sources: PriceSources, openai: Account
) -> None:
    rows = [row("gpt-4.1-mini", Usage(1_000, 0)), row("gpt-99", Usage(10, 10))]
    priced = price_usage(rows, sources, openai, NOVEMBER)
    assert (priced.state, priced.cost, priced.priced_cost) == ("unpriced", None, dollars("0.0002"))
    unpriced = priced.items[1]
    assert (unpriced.model, unpriced.cost) == ("gpt-99", None)
    assert unpriced.reason == "no price of gpt-99 is known"


def test_every_model_of_the_demo_has_a_price(sources: PriceSources, openai: Account) -> None:
    text = (ROOT / "examples" / "reviews.jsonl").read_bytes()
    models = {msgspec.json.decode(line)["body"]["model"] for line in text.splitlines()}
    assert models
    for model in models:
        assert cost(sources, openai, model, Usage(1_000, 1_000)) > 0


def test_every_model_of_the_emulators_that_is_billed_by_tokens_has_a_price(
    sources: PriceSources, openai: Account
) -> None:
    without = set()
    for name, model in _models._MODELS.items():
        for one in (name, model.snapshot):
            asked = Asked(openai.billing(one), name, "openai", "openai", int(NOVEMBER // 86_400))
            if sources.rates(asked).rates is None:
                without.add(one)
    # a video is billed by its seconds, which no usage has
    assert without == {"sora-2"}
