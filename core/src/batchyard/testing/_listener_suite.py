"""What every listener must do."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from pathlib import Path
from typing import ClassVar

import pytest

from batchyard.models import Event
from batchyard.registry import DEADLINE
from batchyard.registry._checks import implementations
from batchyard.testing._event_samples import HOOKS, event_of
from batchyard.testing._plugin_tests import PluginTests, check_overrides
from batchyard.testing._secrecy import check_logs

__all__ = ["ListenerSuite"]


class ListenerSuite(PluginTests):
    """Inherit it as ``Test…``, and name the ``listener``.

    Listeners load with every account, so they are made without settings.
    """

    group = "listeners"
    listener: ClassVar[str]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Spread the kinds of events over the tests; pytest calls this on any test class."""
        if "hook" in metafunc.fixturenames:
            metafunc.parametrize("hook", HOOKS)

    def made(self) -> object:
        return self.registry.plugin("listeners", self.listener)

    def test_it_is_made_without_settings(self) -> None:
        self.made()

    def test_an_event_of_every_kind_is_heard(
        self, hook: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        self._tell(event_of(hook))
        check_logs(caplog, self.secrets(tmp_path))

    def test_an_event_that_knows_little_is_heard(self, hook: str) -> None:
        self._tell(event_of(hook, sparse=True))

    def test_it_says_whether_it_needs_totals(self) -> None:
        needs = getattr(self.made(), "needs_totals", True)
        if needs not in {True, False}:
            raise AssertionError(f"needs_totals is {needs!r}, and has to be True or False")

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), ListenerSuite)

    def _tell(self, event: Event) -> None:
        impl = implementations(self.made()).get(event.hook)
        if impl is None:
            return
        began = time.monotonic()
        answer = impl.function(event) if impl.argnames else impl.function()
        if inspect.isawaitable(answer):
            asyncio.run(_awaited(answer))
        took = time.monotonic() - began
        if took > DEADLINE / 2:
            raise AssertionError(
                f"{event.hook} took {took:.1f} s: it falls behind, and events are lost"
            )


async def _awaited(answer: object) -> None:
    if inspect.isawaitable(answer):
        await answer
