"""What is configured: from ``batchyard.toml``, from variables, and from arguments.

Accounts by name, and what the tracked mode has: the ledger, models, sinks, gates, prices.
Without a file, without a ``BATCHYARD_ACCOUNTS__…`` variable (or one of another
section) and without a name that is no provider's, nothing here costs more than
looking for them.
"""

from __future__ import annotations

from batchyard.config._accounts import AccountSettings, resolve
from batchyard.config._configuration import AccountTable, Configuration, Table, plain
from batchyard.config._gateway import MASTER_KEY, GatewaySettings, resolve_gateway
from batchyard.config._ledger import LedgerSettings, configured_ledger, resolve_ledger
from batchyard.config._loading import load
from batchyard.config._masking import masked
from batchyard.config._models import (
    ModelAccount,
    ModelSettings,
    configured_model,
    resolve_models,
)
from batchyard.config._places import FILE_NAME, FILE_VARIABLE, data_folder, find_file
from batchyard.config._plugins import (
    GateSettings,
    SinkSettings,
    configured_gate,
    configured_sink,
    resolve_gates,
    resolve_sinks,
)
from batchyard.config._prices import PriceSettings, configured_prices, resolve_prices
from batchyard.config._references import is_reference

__all__ = [
    "FILE_NAME",
    "FILE_VARIABLE",
    "MASTER_KEY",
    "AccountSettings",
    "AccountTable",
    "Configuration",
    "GateSettings",
    "GatewaySettings",
    "LedgerSettings",
    "ModelAccount",
    "ModelSettings",
    "PriceSettings",
    "SinkSettings",
    "Table",
    "configured_gate",
    "configured_ledger",
    "configured_model",
    "configured_prices",
    "configured_sink",
    "data_folder",
    "find_file",
    "is_reference",
    "load",
    "masked",
    "plain",
    "resolve",
    "resolve_gates",
    "resolve_gateway",
    "resolve_ledger",
    "resolve_models",
    "resolve_prices",
    "resolve_sinks",
]
