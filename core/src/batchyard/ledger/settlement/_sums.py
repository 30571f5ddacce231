"""Summing what lines used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add, attrgetter

from batchyard.ledger.settlement._task import SHORT, JobFiles, UsageKey, UsageSum, bucket_of
from batchyard.models import Usage

__all__ = ["COUNTS", "JobSums", "make_usage"]

COUNTS = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
)
"""The fields of :class:`Usage` that are summed, in its order."""

DAY = 86_400

KEYS = 20_000
"""Models, sizes and days that are kept apart: a guard against names that are new in each line."""

NAME = 256
"""Letters of a model's name that are kept."""

_counts = attrgetter(*COUNTS)

make_usage: Callable[..., Usage] = Usage
"""Takes the values of COUNTS in their order."""


class JobSums:
    """What one job's answers used, by what has one price."""

    def __init__(self, job: JobFiles) -> None:
        self._job = job.job
        self._model = job.models[0] if len(job.models) == 1 else None
        # lines, unknown lines, and the counts
        self._sums: dict[UsageKey, list[int]] = {}

    def add(self, usage: Usage) -> None:
        """Takes one line that was answered."""
        counts = _counts(usage) if usage.known else (0,) * len(COUNTS)
        self._add(
            self._key(usage.model, usage.created or 0, counts[0]), 1, int(not usage.known), counts
        )

    def add_many(
        self,
        models: Sequence[str | None],
        created: Sequence[int],
        counts: Sequence[Sequence[int]],
    ) -> None:
        """Takes lines that all tell what they used: one column of *counts* for each of COUNTS."""
        first, last = min(created) // DAY, max(created) // DAY
        if first == last and max(counts[0]) <= SHORT and models.count(models[0]) == len(models):
            key = self._key(models[0], created[0], 0)
            self._add(key, len(models), 0, list(map(sum, counts)))
            return
        for model, when, *one in zip(models, created, *counts, strict=True):
            self._add(self._key(model, when, one[0]), 1, 0, one)

    def items(self) -> dict[UsageKey, UsageSum]:
        return {
            key: UsageSum(lines, unknown, make_usage(*counts, model=key.model, known=not unknown))
            for key, (lines, unknown, *counts) in self._sums.items()
        }

    def _key(self, model: str | None, created: int, input_tokens: int) -> UsageKey:
        name = model[:NAME] if model else self._model
        return UsageKey(name, self._job, bucket_of(input_tokens), created // DAY)

    def _add(self, key: UsageKey, lines: int, unknown: int, counts: Sequence[int]) -> None:
        row = (lines, unknown, *counts)
        known = self._sums.get(key)
        if known is None and len(self._sums) >= KEYS:
            # what is no longer told apart has no price that anybody could know
            key = UsageKey(self._model, self._job, 0, 0)
            row = (lines, lines, *(0 for _ in counts))
            known = self._sums.get(key)
        self._sums[key] = list(row) if known is None else list(map(add, known, row))
