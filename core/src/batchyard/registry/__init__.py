"""Finding, loading and addressing plugins."""

from __future__ import annotations

from batchyard.registry._account import Account
from batchyard.registry._catalogue import GROUPS, LIMIT, PluginInfo
from batchyard.registry._checks import SPECS, hooks_of
from batchyard.registry._contract import declared, wanted_core
from batchyard.registry._engines import Engine
from batchyard.registry._gates import Gate
from batchyard.registry._listeners import DEADLINE, Listener, ListenerCounts, Observation
from batchyard.registry._plans import OPERATIONS
from batchyard.registry._price_source import PriceSource
from batchyard.registry._registry import Registry
from batchyard.registry._sinks import Sink
from batchyard.registry._switches import OFF, Switches

__all__ = [
    "DEADLINE",
    "GROUPS",
    "LIMIT",
    "OFF",
    "OPERATIONS",
    "SPECS",
    "Account",
    "Engine",
    "Gate",
    "Listener",
    "ListenerCounts",
    "Observation",
    "PluginInfo",
    "PriceSource",
    "Registry",
    "Sink",
    "Switches",
    "declared",
    "hooks_of",
    "wanted_core",
]
