"""The suites over those examples.  Run by `test_plugin_suites`, not by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from batchyard.testing import GateSuite, ListenerSuite, PriceSuite, SinkSuite
from tests.testing import plugin_examples


class Sinks(SinkSuite):
    def settings_in(self, folder: Path) -> Mapping[str, Any]:
        return {"path": folder / "there"}

    def arrived(self, folder: Path) -> list[str]:
        there = folder / "there"
        index = there / "all"
        if index.exists():
            return index.read_text().split()
        return [one.name.partition(".")[0] for one in there.iterdir()] if there.exists() else []

    def lines_arrived(self, folder: Path) -> list[str]:
        found = (folder / "there").glob("line-*")
        return [one.name.removeprefix("line-").partition(".")[0] for one in found]

    @contextmanager
    def outage(self, folder: Path) -> Iterator[None]:
        (folder / "there").write_text("no folder")
        yield
        (folder / "there").unlink()


class Listeners(ListenerSuite):
    pass


def line(text: str) -> dict[str, Any]:
    return {"body": {"model": "m", "messages": [{"role": "user", "content": text}]}}


class Gates(GateSuite):
    kept: ClassVar[Sequence[Any]] = (line("Hello"),)
    refused: ClassVar[Sequence[Any]] = (line("a forbidden word"),)
    rewritten: ClassVar[Sequence[Any]] = ((line("dirty"), line("clean")["body"]),)


class Prices(PriceSuite):
    known: ClassVar[Sequence[Any]] = (
        ({"provider": "p", "model": "m"}, {"input": Decimal("0.10")}),
    )


class TestQuietSink(Sinks):
    sink = "good_sink"

    def test_an_event_of_a_later_version_is_survived(self, tmp_path: Path) -> None:
        """Not tested."""


class TestQuietListener(Listeners):
    listener = "good_listener"

    def test_it_is_made_without_settings(self) -> None:
        """Not tested."""


class TestQuietGate(Gates):
    gate = "good_gate"

    def test_a_refusal_says_why(self, tmp_path: Path) -> None:
        """Not tested."""


class TestUntriedGate(Gates):
    gate = "good_gate"
    refused = ()
    rewritten = ()


class TestQuietPrices(Prices):
    source = "good_prices"

    def test_it_knows_what_it_must(self) -> None:
        """Not tested."""


class TestUnknownPrices(Prices):
    source = "good_prices"
    known = ()


KINDS = {
    "Gate": (Gates, "gate"),
    "Listener": (Listeners, "listener"),
    "Prices": (Prices, "source"),
    "Sink": (Sinks, "sink"),
}

for _name in list(vars(plugin_examples)):
    _found = re.fullmatch(r"(\w+)(Gate|Listener|Prices|Sink)", _name)
    if _found:
        _suite, _attribute = KINDS[_found[2]]
        globals()[f"Test{_name}"] = type(
            f"Test{_name}", (_suite,), {_attribute: f"{_found[1]}_{_found[2]}".lower()}
        )
