"""What every source of prices must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from batchyard.prices import PriceContext, PriceOptions
from batchyard.registry import PriceSource
from batchyard.registry._price_source import _AMOUNTS
from batchyard.testing._plugin_tests import PluginTests, check_overrides

__all__ = ["PriceSuite"]

AT = 1_790_000_000.0

ODD = ("", " ", "größe ✓", "../../etc/passwd", "a" * 10_000, "*", "%s", "acme/m\n")
"""Names of models that no price is for."""


class PriceSuite(PluginTests):
    """Inherit it as ``Test…``, name the ``source``, and say what it knows.

    ``known`` has what is asked, such as ``{"provider": "acme", "model": "m"}``,
    with some of the rates that must come: pairs of both.  ``unknown`` has what it
    must leave to other sources.
    """

    group = "prices"
    source: ClassVar[str]
    known: ClassVar[Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]] = ()
    unknown: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def made(self) -> PriceSource:
        context = PriceContext(PriceOptions(), _nobody_knows)
        return PriceSource.load(self.registry, self.source, context)

    def test_it_is_made_and_has_a_rank_and_an_edition(self) -> None:
        editions = {one.edition for one in (self.made(), self.made())}
        if len(editions) != 1:
            raise AssertionError("`edition` changes though the prices do not")

    def test_it_knows_what_it_must(self) -> None:
        if not self.known:
            raise AssertionError("`known`: say what it knows, and what must come")
        for asked, wanted in self.known:
            rates = self._rates(**asked)
            found = {name: getattr(rates, name, None) for name in wanted}
            if found != dict(wanted):
                raise AssertionError(f"{asked} has the rates {found}, and not {dict(wanted)}")

    def test_its_rates_say_where_they_are_from(self) -> None:
        for asked, _ in self.known:
            rates = self._rates(**asked)
            if not getattr(rates, "source", None):
                raise AssertionError(f"the rates of {asked} name no source: {rates!r}")

    def test_amounts_are_decimals_of_dollars_for_a_million_tokens(self) -> None:
        for asked, _ in self.known:
            rates = self._rates(**asked)
            for name in _AMOUNTS:
                amount = getattr(rates, name, None)
                if amount is not None and amount > Decimal(10_000):
                    raise AssertionError(
                        f"{name} of {asked} is {amount} dollars for a million tokens"
                    )

    def test_it_leaves_to_others_what_it_does_not_know(self) -> None:
        for asked in (*self.unknown, *self._others()):
            rates = self._rates(**asked)
            if rates is not None:
                raise AssertionError(f"it has rates for {asked}, which it cannot know: {rates}")

    def test_the_same_question_has_the_same_answer(self) -> None:
        source, other = self.made(), self.made()
        for asked, _ in self.known:
            found = [_asked(one, **asked) for one in (source, source, other)]
            if found[0] != found[1] or found[0] != found[2]:
                raise AssertionError(f"asked again for {asked}, it says {found}")

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), PriceSuite)

    def _others(self) -> list[Mapping[str, Any]]:
        odd: list[Mapping[str, Any]] = [{"provider": "acme", "model": name} for name in ODD]
        return [
            *odd,
            *({**asked, "provider": "no-such-provider"} for asked, _ in self.known),
            *({**asked, "model": f"{asked['model']}-no-such"} for asked, _ in self.known),
        ]

    def _rates(self, **asked: Any) -> Any:
        return _asked(self.made(), **asked)


def _asked(source: PriceSource, **asked: Any) -> Any:
    given: dict[str, Any] = {
        "region": None,
        "tier": "batch",
        "at": AT,
        "account": "mine",
        "requested": None,
        "discount": None,
        **asked,
    }
    return source.rates(**given)


def _nobody_knows(*_asked: object, **_more: object) -> None:
    """The list prices of the other sources: there are none."""
