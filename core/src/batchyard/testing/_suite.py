"""The conformance suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from batchyard.models import FileUpload
from batchyard.testing._driver_tests import DriverTests
from batchyard.testing._faults import AMBIGUOUS, FAULTS, fault, injections
from batchyard.testing._golden_tests import GoldenTests
from batchyard.testing._loading_tests import LoadingTests
from batchyard.testing._plugin_tests import check_overrides
from batchyard.testing._replay_tests import ReplayTests
from batchyard.testing._scenario import Scenario

__all__ = ["ProviderSuite"]

INTERRUPTIONS = ("refused", "reset", "timeout", "429", "503")
"""Faults after which an upload is likely to be sent again, at various depths."""

PIECES = (1, 7, 1 << 30)
"""Bytes in a piece of a stream: the worst cut, one that meets no boundary, and none."""


class ProviderSuite(LoadingTests, ReplayTests, GoldenTests, DriverTests):
    """What every provider must do.  Inherit it as ``Test…``, and say what is tested.

    A test may be overridden only to be marked as one that is expected to fail,
    with the reason: ``@pytest.mark.xfail(reason=…)``.
    """

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Spread scenarios and faults over the tests; pytest calls this on any test class."""
        names = set(metafunc.fixturenames)
        if "fault" in names:
            metafunc.parametrize("scenario, fault", self._faulty())
            return
        for name, values in self._values().items():
            if name in names:
                metafunc.parametrize(name, values)

    def _values(self) -> dict[str, Iterable[Any]]:
        """What each argument of a test ranges over."""
        return {
            "scenario": _titled(self.scenarios),
            "golden": [pytest.param(one, id=one.name) for one in self.goldens],
            "stream": _titled(self._of("file_content")),
            "piece": [pytest.param(size, id=f"pieces-of-{size}") for size in PIECES],
            "upload": _titled(
                [one for one in self.scenarios if isinstance(one.arguments.get("file"), FileUpload)]
            ),
            "interruption": INTERRUPTIONS,
            "creation": _titled(self._of("create_batch")),
            "ambiguity": self._ambiguities(),
            "repetition": ("once", "for-ever"),
            "colour": ("blocking", "awaiting"),
            "status": ("401", "503"),
        }

    def _of(self, operation: str) -> list[Scenario]:
        return [one for one in self.scenarios if one.operation == operation]

    def _faulty(self) -> list[Any]:
        """Each scenario with each fault that any of its exchanges can have.

        One test tries it at every exchange, once and for ever: a test of its own costs
        more than what is tried.
        """
        return [
            pytest.param(scenario, name, id=f"{scenario.title}-{name}")
            for scenario in self.scenarios
            for name in FAULTS
            if any(injections(scenario, [name]))
        ]

    def _ambiguities(self) -> list[str]:
        replies = [one.exchanges[-1].reply for one in self._of("create_batch") if one.exchanges]
        return [name for name in AMBIGUOUS if all(fault(name).fits(one) for one in replies)]

    def test_no_test_is_overridden_but_as_an_expected_failure(self) -> None:
        check_overrides(type(self), ProviderSuite)


def _titled(scenarios: Sequence[Scenario]) -> list[Any]:
    return [pytest.param(one, id=one.title) for one in scenarios]
