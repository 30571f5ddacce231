"""Accounts by name: from ``batchyard.toml``, from variables, and from arguments.

Without a file, without a ``BATCHYARD_ACCOUNTS__…`` variable and without a name
that is no provider's, nothing here costs more than looking for them.
"""

from __future__ import annotations

from batchyard.config._accounts import AccountSettings, resolve
from batchyard.config._configuration import AccountTable, Configuration
from batchyard.config._loading import load
from batchyard.config._masking import masked
from batchyard.config._places import FILE_NAME, FILE_VARIABLE, find_file

__all__ = [
    "FILE_NAME",
    "FILE_VARIABLE",
    "AccountSettings",
    "AccountTable",
    "Configuration",
    "find_file",
    "load",
    "masked",
    "resolve",
]
