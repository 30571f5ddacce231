"""From a sample to the whole file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from batchyard.errors import ConfigError
from batchyard.estimates._costs import cost_range
from batchyard.estimates._counting import Counted, ModelSums, count
from batchyard.estimates._figures import Estimate, LimitFit, ModelEstimate, TokenRange
from batchyard.estimates._sampling import opened
from batchyard.estimates._tokenizers import Tokenizer, tokenizer_for
from batchyard.prices import PriceSources
from batchyard.registry import Account
from batchyard.sources import Source

__all__ = ["Question", "estimate"]

ERRORS = 3
"""Standard errors on each side: the sample is of places, and lines nearby are alike."""

EXACT = (0.98, 1.03)
"""Of a count with the model's own vocabulary: what stands around messages is not documented."""

ALIKE = (0.93, 1.08)
"""The same, where some texts were taken to be like others."""

ROUGH = (0.5, 2.0)
"""Of four characters to a token: from long words to numbers and other scripts."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an estimate is made for.

    Without an account there are no limits, and without *prices* no costs.
    ``output_tokens`` is how long the caller expects an answer to be; ``at`` is
    the time of price, in Unix seconds.  ``renames`` are the account's names of
    models that the lines call otherwise.
    """

    account: Account | None = None
    prices: PriceSources | None = None
    output_tokens: int | None = None
    at: float = 0.0
    renames: Mapping[str, str] = field(default_factory=dict)

    def sent(self, model: str | None) -> str | None:
        """What the account is asked for where a line asks for *model*."""
        return None if model is None else self.renames.get(model, model)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From the sample to the file: what grows with bytes, and what with lines."""

    factor: float
    line_factor: float
    counted: Counted

    def lines(self, number: int) -> int:
        return round(number * self.line_factor)

    def tokens(self, sums: ModelSums) -> TokenRange:
        error = ERRORS * self._standard_error(sums)
        total = sums.tokens * self.factor
        least, most = _spread(sums)
        high = None if sums.extras else math.ceil((total + error) * most)
        return TokenRange(max(0, math.floor((total - error) * least)), round(total), high)

    def _standard_error(self, sums: ModelSums) -> float:
        """Of a ratio of tokens to bytes, brought up to the whole."""
        lines, size = self.counted.lines, self.counted.bytes
        if self.factor == 1 or lines < 2:
            return 0.0
        ratio = sums.tokens / size
        around = sums.squares - 2 * ratio * sums.products + ratio * ratio * self.counted.squares
        return self.factor * math.sqrt(max(0.0, around) * lines / (lines - 1))


def estimate(source: Source, question: Question) -> Estimate:
    """What a batch of the file would use and cost.  Blocks for about a second at most.

    The file is not checked: a line that is no request is counted as
    ``unreadable``.  Raises :class:`~batchyard.errors.SourceError` for a body that
    cannot be read.
    """
    with opened(source) as body:
        tokenizer_of = partial(_tokenizer, question)
        counted = count(body.sample(), tokenizer_of, question.output_tokens)
        whole = body.small and counted.finished
        factor = 1.0 if whole or not counted.bytes else body.size / counted.bytes
        lines = counted.lines if whole else None if counted.blank else body.count_lines()
    about = round(counted.lines * factor) if lines is None else lines
    scale = _Scale(factor, about / max(1, counted.lines), counted)
    models = tuple(_models(scale, question.output_tokens))
    cost, version = cost_range(models, counted, question)
    fits = _fits(body.size, about, counted, exact=lines is not None, account=question.account)
    return Estimate(
        bytes=body.size,
        lines=about,
        exact=lines is not None,
        sampled=counted.lines,
        unreadable=counted.unreadable,
        endpoints=tuple(counted.endpoints),
        models=models,
        cost=cost,
        limits=tuple(fits),
        account=question.account.name if question.account else None,
        price_version=version,
    )


def _tokenizer(question: Question, model: str | None) -> Tokenizer:
    """That of the model behind a name which the account may have chosen itself."""
    model = question.sent(model)
    if question.account is not None:
        with suppress(ConfigError):  # nobody knows what is behind it: its cost says so
            model = question.account.billing(model, model).model or model
    return tokenizer_for(model)


def _models(scale: _Scale, expected: int | None) -> Iterator[ModelEstimate]:
    counted = scale.counted.models
    for name in sorted(counted, key=lambda one: (-counted[one].lines, one or "")):
        sums = counted[name]
        yield ModelEstimate(
            model=name,
            lines=scale.lines(sums.lines),
            tokenizer=sums.tokenizer.name,
            input=scale.tokens(sums),
            output=_output(scale, sums, expected),
            extras={kind: scale.lines(number) for kind, number in sorted(sums.extras.items())},
        )


def _output(scale: _Scale, sums: ModelSums, expected: int | None) -> TokenRange:
    if not sums.answers:
        return TokenRange(0, 0, 0)
    likely = None if expected is None else scale.lines(sums.expected)
    return TokenRange(None, likely, None if sums.uncapped else scale.lines(sums.caps))


def _spread(sums: ModelSums) -> tuple[float, float]:
    if not sums.tokenizer.exact:
        return ROUGH
    return EXACT if sums.whole else ALIKE


def _fits(
    size: int, lines: int, counted: Counted, *, exact: bool, account: Account | None
) -> Iterator[LimitFit]:
    """Which limits of one job the file fits.  How many tokens may wait, no account tells."""
    if account is None:
        return
    endpoint = next(iter(counted.endpoints), None)
    limits = account.limits(endpoint, _only(counted.models))
    if limits.max_lines is not None:
        # an estimate is no ground for an answer near the limit
        sure = exact or not 0.9 < lines / limits.max_lines < 1.1
        fits = lines <= limits.max_lines
        yield LimitFit("lines", lines, limits.max_lines, fits if sure else None)
    if limits.max_bytes is not None:
        yield LimitFit("bytes", size, limits.max_bytes, size <= limits.max_bytes)
    if limits.one_model_per_file:
        named = len(counted.models)
        # one model in a sample may not be the only one
        sure = named > 1 or counted.lines == lines
        yield LimitFit("models", named, 1, named <= 1 if sure else None)
    if limits.endpoints is not None and endpoint is not None:
        among = set(counted.endpoints) <= set(limits.endpoints)
        yield LimitFit("endpoint", endpoint, " ".join(limits.endpoints), among)
    yield LimitFit("enqueued_tokens", None, None, None)


def _only(models: dict[str | None, ModelSums]) -> str | None:
    return next(iter(models)) if len(models) == 1 else None
