from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from batchyard.emulators.openai_wire._errors import ApiError
from batchyard.emulators.openai_wire._models import Model
from batchyard.emulators.openai_wire._prompts import PrefixCache


@dataclass(slots=True)
class Usage:
    """Tokens, as a batch adds them up; cached and reasoning ones are parts of the others."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0

    def add(self, other: Usage) -> None:
        self.input += other.input
        self.output += other.output
        self.cached += other.cached
        self.reasoning += other.reasoning

    def document(self) -> dict[str, Any]:
        """As /v1/responses and batch objects show it."""
        return {
            "input_tokens": self.input,
            "output_tokens": self.output,
            "total_tokens": self.input + self.output,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
        }


@dataclass(frozen=True, slots=True)
class Answer:
    body: dict[str, Any]
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Row:
    """One accepted input line on its way to an answer. `at` is in Unix seconds."""

    body: Mapping[str, Any]
    model: Model
    rng: random.Random
    at: int
    cache: PrefixCache

    def hex(self, digits: int) -> str:
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def check_context(self, tokens: int, param: str) -> None:
        limit = self.model.context
        if tokens > limit:
            raise ApiError(
                f"This model's maximum context length is {limit} tokens. However, your {param} "
                f"resulted in {tokens} tokens. Please reduce the length of the {param}.",
                param=param,
                code="context_length_exceeded",
            )
