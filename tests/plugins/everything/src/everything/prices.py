from __future__ import annotations

from decimal import Decimal

from batchyard.hookspecs import Rates, hookimpl

BOOK: dict[tuple[str, str | None, str], tuple[Decimal, Decimal]] = {
    ("everything", None, "batch"): (Decimal("0.1"), Decimal("0.2")),
}


class Prices:
    @hookimpl
    def rates(
        self, model: str, provider: str, region: str | None, tier: str, at: float
    ) -> Rates | None:
        known = BOOK.get((provider, region, tier))
        return Rates(*known, source=f"{model} at {at:g}") if known else None
