from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from batchyard.errors import ConfigError, SourceError
from batchyard.estimates import CostRange, Estimate, LimitFit, Question, TokenRange, estimate
from batchyard.estimates._requests import read_needs
from batchyard.estimates._tokenizers import tokenizer_for
from batchyard.hookspecs import hookimpl
from batchyard.models import Billing, Limits, Rates
from batchyard.prices import PriceSources
from batchyard.registry import Account, PriceSource
from batchyard.steps import BytesSource, PathSource
from tests.estimates.requests import chat, line, prose, seeded, written

BOM = b"\xef\xbb\xbf"


class Provider:
    """Bills a deployment as the model behind it, and has limits."""

    @hookimpl
    def billing(self, model: str | None) -> Billing:
        if model == "unknown-deployment":
            raise ConfigError("it may be of any model")
        return Billing("gpt-4o" if model == "my-deployment" else model)

    @hookimpl
    def limits(self) -> Limits:
        return Limits(
            max_lines=100,
            max_bytes=20_000,
            endpoints=("/v1/chat/completions", "/v1/embeddings"),
        )


class Prices:
    @hookimpl
    def rates(self, model: str) -> Rates | None:
        if not model.startswith("gpt-"):
            return None
        long = Rates(Decimal(4), Decimal(20)) if model == "gpt-long" else None
        above = 200_000 if long else None
        return Rates(
            Decimal(2), Decimal(10), source="test", long_context_above=above, long_context=long
        )


def question(**options: Any) -> Question:
    prices = PriceSources([PriceSource("test", Prices())])
    return Question(Account("acme", "test", Provider()), prices, at=1_790_000_000.0, **options)


def of(*lines: bytes, **options: Any) -> Estimate:
    return estimate(BytesSource(b"\n".join(lines)), question(**options))


def exactly(path: Path) -> int:
    """The tokens of every line, counted one by one."""
    total = 0
    for data in path.read_bytes().splitlines():
        found = read_needs(data)
        assert found is not None
        total += found.tokens + sum(map(tokenizer_for(found.model).count, found.texts))
    return total


def test_a_small_file_is_counted_whole() -> None:
    found = of(chat(1, "hello world"), chat(2, "hello"))

    assert (found.lines, found.exact, found.sampled, found.unreadable) == (2, True, 2, 0)
    # six around a message and before the answer, "user", and the text
    assert found.input.expected == (6 + 1 + 2) + (6 + 1 + 1)
    assert found.input.low is not None
    assert found.input.high is not None
    assert found.input.low <= 17 <= found.input.high
    assert found.models[0].tokenizer == "o200k_base"
    assert found.endpoints == ("/v1/chat/completions",)


def test_the_length_of_answers_is_unknown_and_not_nothing() -> None:
    found = of(chat(1, "hello"))

    assert found.output == TokenRange(None, None, None)
    assert found.cost.low == Decimal("0.000014")
    assert (found.cost.expected, found.cost.high) == (None, None)
    assert len(found.cost.reasons) == 2


def test_the_most_that_answers_may_have_is_what_the_lines_allow() -> None:
    found = of(chat(1, "hello", max_tokens=100), chat(2, "hello", max_completion_tokens=50, n=2))

    assert found.output == TokenRange(None, None, 200)
    assert found.cost.high is not None
    assert found.cost.high > Decimal("0.002")


def test_one_line_without_a_maximum_leaves_the_most_unknown() -> None:
    assert of(chat(1, "a", max_tokens=100), chat(2, "b")).output.high is None


def test_a_length_that_is_expected_gives_an_expected_cost() -> None:
    found = of(chat(1, "hello"), chat(2, "hello", max_tokens=40), output_tokens=100)

    assert found.output.expected == 140
    assert found.cost.expected == Decimal("0.001432")
    assert found.cost.high is None


def test_embeddings_have_no_answer_that_costs() -> None:
    found = of(line(1, "/v1/embeddings", model="gpt-4", input="hello"))

    assert found.output == TokenRange(0, 0, 0)
    assert found.cost.expected == Decimal("0.000002")
    assert found.cost.reasons == ()


def test_images_and_tools_are_said_and_leave_the_most_unknown() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    found = of(line(1, messages=[{"role": "user", "content": [image]}], max_tokens=5))

    assert found.models[0].extras == {"images": 1}
    assert found.input.high is None
    assert found.cost.high is None
    assert any("images" in one for one in found.cost.reasons)


def test_a_model_without_a_vocabulary_is_counted_roughly_and_says_so() -> None:
    found = of(chat(1, "x" * 4000, model="gemini-2.5-pro"))

    assert found.models[0].tokenizer == "rough"
    assert found.input.expected == 1007
    assert found.input.low is not None
    assert found.input.high is not None
    assert found.input.low < 600
    assert found.input.high > 1900


def test_a_model_without_a_price_is_unpriced_and_never_free() -> None:
    found = of(chat(1, "a", model="house-model", max_tokens=5), chat(2, "b", max_tokens=5))

    assert (found.cost.low, found.cost.expected, found.cost.high) == (None, None, None)
    assert any("house-model" in one for one in found.cost.reasons)


def test_a_deployment_is_counted_and_priced_as_the_model_behind_it() -> None:
    found = of(chat(1, "hello", model="my-deployment", max_tokens=5))

    assert found.models[0].model == "my-deployment"
    assert found.models[0].tokenizer == "o200k_base"
    assert found.cost.high is not None


def test_a_deployment_of_which_nothing_is_known_is_counted_and_has_no_price() -> None:
    found = of(chat(1, "hello", model="unknown-deployment", max_tokens=5))

    assert found.models[0].input.expected
    assert found.cost.low is None
    assert any("it may be of any model" in one for one in found.cost.reasons)


def test_each_model_is_estimated_by_itself() -> None:
    found = of(*(chat(number, "hi", model="gpt-5" if number % 3 else "o3") for number in range(9)))

    assert [(one.model, one.lines) for one in found.models] == [("gpt-5", 6), ("o3", 3)]


def test_long_requests_have_the_prices_of_long_requests() -> None:
    words = " word" * 250_000
    found = of(
        line(1, "/v1/embeddings", model="gpt-long", input=words),
        line(2, "/v1/embeddings", model="gpt-long", input=" word"),
    )

    tokens = found.input.expected or 0
    assert tokens > 200_000
    assert found.cost.expected is not None
    # but for the one short line, at the higher rate
    assert found.cost.expected == pytest.approx(
        Decimal(tokens) * 4 / 1_000_000, rel=Decimal("1e-4")
    )


def test_without_an_account_there_are_tokens_and_neither_costs_nor_limits() -> None:
    found = estimate(BytesSource(chat(1, "hello")), Question())

    assert found.input.expected == 8
    assert (found.cost.low, found.limits, found.account) == (None, (), None)
    assert found.cost.reasons


def fits(found: Estimate) -> dict[str, tuple[object, object, bool | None]]:
    return {one.limit: (one.value, one.most, one.fits) for one in found.limits}


def test_the_limits_say_whether_the_file_fits() -> None:
    assert fits(of(chat(1, "hello"))) == {
        "lines": (1, 100, True),
        "bytes": (len(chat(1, "hello")), 20_000, True),
        "models": (1, 1, True),
        "endpoint": ("/v1/chat/completions", "/v1/chat/completions /v1/embeddings", True),
        "enqueued_tokens": (None, None, None),
    }


def test_what_does_not_fit_is_told() -> None:
    lines = [chat(number, "x" * 100, model=f"gpt-{number % 2}") for number in range(150)]
    lines.append(line(150, "/v1/responses", input="x"))

    found = fits(of(*lines))

    assert found["lines"] == (151, 100, False)
    assert found["bytes"][2] is False
    assert found["models"] == (2 + 1, 1, False)
    assert found["endpoint"][2] is False


def test_lines_that_are_no_requests_are_counted_and_stop_nothing() -> None:
    found = of(BOM + chat(1, "hello"), b"", b"not json", b"{}", chat(2, "hello"))

    assert (found.lines, found.sampled, found.unreadable) == (4, 4, 2)
    assert found.models[0].lines == 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b"garbage"])
def test_a_file_of_nothing_has_no_figures(content: bytes) -> None:
    found = estimate(BytesSource(content), question())

    assert found.models == ()
    assert found.input == TokenRange(None, None, None)
    assert found.cost == CostRange(None, None, None, ("no request could be read",))


def test_a_file_of_one_enormous_line_is_estimated_from_it() -> None:
    found = of(chat(1, "QUJD" * 1_000_000))

    assert (found.sampled, found.lines) == (1, 1)
    assert found.input.expected is not None
    assert found.input.expected > 1_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six megabytes: short lines first, long ones later."""
    chance = seeded(7)
    return written(
        tmp_path_factory.mktemp("estimates") / "large.jsonl",
        (chat(number, prose(chance, 20 + number // 10), max_tokens=100) for number in range(4_000)),
    )


@pytest.fixture(scope="module")
def truth(large: Path) -> int:
    return exactly(large)


def test_a_large_file_is_estimated_from_lines_all_over_it(large: Path, truth: int) -> None:
    found = estimate(PathSource(large), question())

    assert found.sampled < 3000
    assert (found.lines, found.exact) == (4_000, True)
    assert found.input.expected == pytest.approx(truth, rel=0.05)
    assert found.input.low is not None
    assert found.input.high is not None
    assert found.input.low < truth < found.input.high
    assert found.output.high == 400_000


def test_the_same_file_has_the_same_sample(large: Path) -> None:
    first, second = (estimate(PathSource(large), question()) for _ in range(2))

    assert first.input.expected == pytest.approx(second.input.expected, rel=0.03)


def test_a_sample_cannot_say_that_there_is_only_one_model(large: Path) -> None:
    found = estimate(PathSource(large), question())

    assert LimitFit("models", 1, 1, None) in found.limits


def test_a_body_that_is_no_path_is_estimated_too(large: Path, truth: int) -> None:
    class Body:
        length = large.stat().st_size

        def chunks(self) -> Iterator[bytes]:
            with large.open("rb") as file:
                while chunk := file.read(100_000):
                    yield chunk

    found = estimate(Body(), question())

    assert found.lines == 4_000
    assert found.input.expected == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("kind", ["prose", "media", "letters", "one-line"])
def test_an_estimate_takes_a_second_of_the_processor_at_most(kind: str, tmp_path: Path) -> None:
    chance = seeded(3)

    def text(number: int) -> str:
        if kind == "prose":
            return prose(chance, 800)
        if kind == "letters":
            return "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=5000))
        return "QUJD" * (500_000 if kind == "media" else 2_500_000) + str(number)

    numbers = {"prose": 1500, "media": 20, "letters": 1200, "one-line": 1}[kind]
    path = written(tmp_path / "large.jsonl", (chat(one, text(one)) for one in range(numbers)))
    tokenizer_for("gpt-4o-mini").count("loaded once a process")

    began = time.thread_time()
    found = estimate(PathSource(path), question())
    spent = time.thread_time() - began

    assert spent < 1.0
    assert found.sampled >= 1


def test_a_file_that_is_gone_cannot_be_estimated(tmp_path: Path) -> None:
    source = PathSource(written(tmp_path / "a.jsonl", [chat(1, "a")]))
    source.path.unlink()

    with pytest.raises(SourceError):
        estimate(source, question())
