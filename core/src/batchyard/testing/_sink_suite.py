"""What every sink must do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from batchyard.errors import BatchyardError
from batchyard.models import Event
from batchyard.registry import Sink
from batchyard.testing._event_samples import (
    DURABLE,
    ended,
    event_of,
    lines_of,
    of_tomorrow,
)
from batchyard.testing._plugin_tests import PluginTests, check_overrides
from batchyard.testing._secrecy import check_logs, check_text, texts_of

__all__ = ["SinkSuite"]

MANY = 20
"""Events that are under way at a time."""


class SinkSuite(PluginTests):
    """Inherit it as ``Test…``, name the ``sink``, and say where its events arrive.

    ``hooks`` are the events that it keeps, all by default; the others it must
    take, and may forget.  A sink for lines alone keeps none.
    """

    group = "sinks"
    sink: ClassVar[str]
    hooks: ClassVar[Sequence[str]] = DURABLE

    def arrived(self, folder: Path) -> Collection[str]:  # noqa: ARG002 - for those who override it
        """The ids of the events that are at the other end, each as often as it is there."""
        pytest.fail(f"say in arrived() of {type(self).__name__} what has arrived")

    def lines_arrived(self, folder: Path) -> Collection[str]:  # noqa: ARG002 - likewise
        """The ids of the lines at the other end, likewise, of a sink that takes lines."""
        pytest.fail(f"say in lines_arrived() of {type(self).__name__} what has")

    def outage(self, folder: Path) -> AbstractContextManager[Any] | None:  # noqa: ARG002 - for those who override it
        """Override it with a context in which the other end takes nothing."""
        return None

    def made(self, folder: Path) -> Sink:
        return self.registry.sink(self.sink, self.settings_in(folder))

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Spread the kinds of events over the tests; pytest calls this on any test class."""
        if "hook" in metafunc.fixturenames:
            metafunc.parametrize("hook", DURABLE)

    def test_it_is_made_with_its_settings_and_shows_no_secret(self, tmp_path: Path) -> None:
        sink = self.made(tmp_path)
        plugin = self.registry.plugin("sinks", self.sink, *self._arguments(tmp_path))
        self.check_repr(tmp_path, sink, plugin)

    def test_an_event_of_every_kind_is_taken(self, hook: str, tmp_path: Path) -> None:
        events = [event_of(hook), event_of(hook, sparse=True)]
        self._deliver(tmp_path, *events)
        if hook in self.hooks:
            self._check_arrived(tmp_path, events[:1])

    def test_an_event_of_a_later_version_is_survived(self, tmp_path: Path) -> None:
        self._deliver(tmp_path, of_tomorrow())

    def test_an_event_that_comes_twice_is_there_once(self, tmp_path: Path) -> None:
        event = self._kept()
        self._deliver(tmp_path, event)
        # another process, which knows nothing of the first
        self._deliver(tmp_path, event)
        self._check_arrived(tmp_path, [event])

    def test_events_side_by_side_all_arrive(self, tmp_path: Path) -> None:
        events = [self._kept() for _ in range(MANY)]
        sink = self.made(tmp_path)

        async def all_at_once() -> None:
            await asyncio.gather(*(sink.deliver(one) for one in events))

        asyncio.run(all_at_once())
        self._check_arrived(tmp_path, events)

    def test_an_outage_is_raised_and_the_event_arrives_afterwards(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        outage = self.outage(tmp_path)
        if outage is None:
            pytest.skip(f"outage() of {type(self).__name__} has none")
        caplog.set_level(logging.DEBUG)
        event = self._kept()
        with outage:
            error = self._refused(tmp_path, event)
        for text in texts_of(error):
            check_text("an error", text, self.secrets(tmp_path))
        check_logs(caplog, self.secrets(tmp_path))
        self._deliver(tmp_path, event)
        self._check_arrived(tmp_path, [event])

    @pytest.mark.parametrize("bodies", [False, True])
    def test_lines_that_come_twice_are_there_once(self, tmp_path: Path, *, bodies: bool) -> None:
        if not self.made(tmp_path).takes_lines:
            pytest.skip(f"{self.sink} takes no lines")
        event = ended()
        lines = lines_of(event, bodies=bodies)
        for _ in range(2):
            asyncio.run(self.made(tmp_path).deliver_lines(event, lines))
        there = list(self.lines_arrived(tmp_path))
        for line in lines:
            if there.count(line.id) != 1:
                raise AssertionError(
                    f"the {line.outcome} line {line.id} is there {there.count(line.id)} times"
                )

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), SinkSuite)

    def _kept(self) -> Event:
        if not self.hooks:
            pytest.skip(f"{self.sink} keeps no events")
        return event_of(self.hooks[0])

    def _arguments(self, folder: Path) -> list[Any]:
        model = getattr(self.registry.load("sinks", self.sink), "Settings", None)
        return [] if model is None else [model(**self.settings_in(folder))]

    def _deliver(self, folder: Path, *events: Event) -> None:
        sink = self.made(folder)

        async def one_by_one() -> None:
            for event in events:
                await sink.deliver(event)

        asyncio.run(one_by_one())

    def _refused(self, folder: Path, event: Event) -> BatchyardError:
        try:
            self._deliver(folder, event)
        except BatchyardError as error:
            return error
        raise AssertionError("the event was acknowledged, and the other end took nothing")

    def _check_arrived(self, folder: Path, events: Sequence[Event]) -> None:
        there = list(self.arrived(folder))
        for event in events:
            count = there.count(event.id)
            if count != 1:
                raise AssertionError(
                    f"{event.hook} {event.id} has to be there once, and is {count} times"
                )
