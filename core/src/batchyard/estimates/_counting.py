"""Tokens of the sampled lines, summed for each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from batchyard.estimates._requests import Needs, read_needs
from batchyard.estimates._tokenizers import Tokenizer

__all__ = ["Counted", "ModelSums", "count"]

READING = 0.7
"""Seconds of the processor's time that the whole sample may take, vocabularies included."""

COUNTING = 0.3
"""Seconds after which the lines that are left are counted by the characters of those before."""

LONGEST = 65_536
"""Characters of one line that are counted; the rest of it is like them."""

SHORT = 32_000
"""Input tokens up to which no model has other prices (a row of usage, bucket 0)."""


@dataclass(slots=True)
class ModelSums:
    """The sampled lines of one model.  ``squares`` and ``products`` are for the sampling error.

    ``buckets`` has lines and input tokens by size; ``whole`` says that every
    character was counted.
    """

    tokenizer: Tokenizer
    lines: int = 0
    tokens: float = 0.0
    squares: float = 0.0
    products: float = 0.0
    caps: int = 0
    uncapped: int = 0
    answers: int = 0
    expected: int = 0
    extras: dict[str, int] = field(default_factory=dict)
    buckets: dict[int, tuple[int, float]] = field(default_factory=dict)
    whole: bool = True
    _counted: int = 0
    _characters: int = 0

    def text_tokens(self, needs: Needs, *, counting: bool) -> float:
        characters = needs.characters
        if not characters:
            return 0.0
        if counting or not self._characters:
            part = list(needs.parts(LONGEST))
            seen = sum(map(len, part))
            tokens = sum(map(self.tokenizer.count, part))
            self._counted += tokens
            self._characters += seen
            self.whole = self.whole and seen == characters
            return tokens * characters / seen
        self.whole = False
        return characters * self._counted / self._characters

    def add(self, needs: Needs, tokens: float, size: int, expected: int | None) -> None:
        self.lines += 1
        self.tokens += tokens
        self.squares += tokens * tokens
        self.products += tokens * size
        bucket = 0 if tokens <= SHORT else (round(tokens) - 1) // 1000
        lines, so_far = self.buckets.get(bucket, (0, 0.0))
        self.buckets[bucket] = lines + 1, so_far + tokens
        self._add_answer(needs, expected)
        for kind, number in needs.extras.items():
            self.extras[kind] = self.extras.get(kind, 0) + number

    def _add_answer(self, needs: Needs, expected: int | None) -> None:
        if needs.cap is None:
            self.uncapped += 1
        else:
            self.caps += needs.cap * needs.choices
        self.answers += needs.cap != 0
        if expected is not None:
            each = expected if needs.cap is None else min(expected, needs.cap)
            self.expected += each * needs.choices


@dataclass(slots=True)
class Counted:
    """The sample: its lines and their bytes, with the squares of these."""

    lines: int = 0
    bytes: int = 0
    squares: int = 0
    unreadable: int = 0
    blank: bool = False
    finished: bool = True
    endpoints: dict[str, int] = field(default_factory=dict)
    models: dict[str | None, ModelSums] = field(default_factory=dict)


def count(
    lines: Iterable[bytes],
    tokenizer_of: Callable[[str | None], Tokenizer],
    expected: int | None,
) -> Counted:
    """Count what *lines* have, until time is up.  *expected* is how long an answer will be."""
    began = time.thread_time()
    counted = Counted()
    for line in lines:
        if not line.strip():
            counted.blank = True
            continue
        spent = time.thread_time() - began
        if spent > READING and counted.lines:
            counted.finished = False
            break
        _take(counted, line, tokenizer_of, expected, counting=spent < COUNTING)
    return counted


def _take(
    counted: Counted,
    line: bytes,
    tokenizer_of: Callable[[str | None], Tokenizer],
    expected: int | None,
    *,
    counting: bool,
) -> None:
    size = len(line) + 1
    counted.lines += 1
    counted.bytes += size
    counted.squares += size * size
    needs = read_needs(line)
    if needs is None:
        counted.unreadable += 1
        return
    counted.endpoints[needs.url] = counted.endpoints.get(needs.url, 0) + 1
    sums = counted.models.get(needs.model)
    if sums is None:
        sums = counted.models[needs.model] = ModelSums(tokenizer_of(needs.model))
    tokens = needs.tokens + sums.text_tokens(needs, counting=counting)
    sums.add(needs, tokens, size, expected)
