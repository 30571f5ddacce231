from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from batchyard.errors import ConfigError
from batchyard.prices import override_rates


def test_amounts_are_what_is_written_and_not_what_a_float_makes_of_it() -> None:
    rates = override_rates({"input": 0.1, "output": "0.20", "cached_input": 0})
    assert (rates.input, rates.output) == (Decimal("0.1"), Decimal("0.20"))
    assert rates.cached_input == 0
    assert rates.cache_write is None


def test_a_discount_on_batches_counts_only_where_it_is_stated() -> None:
    stated = {
        "input": 2,
        "output": 8,
        "long_context_above": 200_000,
        "long_context": {"input": 4, "output": 12},
    }
    assert override_rates(stated).input == 2
    half = override_rates({**stated, "batch_discount": 0.5})
    assert (half.input, half.output) == (Decimal(1), Decimal(4))
    assert half.long_context is not None
    assert (half.long_context.input, half.long_context_above) == (Decimal(2), 200_000)


@pytest.mark.parametrize(
    ("stated", "param"),
    [
        ({"output": 1}, "input"),
        ({"input": 1}, "output"),
        ({"input": 1, "output": 1, "inputs": 1}, "inputs"),
        ({"input": -1, "output": 1}, "input"),
        ({"input": "cheap", "output": 1}, "input"),
        ({"input": True, "output": 1}, "input"),
        ({"input": float("nan"), "output": 1}, "input"),
        ({"input": 1, "output": 1, "batch_discount": 1.5}, "batch_discount"),
        ({"input": 1, "output": 1, "long_context_above": 5}, "long_context"),
        ({"input": 1, "output": 1, "long_context": {"input": 1, "output": 1}}, "long_context"),
        (
            {"input": 1, "output": 1, "long_context_above": 1.5, "long_context": {}},
            "long_context_above",
        ),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(stated: dict[str, Any], param: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override_rates(stated)
    assert caught.value.param == param
