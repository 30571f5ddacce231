"""For tests: a clock to own, plans driven by a script, and the suite every provider must pass.

A provider's author inherits the suite, and that is the whole installation::

    class TestExample(ProviderSuite):
        provider = "example"
        settings = {"api_key": "example-SECRET-0123456789"}
        scenarios = (
            Scenario(
                "retrieve_batch",
                {"batch": Ref("b1")},
                [Exchange("GET .*/jobs/b1$", Reply(200, {}, b'{"id": "b1"}'))],
                Batch(id="b1"),
            ),
        )

Only :class:`ProviderSuite` needs pytest, which comes with ``batchyard[testing]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from batchyard.testing._clock import ManualClock
from batchyard.testing._faults import FAULTS, Injection
from batchyard.testing._replay import replay
from batchyard.testing._scenario import Exchange, Scenario
from batchyard.testing._script import ScriptError

if TYPE_CHECKING:
    from batchyard.testing._suite import ProviderSuite

__all__ = [
    "FAULTS",
    "Exchange",
    "Injection",
    "ManualClock",
    "ProviderSuite",
    "Scenario",
    "ScriptError",
    "replay",
]


def __getattr__(name: str) -> Any:
    if name == "ProviderSuite":
        from batchyard.testing._suite import (  # noqa: PLC0415 - pytest is an extra's, not ours
            ProviderSuite,
        )

        return ProviderSuite
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
