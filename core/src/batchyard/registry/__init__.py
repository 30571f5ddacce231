"""Finding, loading and addressing plugins."""

from __future__ import annotations

from batchyard.registry._account import Account
from batchyard.registry._catalogue import GROUPS, LIMIT, PluginInfo
from batchyard.registry._listeners import DEADLINE, Listener, ListenerCounts
from batchyard.registry._plans import OPERATIONS
from batchyard.registry._registry import Registry

__all__ = [
    "DEADLINE",
    "GROUPS",
    "LIMIT",
    "OPERATIONS",
    "Account",
    "Listener",
    "ListenerCounts",
    "PluginInfo",
    "Registry",
]
