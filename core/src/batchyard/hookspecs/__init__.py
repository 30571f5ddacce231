"""The contract: the hooks that plugins implement.

=====================  =======================================================
group of entry points  what it names
=====================  =======================================================
batchyard.providers    a class that implements hooks of :class:`ProviderSpec`
batchyard.listeners    a class or module with hooks of :class:`ListenerSpec`
batchyard.sinks        a class with the hooks of :class:`SinkSpec`
batchyard.gates        a class with hooks of :class:`GateSpec`
batchyard.prices       a class with the hook of :class:`PriceSpec`
batchyard.engines      a class with hooks of :class:`EngineSpec`
batchyard.middleware   a class with *wrappers* of hooks of :class:`ProviderSpec`
batchyard.emulators    a :class:`batchyard.emulators.Emulator`
batchyard.commands     a :class:`click.Command` for the command line
=====================  =======================================================

A middleware gets an operation's plan and returns one, so it sees whole
operations in both colours.  The first one configured is the outermost.  It is
trusted: it may slow or stop a call, and what it raises reaches the caller.  A
plan that it does not await is closed.

Example::

    from batchyard.effects import Now
    from batchyard.hookspecs import hookimpl

    class Example:
        @hookimpl(wrapper=True)
        def create_batch(self, call, batch):
            plan = yield
            return self.timed(plan)

        async def timed(self, plan):
            began = await Now()
            result = await plan
            print("create_batch took", await Now() - began)
            return result
"""

from __future__ import annotations

from batchyard.hookspecs._listeners import ListenerSpec
from batchyard.hookspecs._markers import CONTRACT, PROJECT, hookimpl, hookspec
from batchyard.hookspecs._operations import ProviderSpec
from batchyard.hookspecs._plugins import EngineSpec, GateSpec, PriceSpec, SinkSpec
from batchyard.hookspecs._records import (
    Admission,
    EngineContext,
    Forecast,
    GateLine,
    Reservation,
    Verdict,
)
from batchyard.models import Rates

__all__ = [
    "CONTRACT",
    "PROJECT",
    "Admission",
    "EngineContext",
    "EngineSpec",
    "Forecast",
    "GateLine",
    "GateSpec",
    "ListenerSpec",
    "PriceSpec",
    "ProviderSpec",
    "Rates",
    "Reservation",
    "SinkSpec",
    "Verdict",
    "hookimpl",
    "hookspec",
]
