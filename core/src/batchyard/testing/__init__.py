"""For tests: suites that plugins must pass, emulators that are served, a clock to own.

A provider's author inherits a suite, and that is the whole installation::

    class TestExample(ProviderSuite):
        provider = "example"
        settings = {"api_key": "example-SECRET-0123456789"}
        states = {"running": "in_progress"}
        goldens = (Golden("answered", LINE, SENT, ANSWER, RESULT, Usage(3, 1)), …)
        scenarios = (
            Scenario(
                "retrieve_batch",
                {"batch": Ref("b1")},
                [Exchange("GET .*/jobs/b1$", Reply(200, {}, b'{"id": "b1"}'))],
                Batch(id="b1"),
            ),
        )

    class TestExampleEndToEnd(EndToEndSuite):
        provider = "example"

There are :class:`SinkSuite`, :class:`ListenerSuite`, :class:`GateSuite` and
:class:`PriceSuite`, too.  Fixtures for those who test a pipeline, and a report
that programs can read, are in the pytest plugin ``batchyard.testing.plugin``.

The suites, :class:`Emulated` and :class:`GatewayServer` need ``batchyard[testing]``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from batchyard.testing._clock import ManualClock
from batchyard.testing._faults import FAULTS, Injection
from batchyard.testing._golden import Golden
from batchyard.testing._replay import replay
from batchyard.testing._scenario import Exchange, Scenario
from batchyard.testing._script import ScriptError

if TYPE_CHECKING:
    from batchyard.testing._emulated import Emulated
    from batchyard.testing._end_to_end import EndToEndSuite
    from batchyard.testing._gate_suite import GateSuite
    from batchyard.testing._listener_suite import ListenerSuite
    from batchyard.testing._price_suite import PriceSuite
    from batchyard.testing._served import GatewayServer
    from batchyard.testing._sink_suite import SinkSuite
    from batchyard.testing._suite import ProviderSuite

__all__ = [
    "FAULTS",
    "Emulated",
    "EndToEndSuite",
    "Exchange",
    "GateSuite",
    "GatewayServer",
    "Golden",
    "Injection",
    "ListenerSuite",
    "ManualClock",
    "PriceSuite",
    "ProviderSuite",
    "Scenario",
    "ScriptError",
    "SinkSuite",
    "replay",
]

_HOMES = {
    "Emulated": "_emulated",
    "EndToEndSuite": "_end_to_end",
    "GateSuite": "_gate_suite",
    "GatewayServer": "_served",
    "ListenerSuite": "_listener_suite",
    "PriceSuite": "_price_suite",
    "ProviderSuite": "_suite",
    "SinkSuite": "_sink_suite",
}
"""What needs pytest or a server, which are an extra's and not ours."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
