"""A receipt, as it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from batchyard.cli._output import echo, table
from batchyard.models import CostItem, Proof, Rates, Receipt, Usage

__all__ = ["cost_of", "dollars", "proof_of", "show_receipt"]

UNKNOWN = "unknown"

HEAD = ("model", "lines", "tokens", "", "USD per million", "USD")


def show_receipt(receipt: Receipt) -> None:
    """What each model used, at which rates; then what it comes to."""
    if receipt.items:
        table([HEAD, *(row for item in receipt.items for row in _rows(item))])
    echo(f"cost      {cost_of(receipt)}")
    if receipt.price_version:
        echo(f"prices    {receipt.price_version}")


def cost_of(receipt: Receipt) -> str:
    if receipt.cost is not None:
        nothing = ": nothing was used" if receipt.state == "no_usage" else ""
        return f"{dollars(receipt.cost)} USD{nothing}"
    unpriced = sum(item.lines for item in receipt.items if item.cost is None)
    lines = f"{unpriced:,} answered {'line has' if unpriced == 1 else 'lines have'} no known price"
    if not receipt.priced_cost:
        return f"{UNKNOWN}: {lines}"
    return f"at least {dollars(receipt.priced_cost)} USD; {lines}"


def proof_of(proof: Proof) -> str:
    """Every line accounted for, in a line."""
    from batchyard.client import Completeness

    counts = (proof.duplicates, proof.strangers, proof.malformed)
    return str(Completeness(proof.lines, dict(proof.outcomes), *counts))


def dollars(amount: Decimal) -> str:
    """All digits, and two at least."""
    whole, _, rest = f"{amount:,f}".partition(".")
    return f"{whole}.{rest.rstrip('0'):0<2}"


def _rows(item: CostItem) -> Iterator[tuple[str, ...]]:
    name = item.model or "(no model named)"
    band = "" if item.band == "standard" else f" ({item.band} context)"
    used = item.rates.long_context if item.rates and item.band == "long" else item.rates
    parts = list(_parts(item.usage, used))
    if item.unknown_lines == item.lines:
        parts = [("tokens", None, None)]
    for number, (kind, tokens, rate) in enumerate(parts):
        first = (f"{name}{band}", f"{item.lines:,}") if number == 0 else ("", "")
        told = UNKNOWN if tokens is None else f"{tokens:,}"
        yield *first, kind, told, "" if rate is None else dollars(rate), ""
    yield "", "", "", "", _origin(item), UNKNOWN if item.cost is None else dollars(item.cost)
    if item.reason:
        yield f"  {UNKNOWN}, since {item.reason}", "", "", "", "", ""


def _origin(item: CostItem) -> str:
    if item.rates is None:
        return "no price"
    edition = f" {item.rates.version}" if item.rates.version else ""
    tier = "" if item.tier == "batch" else f", {item.tier}"
    return f"{item.rates.source}{edition}: {item.rates.basis}{tier}"


def _parts(usage: Usage, rates: Rates | None) -> Iterator[tuple[str, int | None, Decimal | None]]:
    """Each token once, as it is priced; then what is known besides."""
    other_input = (
        ("cached input", usage.cached_tokens, "cached_input"),
        ("cache write", usage.cache_write_tokens, "cache_write"),
        ("input audio", usage.input_audio_tokens, "input_audio"),
        ("input image", usage.input_image_tokens, "input_image"),
    )
    other_output = (
        ("output audio", usage.output_audio_tokens, "output_audio"),
        ("output image", usage.output_image_tokens, "output_image"),
    )
    for kind, total, others in (
        ("input", usage.input_tokens, other_input),
        ("output", usage.output_tokens, other_output),
    ):
        plain = total - sum(tokens for _, tokens, _ in others)
        yield kind, plain, getattr(rates, kind, None)
        for name, tokens, rate in others:
            if tokens:
                yield name, tokens, getattr(rates, rate, None)
    if usage.reasoning_tokens:
        yield "of it reasoning", usage.reasoning_tokens, None
